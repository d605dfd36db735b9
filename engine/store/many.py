"""One statement for many rows, bound by the driver itself: SQLAlchemy binds row by row, on the event loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import UpdateBase

ROWS_AT_ONCE = 500
"""Handed over at once: putting a row's values in order takes a microsecond or two."""


class ManyRows:
    """An insert, update or delete made ready once, for rows that hold its values by their names.

    Values go to the driver as they are: texts, numbers, truth values and None. All of them are the rows': none may be
    written in the statement.
    """

    def __init__(self, statement: UpdateBase, names: Sequence[str] | None = None) -> None:
        """``names`` are the columns that an insert fills."""
        compiled = statement.compile(dialect=sqlite.dialect(), column_keys=None if names is None else list(names))
        self._text = str(compiled)
        self._order: tuple[str, ...] = tuple(compiled.positiontup or ())

    async def execute(self, connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Carry it out for every row, in order; a failure is that of the transaction."""
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = rows[start : start + ROWS_AT_ONCE]
            await connection.exec_driver_sql(self._text, [tuple([row[name] for name in self._order]) for row in part])
