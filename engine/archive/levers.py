"""The archive's half of the in-process client."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

from engine.audit import archive_subject, subject_of
from engine.parts import Parts
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

Result = TypeVar("Result", bound=ActionResult)


class ArchiveLevers(ABC):
    """Implements ``ArchiveClient``. Every method raises SyncdeckError while the engine is not open."""

    @abstractmethod
    def _need(self) -> Parts:
        """Return the parts of the open engine; raises SyncdeckError when it is not open."""

    async def usage(self, location: str, path: str = "") -> UsageView:
        """Return what fills a folder of a drive."""
        return await self._need().archive.usage.view(location, path)

    async def candidates(self, location: str | None, offset: int, count: int, text: str = "") -> CandidatePage:
        """Return what could be archived, and what may not and why."""
        return await self._need().archive.desk.candidates(location, offset, count, text)

    async def archives(self, offset: int, count: int, text: str = "") -> ArchivePage:
        """Return the archives and what is being done with them."""
        return await self._need().archive.desk.page(offset, count, text)

    async def archive_preview(self, request: ArchiveRequest) -> ArchivePreview:
        """Return what a request would do, doing nothing."""
        return await self._need().archive.desk.preview(request)

    async def archive_run(self, request: ArchiveRequest) -> ActionResult:
        """Start archiving what the preview showed."""
        return await self._noted("archive", archive_subject(request), await self._need().archive.desk.run(request))

    async def archive_verify(self, archive_ids: tuple[int, ...]) -> CheckResult:
        """Read archives back in full, now."""
        which = subject_of(archive_ids, "archive", "all archives")
        return await self._noted("archive verify", which, await self._need().archive.desk.verify(archive_ids))

    async def archive_drill(self, count: int) -> CheckResult:
        """Restore a sample into scratch space, compare, and remove it again."""
        return await self._noted("archive drill", f"a sample of {count}", await self._need().archive.desk.drill(count))

    async def archive_cancel(self, archive_ids: tuple[int, ...]) -> ActionResult:
        """Stop what is being written or restored; originals stay."""
        parts = self._need()
        stopped, restores = await parts.archive.desk.cancel(archive_ids)
        stopped += await parts.runner.cancel(restores)
        result = ActionResult(stopped, f"{stopped} stopped; originals stay")
        return await self._noted("archive cancel", subject_of(archive_ids, "archive"), result)

    async def restore(self, request: RestoreRequest) -> ActionResult:
        """Queue restores as transfers."""
        which = subject_of(request.archive_ids, "archive")
        result = await self._noted("restore", which, await self._need().archive.desk.restore(request))
        self._need().runner.wake()
        return result

    async def archive_undo(self) -> ActionResult:
        """Restore what was archived last."""
        result = await self._noted("archive undo", "the last run", await self._need().archive.desk.undo())
        self._need().runner.wake()
        return result

    async def archive_policy(self) -> ArchivePolicyView:
        """Return the automatic policy, its dry run, drills and allowances."""
        return await self._need().archive.automatic.view()

    async def set_archive_policy(self, allowed: bool) -> ActionResult:
        """Let the automatic policy act, or take that back."""
        await self._need().archive.automatic.allow(allowed)
        word = "may archive and replace originals" if allowed else "only says what it would do"
        result = ActionResult(1, f"the automatic policy {word}")
        return await self._noted("archive allow", "the automatic policy", result)

    async def disk_allow(self, node: str, percent: float, seconds: float) -> ActionResult:
        """Raise a node's disk limit for a time."""
        parts = self._need()
        result = await parts.archive.allowances.allow(node, percent, seconds)
        parts.planning.wake(full=True)
        parts.board.touch()
        return result

    async def pin(self, key: str, reason: str = "") -> ActionResult:
        """Let no copy of an entry be archived away or deleted until it is unpinned."""
        result = await self._need().archive.desk.pin(key, reason)
        self._need().board.touch()
        return result

    async def unpin(self, key: str) -> ActionResult:
        """Take the pin of an entry away."""
        result = await self._need().archive.desk.unpin(key)
        self._need().board.touch()
        return result

    async def _noted(self, action: str, subject: str, result: Result) -> Result:
        parts = self._need()
        await parts.audit(action, subject, result.message)
        parts.board.touch()
        return result
