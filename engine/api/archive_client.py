"""The archive's part of EngineClient on both sides of the control socket: calls that travel, and calls passed on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import cast

from engine.client_levers import ArchiveClient
from engine.views import ActionResult, CheckResult
from engine.views_archive import (
    ArchivePage,
    ArchivePolicyView,
    ArchivePreview,
    ArchiveRequest,
    CandidatePage,
    RestoreRequest,
    UsageView,
)


class ArchiveOverSocket(ABC):
    """See ArchiveClient; every call goes over the socket."""

    @abstractmethod
    async def _call(self, name: str, params: Mapping[str, object]) -> object:
        """Call a method of the running engine."""

    async def usage(self, location: str, path: str = "") -> UsageView:
        """See ArchiveClient."""
        return cast(UsageView, await self._call("usage", {"location": location, "path": path}))

    async def candidates(self, location: str | None, offset: int, count: int, text: str = "") -> CandidatePage:
        """See ArchiveClient."""
        return cast(
            CandidatePage,
            await self._call("candidates", {"location": location, "offset": offset, "count": count, "text": text}),
        )

    async def archives(self, offset: int, count: int, text: str = "") -> ArchivePage:
        """See ArchiveClient."""
        return cast(ArchivePage, await self._call("archives", {"offset": offset, "count": count, "text": text}))

    async def archive_preview(self, request: ArchiveRequest) -> ArchivePreview:
        """See ArchiveClient."""
        return cast(ArchivePreview, await self._call("archive_preview", {"request": request}))

    async def archive_run(self, request: ArchiveRequest) -> ActionResult:
        """See ArchiveClient."""
        return cast(ActionResult, await self._call("archive_run", {"request": request}))

    async def archive_verify(self, archive_ids: tuple[int, ...]) -> CheckResult:
        """See ArchiveClient."""
        return cast(CheckResult, await self._call("archive_verify", {"archive_ids": archive_ids}))

    async def archive_drill(self, count: int) -> CheckResult:
        """See ArchiveClient."""
        return cast(CheckResult, await self._call("archive_drill", {"count": count}))

    async def archive_cancel(self, archive_ids: tuple[int, ...]) -> ActionResult:
        """See ArchiveClient."""
        return cast(ActionResult, await self._call("archive_cancel", {"archive_ids": archive_ids}))

    async def restore(self, request: RestoreRequest) -> ActionResult:
        """See ArchiveClient."""
        return cast(ActionResult, await self._call("restore", {"request": request}))

    async def archive_undo(self) -> ActionResult:
        """See ArchiveClient."""
        return cast(ActionResult, await self._call("archive_undo", {}))

    async def archive_policy(self) -> ArchivePolicyView:
        """See ArchiveClient."""
        return cast(ArchivePolicyView, await self._call("archive_policy", {}))

    async def set_archive_policy(self, allowed: bool) -> ActionResult:
        """See ArchiveClient."""
        return cast(ActionResult, await self._call("set_archive_policy", {"allowed": allowed}))

    async def disk_allow(self, node: str, percent: float, seconds: float) -> ActionResult:
        """See ArchiveClient."""
        return cast(
            ActionResult, await self._call("disk_allow", {"node": node, "percent": percent, "seconds": seconds})
        )

    async def pin(self, key: str, reason: str = "") -> ActionResult:
        """See ArchiveClient."""
        return cast(ActionResult, await self._call("pin", {"key": key, "reason": reason}))

    async def unpin(self, key: str) -> ActionResult:
        """See ArchiveClient."""
        return cast(ActionResult, await self._call("unpin", {"key": key}))


class ArchivePassedOn(ABC):
    """See ArchiveClient; every call is passed on to the engine in this process."""

    @property
    @abstractmethod
    def _engine(self) -> ArchiveClient:
        """Return the engine; raises SyncdeckError while there is none."""

    async def usage(self, location: str, path: str = "") -> UsageView:
        """See ArchiveClient."""
        return await self._engine.usage(location, path)

    async def candidates(self, location: str | None, offset: int, count: int, text: str = "") -> CandidatePage:
        """See ArchiveClient."""
        return await self._engine.candidates(location, offset, count, text)

    async def archives(self, offset: int, count: int, text: str = "") -> ArchivePage:
        """See ArchiveClient."""
        return await self._engine.archives(offset, count, text)

    async def archive_preview(self, request: ArchiveRequest) -> ArchivePreview:
        """See ArchiveClient."""
        return await self._engine.archive_preview(request)

    async def archive_run(self, request: ArchiveRequest) -> ActionResult:
        """See ArchiveClient."""
        return await self._engine.archive_run(request)

    async def archive_verify(self, archive_ids: tuple[int, ...]) -> CheckResult:
        """See ArchiveClient."""
        return await self._engine.archive_verify(archive_ids)

    async def archive_drill(self, count: int) -> CheckResult:
        """See ArchiveClient."""
        return await self._engine.archive_drill(count)

    async def archive_cancel(self, archive_ids: tuple[int, ...]) -> ActionResult:
        """See ArchiveClient."""
        return await self._engine.archive_cancel(archive_ids)

    async def restore(self, request: RestoreRequest) -> ActionResult:
        """See ArchiveClient."""
        return await self._engine.restore(request)

    async def archive_undo(self) -> ActionResult:
        """See ArchiveClient."""
        return await self._engine.archive_undo()

    async def archive_policy(self) -> ArchivePolicyView:
        """See ArchiveClient."""
        return await self._engine.archive_policy()

    async def set_archive_policy(self, allowed: bool) -> ActionResult:
        """See ArchiveClient."""
        return await self._engine.set_archive_policy(allowed)

    async def disk_allow(self, node: str, percent: float, seconds: float) -> ActionResult:
        """See ArchiveClient."""
        return await self._engine.disk_allow(node, percent, seconds)

    async def pin(self, key: str, reason: str = "") -> ActionResult:
        """See ArchiveClient."""
        return await self._engine.pin(key, reason)

    async def unpin(self, key: str) -> ActionResult:
        """See ArchiveClient."""
        return await self._engine.unpin(key)
