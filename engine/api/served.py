"""An engine in this process that others can reach as well: an EngineClient with a control socket beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from engine.api.archive_client import ArchivePassedOn
from engine.api.keeping_calls import KeepPassedOn
from engine.api.nodes_client import NodesPassedOn
from engine.api.rules_calls import RulesPassedOn
from engine.api.server import ControlServer
from engine.client import EngineClient
from engine.errors import ErrorClass, SyncdeckError
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


class ServedEngine(ArchivePassedOn, KeepPassedOn, NodesPassedOn, RulesPassedOn):
    """Makes an engine, passes every call on to it, and listens on the control socket between start and close."""

    def __init__(self, make: Callable[[], Awaitable[EngineClient]], path: Path) -> None:
        """``make`` is awaited by ``start``: a console paints before it pays for importing the data plane."""
        self._make = make
        self._path = path
        self._made: EngineClient | None = None
        self._server: ControlServer | None = None

    @classmethod
    def of(cls, engine: EngineClient, path: Path) -> ServedEngine:
        """Return one around an engine that is made already (and not started)."""

        async def make() -> EngineClient:
            return engine

        return cls(make, path)

    async def start(self) -> None:
        """Make and start the engine, then listen: whoever can connect finds an engine that answers."""
        self._made = await self._make()
        await self._made.start()
        self._server = ControlServer(self._made, self._path)
        await self._server.start()

    async def close(self) -> None:
        """Stop listening, then stop the engine; does nothing before start."""
        server, self._server = self._server, None
        made, self._made = self._made, None
        try:
            if server is not None:
                await server.close()
        finally:
            if made is not None:
                await made.close()

    @property
    def _engine(self) -> EngineClient:
        if self._made is None:
            raise SyncdeckError("use", "the engine", "it does not run", "wait until it has started", ErrorClass.BUG)
        return self._made

    async def wait_for_change(self, revision: int, timeout_seconds: float) -> int:
        """See EngineClient."""
        return await self._engine.wait_for_change(revision, timeout_seconds)

    async def status(self) -> StatusView:
        """See EngineClient."""
        return await self._engine.status()

    async def transfers(self, offset: int, count: int, text: str = "", history: bool = True) -> TransferPage:
        """See EngineClient."""
        return await self._engine.transfers(offset, count, text, history)

    async def plan(self) -> PlanView:
        """See EngineClient."""
        return await self._engine.plan()

    async def transports(self) -> TransportsView:
        """See EngineClient."""
        return await self._engine.transports()

    async def transfer(self, transfer_id: int) -> TransferView | None:
        """See EngineClient."""
        return await self._engine.transfer(transfer_id)

    async def attempts(self, transfer_id: int) -> tuple[AttemptView, ...]:
        """See EngineClient."""
        return await self._engine.attempts(transfer_id)

    async def catalog_window(self, query: CatalogQuery, offset: int, count: int) -> CatalogWindow:
        """See EngineClient."""
        return await self._engine.catalog_window(query, offset, count)

    async def catalog_rank(self, query: CatalogQuery, entry_id: int) -> int | None:
        """See EngineClient."""
        return await self._engine.catalog_rank(query, entry_id)

    async def catalog_entries(self, query: CatalogQuery, offset: int, count: int) -> tuple[EntryDetail, ...]:
        """See EngineClient."""
        return await self._engine.catalog_entries(query, offset, count)

    async def entry(self, key: str) -> EntryDetail | None:
        """See EngineClient."""
        return await self._engine.entry(key)

    async def games(self, key: str) -> GamesView | None:
        """See EngineClient."""
        return await self._engine.games(key)

    async def preview(self, request: SyncRequest) -> SyncPreview:
        """See EngineClient."""
        return await self._engine.preview(request)

    async def sync(self, request: SyncRequest) -> ActionResult:
        """See EngineClient."""
        return await self._engine.sync(request)

    async def pause(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """See EngineClient."""
        return await self._engine.pause(nodes)

    async def resume(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """See EngineClient."""
        return await self._engine.resume(nodes)

    async def pause_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """See EngineClient."""
        return await self._engine.pause_transfers(transfer_ids)

    async def resume_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """See EngineClient."""
        return await self._engine.resume_transfers(transfer_ids)

    async def bandwidth(self) -> BandwidthView:
        """See EngineClient."""
        return await self._engine.bandwidth()

    async def set_bandwidth(self, change: BandwidthChange) -> ActionResult:
        """See EngineClient."""
        return await self._engine.set_bandwidth(change)

    async def cancel(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """See EngineClient."""
        return await self._engine.cancel(transfer_ids)

    async def retry(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """See EngineClient."""
        return await self._engine.retry(transfer_ids)

    async def rescan(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """See EngineClient."""
        return await self._engine.rescan(nodes)

    async def reset_transports(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """See EngineClient."""
        return await self._engine.reset_transports(nodes)
