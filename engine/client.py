"""The one door to an engine, for consoles and commands: in process or over a control socket, they cannot tell."""

from __future__ import annotations

from typing import Protocol

from engine.client_levers import ArchiveClient, KeepClient, NodesClient, RulesClient
from engine.transport_views import AttemptView, TransportsView
from engine.views import (
    ActionResult,
    CatalogQuery,
    CatalogWindow,
    EntryDetail,
    PlanView,
    StatusView,
    SyncPreview,
    SyncRequest,
    TransferPage,
    TransferView,
)
from engine.views_archive import GamesView
from engine.views_bandwidth import BandwidthChange, BandwidthView


class EngineClient(ArchiveClient, KeepClient, NodesClient, RulesClient, Protocol):
    """An engine as an operator uses it. Every method raises SyncdeckError, never anything else of the engine."""

    async def start(self) -> None:
        """Start the embedded engine, or connect to the running one."""
        ...

    async def close(self) -> None:
        """Stop the embedded engine (work goes on at the next start), or disconnect."""
        ...

    async def wait_for_change(self, revision: int, timeout_seconds: float) -> int:
        """Return the current revision as soon as it differs from ``revision``, or after the timeout."""
        ...

    async def status(self) -> StatusView:
        """Return the newest status view; cheap, made at most ten times a second."""
        ...

    async def transfers(self, offset: int, count: int, text: str = "", history: bool = True) -> TransferPage:
        """Return a window onto queue and history."""
        ...

    async def plan(self) -> PlanView:
        """Return what would move now and what would not."""
        ...

    async def transports(self) -> TransportsView:
        """Return every transport at every node (breaker, rates, last errors), and what each link may carry."""
        ...

    async def transfer(self, transfer_id: int) -> TransferView | None:
        """Return one transfer, or None when it is not known (any more)."""
        ...

    async def attempts(self, transfer_id: int) -> tuple[AttemptView, ...]:
        """Return every attempt at a transfer, oldest first; empty for one that is not known (any more)."""
        ...

    async def catalog_window(self, query: CatalogQuery, offset: int, count: int) -> CatalogWindow:
        """Return a window onto the entries that match."""
        ...

    async def catalog_rank(self, query: CatalogQuery, entry_id: int) -> int | None:
        """Return the position of an entry in a query, or None when it is not in it (any more)."""
        ...

    async def catalog_entries(self, query: CatalogQuery, offset: int, count: int) -> tuple[EntryDetail, ...]:
        """Return a window's entries with their copies, without placements and transfers; for long listings."""
        ...

    async def entry(self, key: str) -> EntryDetail | None:
        """Return one entry with its copies and why it is where it is."""
        ...

    async def games(self, key: str) -> GamesView | None:
        """Return what is known of the games of a database; None for an entry that is none or not counted yet."""
        ...

    async def preview(self, request: SyncRequest) -> SyncPreview:
        """Return what a request would do, doing nothing."""
        ...

    async def sync(self, request: SyncRequest) -> ActionResult:
        """Queue what the preview showed."""
        ...

    async def pause(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Stop transfers from and to nodes, and start none; with none, everywhere. What arrived is kept."""
        ...

    async def resume(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Undo pause; on an observing engine with no nodes given, this is the operator's go."""
        ...

    async def pause_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Hold single transfers back until they are resumed, also over a restart; what arrived is kept."""
        ...

    async def resume_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Let transfers go on that were paused one by one."""
        ...

    async def bandwidth(self) -> BandwidthView:
        """Return the limits in force, why, and what moves under each."""
        ...

    async def set_bandwidth(self, change: BandwidthChange) -> ActionResult:
        """Set, or take back, an operator's limit; it is kept over a restart and takes effect within a second."""
        ...

    async def cancel(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Cancel live transfers; nothing of them stays behind."""
        ...

    async def retry(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Try blocked, failed, cancelled or waiting transfers again, now."""
        ...

    async def rescan(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Look at nodes now instead of at their next turn."""
        ...

    async def reset_transports(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Close the breakers of nodes (with none: of all), so that every transport is tried at once."""
        ...
