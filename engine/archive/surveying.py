"""Looking through the catalog for candidates, page by page, and keeping what was found for a while."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from engine.archive.candidates import Games, Sight, candidates_of
from engine.archive.cold import cold_storage
from engine.archive.records import ArchiveRecords
from engine.archive.values import ArchiveError
from engine.catalog.catalog import DataCatalog
from engine.clock import Clock
from engine.errors import ErrorClass
from engine.inventory.fleet import Fleet
from engine.model import DataEntry, LocationView
from engine.queue.queue import TransferQueue
from engine.reconcile import NewestSeen
from engine.routing.candidates import RoutingTable
from engine.views_archive import CandidateRow

PAGE_ENTRIES = 500
KEPT_ROWS = 5_000
KEPT_SECONDS = 30.0

Locations = Callable[[], dict[str, LocationView]]


@dataclass(frozen=True, slots=True)
class Survey:
    """The largest candidates, and the largest that are protected; totals are of all."""

    at: float
    may_go: tuple[CandidateRow, ...]
    protected: tuple[CandidateRow, ...]
    total: int
    bytes: int


class Surveyor:
    """Makes sights and surveys."""

    def __init__(
        self,
        catalog: DataCatalog,
        queue: TransferQueue,
        records: ArchiveRecords,
        fleet: Fleet,
        locations: Locations,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._queue = queue
        self._records = records
        self._fleet = fleet
        self._locations = locations
        self._clock = clock
        self._kept: dict[tuple[str | None, str], tuple[int, Survey]] = {}
        self.games: Games = lambda key: None
        """What is known of a database's games; put in by whoever counts them."""

    async def sight(self, destination: str | None = None) -> Sight:
        """Return what candidates are judged by, now."""
        policy = self._fleet.policy
        newest = NewestSeen()
        async for page in self._pages():
            newest.see([entry for _, entry in page])
        try:
            cold: str | None = cold_storage(policy, destination).location
        except ArchiveError:
            cold = None
        return Sight(
            policy=policy,
            settings=policy.engine.archive,
            locations=self._locations(),
            now=self._clock.now(),
            cold=cold,
            table=RoutingTable(policy),
            pinned=await self._records.pinned(),
            reading=await self._reading(),
            newest=newest.keys(),
            games=self.games,
        )

    async def survey(self, location: str | None, text: str = "") -> Survey:
        """Return the candidates of a location (of all); a survey holds for half a minute while nothing changed.

        Raises ArchiveError for a location that no host in use has.
        """
        if location is not None and location not in self._locations():
            cause, remedy = "it is no location of a host in use", "see `syncdeck status`"
            raise ArchiveError("look for candidates", location, cause, remedy, ErrorClass.CONFIG)
        sequence, slot = await self._catalog.sequence(), (location, text)
        kept = self._kept.get(slot)
        if kept is not None and kept[0] == sequence and self._clock.now() - kept[1].at < KEPT_SECONDS:
            return kept[1]
        sight = await self.sight()
        found: list[CandidateRow] = []
        guarded: list[CandidateRow] = []
        total, size = 0, 0
        async for page in self._pages():
            rows = await asyncio.to_thread(_rows_of, page, sight, location, text)
            total += len(rows)
            size += sum(row.size_bytes for row in rows if row.protected is None)
            found = _largest([*found, *(row for row in rows if row.protected is None)])
            guarded = _largest([*guarded, *(row for row in rows if row.protected is not None)])
        survey = Survey(sight.now, tuple(found), tuple(guarded), total, size)
        self._kept = {slot: (sequence, survey)}
        return survey

    def forget(self) -> None:
        """Look anew when asked next: something changed that the catalog does not know of."""
        self._kept.clear()

    async def _pages(self) -> AsyncIterator[list[tuple[int, DataEntry]]]:
        after = 0
        while page := await self._catalog.iter_entries(after, PAGE_ENTRIES):
            after = page[-1][0]
            yield page

    async def _reading(self) -> frozenset[tuple[str, str]]:
        return frozenset(await self._records.read_by_transfers())


def _rows_of(page: list[tuple[int, DataEntry]], sight: Sight, location: str | None, text: str) -> list[CandidateRow]:
    found = []
    for entry_id, entry in page:
        if text.lower() in str(entry.key).lower():
            found += candidates_of(entry_id, entry, sight, location)
    return found


def _largest(rows: list[CandidateRow]) -> list[CandidateRow]:
    return heapq.nsmallest(KEPT_ROWS, rows, key=lambda row: (-row.size_bytes, row.key, row.location))
