"""The store: one state database, one writer, a few readers, and a place for small things to remember."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.store.connections import writing_engine
from engine.store.dialect import upsert
from engine.store.opening import prepare
from engine.store.readers import Readers
from engine.store.schema import counters, meta
from engine.store.writer import Unit, Writer

T = TypeVar("T")


class Store:
    """An open state database. Make it with ``Store.open``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = writing_engine(path)
        self._writer = Writer(self._engine, path)
        self._readers = Readers(path)

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Create or migrate the database and return it open.

        Raises StoreCorrupt, StoreTooNew, StoreLocked, or StoreError when it cannot be opened at all.
        """
        await asyncio.to_thread(prepare, path)
        store = cls(path)
        store._writer.start()
        return store

    async def write(self, unit: Unit[T]) -> T:
        """Run a unit of writing in a transaction; return its value once it is committed, durably.

        Units run one after the other in the order of the calls; those that wait share one commit. Raises what
        the unit raised (then only its own changes are undone), StoreError, or StoreClosed.
        """
        return await self._writer.write(unit)

    async def read(self, unit: Unit[T]) -> T:
        """Run a short read on the event loop's own read-only connections. Raises StoreError."""
        return await self._readers.read(unit)

    async def query(self, work: Callable[[Connection], T]) -> T:
        """Run a read of many rows in a thread. Raises StoreError."""
        return await self._readers.query(work)

    async def close(self) -> None:
        """Finish the writes that were asked for, wait for reads, close. May be called again."""
        await self._writer.close()
        await self._readers.close()
        await self._engine.dispose()

    async def meta_get(self, name: str) -> str | None:
        """Return a remembered value, or None."""

        def look(connection: Connection) -> str | None:
            return connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar_one_or_none()

        return await self.query(look)

    async def meta_set(self, name: str, value: str) -> None:
        """Remember a value."""

        async def put(connection: AsyncConnection) -> None:
            await connection.execute(upsert(meta, {"name": name, "value": value}, ("name",), ("value",)))

        await self.write(put)

    async def count(self, name: str) -> int:
        """Add one to a named counter and return it; the first value is 1."""

        async def add(connection: AsyncConnection) -> int:
            statement = upsert(counters, {"name": name, "value": 1}, ("name",), {"value": counters.c.value + 1})
            value: int = (await connection.execute(statement.returning(counters.c.value))).scalar_one()
            return value

        return await self.write(add)
