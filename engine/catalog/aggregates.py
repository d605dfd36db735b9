"""Figures over the whole catalog, counted anew by the database: freshness, what is at risk, what is where."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, func, select

from engine.catalog.counting import BlockCounter
from engine.catalog.figures import Figures, add_up
from engine.catalog.part import CatalogPart
from engine.catalog.standing import ground, holdings
from engine.catalog.values import Places
from engine.store.schema import entries

_ONE_BLOCK = 1 << 62


class Aggregates(CatalogPart):
    """Every method reads the whole catalog once, in a thread; ``KeptFigures`` keeps the same figures up to date."""

    async def all_figures(self, places: Places, held_at: Collection[str] | None = None) -> Figures:
        """Return every figure; ``held_at``: the locations of which is counted what they hold, None: all."""

        def look(connection: Connection) -> Figures:
            counter = BlockCounter(ground(connection, places), held_at, _ONE_BLOCK)
            return add_up(counter.count(connection).values())

        return await self._store.query(look)

    async def under_replicated(self, places: Places) -> int:
        """Return how many entries with copies have fewer durable ones than they need."""

        def look(connection: Connection) -> int:
            holding = holdings(ground(connection, places))
            need = func.coalesce(entries.c.wanted, places.wanted_copies)
            statement = select(func.count()).select_from(holding).join(entries, entries.c.id == holding.c.entry_id)
            return int(connection.execute(statement.where(holding.c.copies < need)).scalar_one())

        return await self._store.query(look)
