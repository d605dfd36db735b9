"""Windows onto the catalog for a screen: a million entries open as fast as ten.

The order of a query is an array of row ids (8 bytes each), built in a thread and kept while it is looked at. The
first page does not wait for it. While entries change, the array of before is shown until the next one is built;
the rows themselves are always read as they are now.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.catalog.listing import count_of, depends_on_places, ids_of, rows_of
from engine.catalog.part import CatalogPart
from engine.catalog.rows import id_of, sequence_in
from engine.catalog.values import Places
from engine.clock import Clock
from engine.model import EntryKey
from engine.store.store import Store
from engine.views import CatalogQuery, CatalogRow, CatalogWindow

KEPT_RANKINGS = 4
FIRST_WAIT_SECONDS = 0.02
"""How long a first page waits for its ranking before it is read without one."""
IDS_AT_ONCE = 500
"""Ids fetched at once: fewer objects than make Python's collector look at all others, which stops every thread."""
REBUILD_REST = 4.0
"""A ranking is built again at the earliest after this many times what building it took (and a second)."""

_Name = tuple[CatalogQuery, Places]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The row ids of a query in order, true as of a catalog sequence."""

    sequence: int
    ids: array[int]
    built_at: float
    took_seconds: float


class Windows(CatalogPart):
    """Serves screens."""

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock)
        self._rankings: OrderedDict[_Name, Ranking] = OrderedDict()
        self._building: dict[_Name, asyncio.Task[Ranking]] = {}

    async def window(self, query: CatalogQuery, offset: int, count: int, places: Places) -> CatalogWindow:
        """Return the rows at ``offset`` of a query, how many there are in all, and the sequence they are ranked by."""
        # Where a page costs as much as the whole order, there is nothing to win by reading it first.
        patience = None if depends_on_places(query) else FIRST_WAIT_SECONDS
        ranking = await self._ranking(_name(query, places), patience)
        if ranking is None:
            return await self._unranked(query, offset, count, places)
        ids = ranking.ids[offset : offset + count].tolist()
        rows = await self._store.query(lambda connection: rows_of(connection, ids, places))
        return CatalogWindow(ranking.sequence, len(ranking.ids), offset, rows)

    async def rank(self, query: CatalogQuery, entry_id: int, places: Places) -> int | None:
        """Return the position of an entry in a query, or None when it is not in it (any more)."""
        ranking = await self._ranking(_name(query, places), wait_seconds=None)
        if ranking is None:
            return None
        return await asyncio.to_thread(_index, ranking.ids, entry_id)

    async def row(self, key: EntryKey, places: Places) -> CatalogRow | None:
        """Return what a list shows of one entry, or None."""

        def look(connection: Connection) -> CatalogRow | None:
            found = id_of(connection, key)
            rows = () if found is None else rows_of(connection, [found], places)
            return rows[0] if rows else None

        return await self._store.query(look)

    async def _ranking(self, name: _Name, wait_seconds: float | None) -> Ranking | None:
        """Return a query's ranking, beginning a newer one where it is due; None when it takes longer than the wait."""
        known = self._rankings.get(name)
        if known is not None:
            self._rankings.move_to_end(name)
            if await self._is_due(known):
                self._build(name)
            return known
        build = self._build(name)
        done, _ = await asyncio.wait([build], timeout=wait_seconds)
        return build.result() if done else None

    async def _is_due(self, known: Ranking) -> bool:
        rest = max(1.0, known.took_seconds * REBUILD_REST)
        if self._clock.monotonic() - known.built_at < rest:
            return False
        return await self._store.query(sequence_in) != known.sequence

    def _build(self, name: _Name) -> asyncio.Task[Ranking]:
        running = self._building.get(name)
        if running is None:
            running = asyncio.get_running_loop().create_task(self._built(name), name="catalog ranking")
            self._building[name] = running
            running.add_done_callback(lambda task: self._take(name, task))
        return running

    def _take(self, name: _Name, task: asyncio.Task[Ranking]) -> None:
        self._building.pop(name, None)
        # A failure is not kept: whoever waited has got it, the next look tries again.
        if task.cancelled() or task.exception() is not None:
            return
        self._rankings[name] = task.result()
        self._rankings.move_to_end(name)
        while len(self._rankings) > KEPT_RANKINGS:
            self._rankings.popitem(last=False)

    async def _built(self, name: _Name) -> Ranking:
        query, places = name
        started = self._clock.monotonic()

        def build(connection: Connection) -> tuple[int, array[int]]:
            sequence = sequence_in(connection)
            ids = array("q")
            streamed = connection.execution_options(yield_per=IDS_AT_ONCE).execute(ids_of(connection, query, places))
            for part in streamed.scalars().partitions():
                ids.extend(part)
            return sequence, ids

        sequence, ids = await self._store.query(build)
        now = self._clock.monotonic()
        return Ranking(sequence, ids, now, now - started)

    async def _unranked(self, query: CatalogQuery, offset: int, count: int, places: Places) -> CatalogWindow:
        def look(connection: Connection) -> CatalogWindow:
            sequence = sequence_in(connection)
            statement = ids_of(connection, query, places)
            ids = list(connection.execute(statement.offset(offset).limit(count)).scalars())
            total = count_of(connection, statement)
            return CatalogWindow(sequence, total, offset, rows_of(connection, ids, places))

        return await self._store.query(look)


def _name(query: CatalogQuery, places: Places) -> _Name:
    """Return what a ranking depends on: a node that comes or goes must not throw away the others."""
    return query, places if depends_on_places(query) else Places(())


def _index(ids: array[int], entry_id: int) -> int | None:
    try:
        return ids.index(entry_id)
    except ValueError:
        return None
