"""Statements for many rows: every row is written, in order, and one that cannot be undoes its unit alone."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.store.dialect import upsert
from engine.store.errors import StoreError
from engine.store.many import ROWS_AT_ONCE, ManyRows
from engine.store.schema import meta
from engine.store.store import Store

ADD = ManyRows(insert(meta), ("name", "value"))
PUT = ManyRows(upsert(meta, None, ("name",), ("value",)), ("name", "value"))
CHANGE = ManyRows(update(meta).where(meta.c.name == bindparam("of_name")).values(value=bindparam("to_value")))
DROP = ManyRows(delete(meta).where(meta.c.name == bindparam("of_name")))
COUNT = 2 * ROWS_AT_ONCE + 3


async def written(store: Store) -> dict[str, str]:
    rows = await store.query(lambda c: c.execute(select(meta.c.name, meta.c.value).order_by(meta.c.name)).all())
    return {name: value for name, value in rows if name.startswith("row")}


async def carry_out(store: Store, statement: ManyRows, *rows: dict[str, str]) -> None:
    async def unit(connection: AsyncConnection) -> None:
        await statement.execute(connection, rows)

    await store.write(unit)


async def test_more_rows_than_are_handed_over_at_once_are_all_written_changed_and_removed(store: Store) -> None:
    names = [f"row{number:06d}" for number in range(COUNT)]
    await carry_out(store, ADD, *({"value": f"v{name}", "name": name} for name in names))
    assert await written(store) == {name: f"v{name}" for name in names}
    await carry_out(store, CHANGE, *({"of_name": name, "to_value": "new"} for name in names[1:]))
    assert await written(store) == {names[0]: f"v{names[0]}", **dict.fromkeys(names[1:], "new")}
    await carry_out(store, DROP, *({"of_name": name} for name in names[2:]))
    assert list(await written(store)) == names[:2]
    await carry_out(store, ADD)
    assert list(await written(store)) == names[:2]


async def test_of_two_rows_that_are_the_same_the_later_one_stands(store: Store) -> None:
    await carry_out(store, PUT, {"name": "row", "value": "one"}, {"name": "row", "value": "two"})
    assert await written(store) == {"row": "two"}


async def test_a_row_that_cannot_be_written_undoes_what_came_before_it(store: Store) -> None:
    rows = [{"name": f"row{number:06d}", "value": ""} for number in range(COUNT)]
    with pytest.raises(StoreError):
        await carry_out(store, ADD, *rows, rows[0])
    assert await written(store) == {}
    await carry_out(store, ADD, *rows)
    assert len(await written(store)) == COUNT


async def test_a_row_without_one_of_the_values_is_refused(store: Store) -> None:
    with pytest.raises(KeyError):
        await carry_out(store, ADD, {"name": "row"})
    assert await written(store) == {}
