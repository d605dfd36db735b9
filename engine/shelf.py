"""The catalog as a screen browses it: windows onto a million entries, and one entry in full."""

from __future__ import annotations

import posixpath

from engine.catalog.catalog import DataCatalog
from engine.catalog.keys import parse_key
from engine.clock import Clock
from engine.execution.progress import ProgressBoard
from engine.games.sets import GameSets
from engine.games.words import games_sentence
from engine.inventory.fleet import Fleet
from engine.model import DataEntry
from engine.planner.planner import SyncPlanner
from engine.presentation.entries import placement_views, replica_views
from engine.presentation.moves import transfer_view
from engine.queue.queue import TransferQueue
from engine.reconcile import Reconciler
from engine.routing.offsite import off_site
from engine.routing.router import wanted
from engine.views import CatalogQuery, CatalogWindow, EntryDetail, TransferPage, TransferView


class Shelf:
    """Reads the catalog for an operator."""

    def __init__(
        self,
        catalog: DataCatalog,
        queue: TransferQueue,
        fleet: Fleet,
        reconciler: Reconciler,
        progress: ProgressBoard,
        clock: Clock,
        games: GameSets,
    ) -> None:
        self._catalog = catalog
        self._queue = queue
        self._fleet = fleet
        self._reconciler = reconciler
        self._progress = progress
        self._clock = clock
        self._games = games
        self._planner = SyncPlanner()

    async def window(self, query: CatalogQuery, offset: int, count: int) -> CatalogWindow:
        """Return a window onto the entries that match."""
        return await self._catalog.window(query, offset, count, self._reconciler.places())

    async def rank(self, query: CatalogQuery, entry_id: int) -> int | None:
        """Return the position of an entry in a query."""
        return await self._catalog.rank(query, entry_id, self._reconciler.places())

    async def entries(self, query: CatalogQuery, offset: int, count: int) -> tuple[EntryDetail, ...]:
        """Return a window's entries with their copies; nothing is planned for them."""
        window = await self.window(query, offset, count)
        found = dict(await self._catalog.by_ids([row.id for row in window.rows]))
        locations, policy = self._reconciler.locations(), self._fleet.policy
        return tuple(
            EntryDetail(
                row=row,
                sha256=entry.current.sha256 if entry.current else None,
                off_site=off_site(entry, policy, locations),
                replicas=replica_views(entry, locations),
                placements=(),
            )
            for row in window.rows
            if (entry := found.get(row.id)) is not None
        )

    async def entry(self, key: str) -> EntryDetail | None:
        """Return one entry in full, or None when there is none; raises KeyMapError for a text that is no key."""
        parsed = parse_key(key)
        entry = await self._catalog.get(parsed)
        row = await self._catalog.row(parsed, self._reconciler.places())
        if entry is None or row is None:
            return None
        locations = self._reconciler.locations()
        policy = self._fleet.policy
        placement = wanted(entry, policy, locations, self._clock.now())
        return EntryDetail(
            row=row,
            sha256=entry.current.sha256 if entry.current else None,
            off_site=off_site(entry, policy, locations),
            replicas=replica_views(entry, locations),
            placements=placement_views(placement, locations, await self._refusals(entry)),
            transfers=await self._transfers(entry),
            games=(games := self._games.proof(parsed)),
            games_sentence="" if games is None else games_sentence(posixpath.basename(parsed.path), games),
        )

    async def _refusals(self, entry: DataEntry) -> dict[str, str]:
        context = await self._reconciler.context()
        result = self._planner.plan_replication([entry], context)
        return {refusal.location: f"{refusal.reason}; {refusal.remedy}" for refusal in result.refused}

    async def _transfers(self, entry: DataEntry) -> tuple[TransferView, ...]:
        found = await self._queue.of_entry(str(entry.key))
        return tuple(transfer_view(t, self._progress.of(t.id)) for t in found)

    async def transfer(self, transfer_id: int) -> TransferView | None:
        """Return one transfer, or None."""
        found = await self._queue.get(transfer_id)
        return None if found is None else transfer_view(found, self._progress.of(transfer_id))

    async def transfers(self, offset: int, count: int, text: str, history: bool, revision: int) -> TransferPage:
        """Return a window onto queue and history."""
        total, rows = await self._queue.page(offset, count, text, history)
        views = tuple(transfer_view(row, self._progress.of(row.id)) for row in rows)
        return TransferPage(revision, total, offset, views)
