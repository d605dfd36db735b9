"""An EngineClient that talks to a running engine through its control socket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from engine.api.archive_client import ArchiveOverSocket
from engine.api.codec import decode, encode
from engine.api.errors import EngineUnreachable
from engine.api.keeping_calls import KeepOverSocket
from engine.api.link import Link, LinkLost
from engine.api.methods import methods
from engine.api.nodes_client import NodesOverSocket
from engine.api.rules_calls import RulesCalls
from engine.api.wire import PROTOCOL
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

GREETING_SECONDS = 20.0
"""How long an engine that listens may take to say who it is: far more than a busy machine needs."""
_THREAD_ABOVE_BYTES = 64 * 1024
"""Answers longer than this are decoded in a thread; shorter ones take under 5 ms on the event loop."""


class SocketClient(ArchiveOverSocket, KeepOverSocket, NodesOverSocket, RulesCalls):
    """A connection to a running engine; connects when first used and again after the engine was restarted.

    Every method raises the engine's own SyncdeckError, or EngineUnreachable when nobody answers.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._link: Link | None = None
        self._connecting = asyncio.Lock()

    async def start(self) -> None:
        """Connect and make sure that both ends speak the same protocol."""
        await self._connected()

    async def close(self) -> None:
        """Disconnect; the engine goes on."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def wait_for_change(self, revision: int, timeout_seconds: float) -> int:
        """See EngineClient."""
        params = {"revision": revision, "timeout_seconds": timeout_seconds}
        return cast(int, await self._call("wait_for_change", params))

    async def status(self) -> StatusView:
        """See EngineClient."""
        return cast(StatusView, await self._call("status", {}))

    async def transfers(self, offset: int, count: int, text: str = "", history: bool = True) -> TransferPage:
        """See EngineClient."""
        params = {"offset": offset, "count": count, "text": text, "history": history}
        return cast(TransferPage, await self._call("transfers", params))

    async def plan(self) -> PlanView:
        """See EngineClient."""
        return cast(PlanView, await self._call("plan", {}))

    async def transports(self) -> TransportsView:
        """See EngineClient."""
        return cast(TransportsView, await self._call("transports", {}))

    async def transfer(self, transfer_id: int) -> TransferView | None:
        """See EngineClient."""
        return cast("TransferView | None", await self._call("transfer", {"transfer_id": transfer_id}))

    async def attempts(self, transfer_id: int) -> tuple[AttemptView, ...]:
        """See EngineClient."""
        return cast("tuple[AttemptView, ...]", await self._call("attempts", {"transfer_id": transfer_id}))

    async def catalog_window(self, query: CatalogQuery, offset: int, count: int) -> CatalogWindow:
        """See EngineClient."""
        params = {"query": query, "offset": offset, "count": count}
        return cast(CatalogWindow, await self._call("catalog_window", params))

    async def catalog_rank(self, query: CatalogQuery, entry_id: int) -> int | None:
        """See EngineClient."""
        return cast("int | None", await self._call("catalog_rank", {"query": query, "entry_id": entry_id}))

    async def catalog_entries(self, query: CatalogQuery, offset: int, count: int) -> tuple[EntryDetail, ...]:
        """See EngineClient."""
        params = {"query": query, "offset": offset, "count": count}
        return cast("tuple[EntryDetail, ...]", await self._call("catalog_entries", params))

    async def entry(self, key: str) -> EntryDetail | None:
        """See EngineClient."""
        return cast("EntryDetail | None", await self._call("entry", {"key": key}))

    async def games(self, key: str) -> GamesView | None:
        """See EngineClient."""
        return cast("GamesView | None", await self._call("games", {"key": key}))

    async def preview(self, request: SyncRequest) -> SyncPreview:
        """See EngineClient."""
        return cast(SyncPreview, await self._call("preview", {"request": request}))

    async def sync(self, request: SyncRequest) -> ActionResult:
        """See EngineClient."""
        return cast(ActionResult, await self._call("sync", {"request": request}))

    async def pause(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """See EngineClient."""
        return cast(ActionResult, await self._call("pause", {"nodes": nodes}))

    async def resume(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """See EngineClient."""
        return cast(ActionResult, await self._call("resume", {"nodes": nodes}))

    async def pause_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """See EngineClient."""
        return cast(ActionResult, await self._call("pause_transfers", {"transfer_ids": transfer_ids}))

    async def resume_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """See EngineClient."""
        return cast(ActionResult, await self._call("resume_transfers", {"transfer_ids": transfer_ids}))

    async def bandwidth(self) -> BandwidthView:
        """See EngineClient."""
        return cast(BandwidthView, await self._call("bandwidth", {}))

    async def set_bandwidth(self, change: BandwidthChange) -> ActionResult:
        """See EngineClient."""
        return cast(ActionResult, await self._call("set_bandwidth", {"change": change}))

    async def cancel(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """See EngineClient."""
        return cast(ActionResult, await self._call("cancel", {"transfer_ids": transfer_ids}))

    async def retry(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """See EngineClient."""
        return cast(ActionResult, await self._call("retry", {"transfer_ids": transfer_ids}))

    async def rescan(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """See EngineClient."""
        return cast(ActionResult, await self._call("rescan", {"nodes": nodes}))

    async def reset_transports(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """See EngineClient."""
        return cast(ActionResult, await self._call("reset_transports", {"nodes": nodes}))

    async def _call(self, name: str, params: Mapping[str, object]) -> object:
        method = methods()[name]
        encoded = encode(params)
        link = await self._connected()
        try:
            result, size_bytes = await link.call(name, encoded)
        except LinkLost as lost:
            if method.changes:
                raise self._unreachable(
                    f"it went away before it answered; {name} may or may not have taken effect: {lost}"
                ) from lost
            link = await self._connected()
            try:
                result, size_bytes = await link.call(name, encoded)
            except LinkLost as lost_again:
                raise self._unreachable(f"it went away before it answered: {lost_again}") from lost_again
        if size_bytes > _THREAD_ABOVE_BYTES:
            return await asyncio.to_thread(decode, method.result, result)
        return decode(method.result, result)

    async def _connected(self) -> Link:
        async with self._connecting:
            if self._link is not None and self._link.alive:
                return self._link
            if self._link is not None:
                await self._link.close()
                self._link = None
            link = await self._opened()
            greeting = await self._greeting(link)
            if not isinstance(greeting, dict) or greeting.get("protocol") != PROTOCOL:
                await link.close()
                raise self._unreachable(f"it speaks another protocol than ours ({PROTOCOL})")
            self._link = link
            return link

    async def _opened(self) -> Link:
        try:
            return await Link.open(self._path)
        except OSError as error:
            raise self._unreachable(f"nobody answers: {error}") from error

    async def _greeting(self, link: Link) -> object:
        """Return what the engine says of itself. A stopped process accepts connections and never answers."""
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                greeting, _ = await link.call("ping", {})
        except TimeoutError as error:
            await link.close()
            raise self._unreachable(
                f"it listens and does not answer: not a word within {GREETING_SECONDS:.0f} s"
            ) from error
        except LinkLost as error:
            await link.close()
            raise self._unreachable(f"nobody answers: {error}") from error
        return cast(object, greeting)

    def _unreachable(self, cause: str) -> EngineUnreachable:
        remedy = "see whether the engine still runs (its log says why it ended), then start it again"
        return EngineUnreachable(str(self._path), cause, remedy)
