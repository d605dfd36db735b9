"""What every part of the catalog shares: the store, the clock, and the few rows that all of them touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.clock import Clock
from engine.locations import node_of
from engine.model import EntryKey
from engine.store.schema import counters, entries, locations
from engine.store.store import Store

SEQUENCE = "catalog"


class CatalogPart:
    """One aspect of the catalog; ``DataCatalog`` is made of these."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock


async def next_sequence(connection: AsyncConnection) -> int:
    """Advance the catalog's sequence and return it; entries that change carry it."""
    statement = update(counters).where(counters.c.name == SEQUENCE).values(value=counters.c.value + 1)
    sequence: int = (await connection.execute(statement.returning(counters.c.value))).scalar_one()
    return sequence


async def current_sequence(connection: AsyncConnection) -> int:
    """Return the sequence of the newest change."""
    statement = select(counters.c.value).where(counters.c.name == SEQUENCE)
    sequence: int = (await connection.execute(statement)).scalar_one()
    return sequence


async def location_id(connection: AsyncConnection, name: str) -> int:
    """Return a location's row id; a location that was never heard of gets one."""
    known = select(locations.c.id).where(locations.c.name == name)
    found: int | None = (await connection.execute(known)).scalar_one_or_none()
    if found is None:
        statement = insert(locations).values(name=name, node_id=node_of(name)).returning(locations.c.id)
        found = (await connection.execute(statement)).scalar_one()
    return found


async def find_entry(connection: AsyncConnection, key: EntryKey, columns: Sequence[Any] = ()) -> Any | None:
    """Return an entry's row (all columns, or those named), or None."""
    return (await connection.execute(select(*(columns or (entries,))).where(entries.c.key == str(key)))).one_or_none()


async def touch(connection: AsyncConnection, entry_id: int, at: float, **changes: Any) -> int:
    """Note that an entry changed; return the sequence that it got."""
    sequence = await next_sequence(connection)
    statement = update(entries).where(entries.c.id == entry_id).values(sequence=sequence, updated_at=at, **changes)
    await connection.execute(statement)
    return sequence
