"""The few expressions that databases spell differently, in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, TextClause, case, literal
from sqlalchemy.dialects.sqlite import Insert, insert


def upsert(
    table: Table,
    values: Mapping[str, Any] | None,
    unique: Sequence[str],
    update: Sequence[str] | Mapping[str, Any],
    where: TextClause | None = None,
) -> Insert:
    """Return an insert that updates the row which holds the same ``unique`` columns.

    ``update`` names the columns that take the new value, or maps columns to expressions. ``where`` is the
    condition of a partial unique index. ``values`` None leaves the values to the execution (many rows).
    """
    statement = insert(table) if values is None else insert(table).values(**values)
    changes = update if isinstance(update, Mapping) else {name: statement.excluded[name] for name in update}
    return statement.on_conflict_do_update(index_elements=list(unique), index_where=where, set_=dict(changes))


def greatest(first: ColumnElement[Any], second: Any) -> ColumnElement[Any]:
    """Return the larger of two values (SQLite calls this MAX, PostgreSQL GREATEST)."""
    other = second if isinstance(second, ColumnElement) else literal(second)
    return case((first >= other, first), else_=other)
