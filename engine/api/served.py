"""An engine in this process that others can reach as well: an EngineClient with a control socket beside it."""

from __future__ import annotations

from pathlib import Path

from engine.api.server import ControlServer
from engine.client import EngineClient
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
)


class ServedEngine:
    """Passes every call on to ``engine``; listens on the control socket between start and close."""

    def __init__(self, engine: EngineClient, path: Path) -> None:
        self._engine = engine
        self._server = ControlServer(engine, path)

    async def start(self) -> None:
        """Start the engine, then listen: whoever can connect finds an engine that answers."""
        await self._engine.start()
        await self._server.start()

    async def close(self) -> None:
        """Stop listening, then stop the engine."""
        try:
            await self._server.close()
        finally:
            await self._engine.close()

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

    async def catalog_window(self, query: CatalogQuery, offset: int, count: int) -> CatalogWindow:
        """See EngineClient."""
        return await self._engine.catalog_window(query, offset, count)

    async def catalog_rank(self, query: CatalogQuery, entry_id: int) -> int | None:
        """See EngineClient."""
        return await self._engine.catalog_rank(query, entry_id)

    async def entry(self, key: str) -> EntryDetail | None:
        """See EngineClient."""
        return await self._engine.entry(key)

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

    async def cancel(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """See EngineClient."""
        return await self._engine.cancel(transfer_ids)

    async def retry(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """See EngineClient."""
        return await self._engine.retry(transfer_ids)

    async def rescan(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """See EngineClient."""
        return await self._engine.rescan(nodes)
