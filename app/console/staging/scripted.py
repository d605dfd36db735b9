"""An engine client that plays a script: for pictures, tests and measurements of the console, without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from app.console.staging.scripted_levers import LeverScript, ScriptedLevers
from app.console.staging.scripted_nodes import NodesScript, ScriptedNodes
from engine.errors import SyncdeckError
from engine.transport_views import AttemptView, TransportsView
from engine.views import (
    ActionResult,
    CatalogQuery,
    CatalogRow,
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
from engine.views_bandwidth import BandwidthChange, BandwidthView, LimitView
from engine.views_engine import EngineState

_TROUBLE = {"missing": "gone", "stale": "stale", "diverged": "diverged", "at-risk": "at-risk"}


class ScriptedClient(ScriptedLevers, ScriptedNodes):
    """Answers from what it was given; the script changes that with ``show``, ``fail`` and ``heal``.

    ``calls`` records what the console asked to be done. ``entry_at`` makes the entry at a position, so that a
    million entries cost nothing until they are looked at; filters and orders look at all of them.
    """

    def __init__(
        self,
        view: StatusView,
        entries: int = 0,
        entry_at: Callable[[int], CatalogRow] | None = None,
        detail_of: Callable[[CatalogRow], EntryDetail] | None = None,
        transfers: tuple[TransferView, ...] = (),
        plan: PlanView | None = None,
        preview_of: Callable[[SyncRequest], SyncPreview] | None = None,
        levers: LeverScript | None = None,
    ) -> None:
        self.view = view
        self.levers = levers or LeverScript()
        self.nodes = NodesScript()
        self.history = transfers
        self.calls: list[tuple[str, object]] = []
        self.start_error: SyncdeckError | None = None
        self.closed = False
        self.attempts_of: dict[int, tuple[AttemptView, ...]] = {}
        self._count = entries
        self._entry_at = entry_at
        self._detail_of = detail_of
        self._plan = plan or PlanView(view.at, (), ())
        self._preview_of = preview_of
        self._error: SyncdeckError | None = None
        self._changed = asyncio.Event()
        self._served: dict[str, CatalogRow] = {}
        self._sorted: dict[CatalogQuery, list[CatalogRow]] = {}

    # -- the script -------------------------------------------------------------------------------

    @property
    def is_failing(self) -> bool:
        """Whether the script lets the engine not start, or not answer."""
        return self._error is not None or self.start_error is not None

    def show(self, view: StatusView) -> None:
        """Let the engine be in another state."""
        self.view = replace(view, revision=self.view.revision + 1)
        self._sorted.clear()
        self._wake()

    def fail(self, error: SyncdeckError) -> None:
        """Let the engine not answer."""
        self._error = error
        self._wake()

    def heal(self) -> None:
        """Let the engine answer again."""
        self._error = None
        self.show(self.view)

    def set_entries(self, count: int, entry_at: Callable[[int], CatalogRow]) -> None:
        """Let the catalog hold other entries."""
        self._count, self._entry_at = count, entry_at
        self.show(self.view)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _answer(self) -> None:
        if self._error is not None:
            raise self._error

    # -- the client -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start, or fail as the script says."""
        if self.start_error is not None:
            raise self.start_error

    async def close(self) -> None:
        """Stop."""
        self.closed = True

    async def wait_for_change(self, revision: int, timeout_seconds: float) -> int:
        """Return the revision when the script changed it, or after the timeout."""
        self._answer()
        if revision == self.view.revision:
            try:
                await asyncio.wait_for(self._changed.wait(), timeout_seconds)
            except TimeoutError:
                return self.view.revision
            self._answer()
        return self.view.revision

    async def status(self) -> StatusView:
        """Return the present view."""
        self._answer()
        return self.view

    async def transfers(self, offset: int, count: int, text: str = "", history: bool = True) -> TransferPage:
        """Return a window onto the scripted transfers."""
        self._answer()
        over = {"done", "cancelled", "failed"}
        rows = [
            item
            for item in self.history
            if text.lower() in f"{item.label} {item.source} {item.target} {item.state}".lower()
            and (history or item.state not in over)
        ]
        return TransferPage(self.view.revision, len(rows), offset, tuple(rows[offset : offset + count]))

    async def plan(self) -> PlanView:
        """Return the scripted plan."""
        self._answer()
        return self._plan

    async def transports(self) -> TransportsView:
        """Return nothing: no script plays transports."""
        self._answer()
        return TransportsView(self.view.at, self.view.at, self.view.throughput.first_attempt_rate, (), ())

    async def transfer(self, transfer_id: int) -> TransferView | None:
        """Return a scripted transfer."""
        self._answer()
        return next((item for item in self.history if item.id == transfer_id), None)

    async def attempts(self, transfer_id: int) -> tuple[AttemptView, ...]:
        """Return the scripted attempts at a transfer."""
        self._answer()
        return self.attempts_of.get(transfer_id, ())

    async def catalog_window(self, query: CatalogQuery, offset: int, count: int) -> CatalogWindow:
        """Return a window onto the scripted entries."""
        self._answer()
        if query == CatalogQuery() and self._entry_at is not None:
            rows = [self._entry_at(index) for index in range(offset, min(self._count, offset + count))]
            return self._serve(self._count, offset, rows)
        found = self._matching(query)
        return self._serve(len(found), offset, found[offset : offset + count])

    def _serve(self, total: int, offset: int, rows: list[CatalogRow]) -> CatalogWindow:
        self._served.update({row.key: row for row in rows})
        return CatalogWindow(self.view.revision, total, offset, tuple(rows))

    async def catalog_rank(self, query: CatalogQuery, entry_id: int) -> int | None:
        """Return where an entry is in a query."""
        self._answer()
        for position, row in enumerate(self._matching(query)):
            if row.id == entry_id:
                return position
        return None

    def _matching(self, query: CatalogQuery) -> list[CatalogRow]:
        if self._entry_at is None:
            return []
        if query not in self._sorted:
            rows = [row for row in map(self._entry_at, range(self._count)) if _matches(row, query)]
            if query.order != "key" or query.descending:
                rows.sort(key=lambda row: _sort_key(row, query.order), reverse=query.descending)
            self._sorted[query] = rows
        return self._sorted[query]

    async def catalog_entries(self, query: CatalogQuery, offset: int, count: int) -> tuple[EntryDetail, ...]:
        """Return a window's entries in full."""
        window = await self.catalog_window(query, offset, count)
        found = [await self.entry(row.key) for row in window.rows]
        return tuple(detail for detail in found if detail is not None)

    async def entry(self, key: str) -> EntryDetail | None:
        """Return one entry."""
        self._answer()
        row = self._served.get(key)
        return self._detail_of(row) if row is not None and self._detail_of is not None else None

    async def games(self, key: str) -> GamesView | None:
        """Return nothing: no screen asks; what is known of an entry's games comes with the entry."""
        self._answer()
        return None

    async def preview(self, request: SyncRequest) -> SyncPreview:
        """Return the scripted preview."""
        self._answer()
        if self._preview_of is None:
            return SyncPreview(request, 0, 0, (), None, (), ())
        return self._preview_of(request)

    def _did(self, name: str, what: object, message: str) -> ActionResult:
        self._answer()
        self.calls.append((name, what))
        return ActionResult(1, message)

    async def sync(self, request: SyncRequest) -> ActionResult:
        """Record a sync."""
        return self._did("sync", request, "14 transfers queued.")

    async def pause(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Record a pause."""
        result = self._did("pause", nodes, "Paused: no transfer runs or starts, what arrived is kept.")
        self.show(replace(self.view, engine=replace(self.view.engine, state=EngineState.PAUSED)))
        return result

    async def resume(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Record a resume."""
        result = self._did("resume", nodes, "The engine runs.")
        self.show(replace(self.view, engine=replace(self.view.engine, state=EngineState.RUNNING)))
        return result

    async def pause_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Record a pause of single transfers."""
        return self._did("pause_transfers", transfer_ids, f"{len(transfer_ids)} paused.")

    async def resume_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Record that single transfers go on."""
        return self._did("resume_transfers", transfer_ids, f"{len(transfer_ids)} resumed.")

    async def bandwidth(self) -> BandwidthView:
        """Return the fleet's limit as the status shows it."""
        self._answer()
        shown = self.view.throughput
        limit = LimitView(
            None, shown.limit_bytes_per_second, "the script", None, None, shown.bytes_per_second, len(self.view.running)
        )
        return BandwidthView(self.view.at, (limit,), ())

    async def set_bandwidth(self, change: BandwidthChange) -> ActionResult:
        """Record a limit."""
        return self._did("set_bandwidth", change, "The limit is set.")

    async def cancel(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Record a cancel."""
        return self._did("cancel", transfer_ids, f"{len(transfer_ids)} cancelled.")

    async def retry(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Record a retry."""
        return self._did("retry", transfer_ids, f"{len(transfer_ids)} tried again.")

    async def rescan(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Record a rescan."""
        return self._did("rescan", nodes, "Looking at all nodes.")

    async def reset_transports(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Record a reset."""
        return self._did("reset_transports", nodes, "Every transport is tried at once.")


def _matches(row: CatalogRow, query: CatalogQuery) -> bool:
    return (
        query.text.lower() in f"{row.key} {row.origin}".lower()
        and query.data_type in (None, row.data_type)
        and query.config_key in (None, row.config_key)
        and (query.show == "all" or row.states == _TROUBLE.get(query.show, query.show))
    )


def _sort_key(row: CatalogRow, order: str) -> tuple[str, float]:
    value = getattr(row, order)
    return ("", float(value)) if isinstance(value, int | float) else (str(value or ""), 0.0)
