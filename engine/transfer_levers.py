"""What an operator does to transfers of an engine in here: their rates, their transports, and what blocks them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

from engine.audit import subject_of
from engine.parts import Parts
from engine.views import ActionResult
from engine.views_bandwidth import BandwidthChange, BandwidthView
from engine.views_keeping import KeepPreview, KeepRequest, KeepResult


class TransferLevers(ABC):
    """The transfers' part of ``EngineClient``. Every method raises SyncdeckError while the engine is not open."""

    @abstractmethod
    def _need(self) -> Parts:
        """Return the parts of the open engine; raises SyncdeckError when it is not open."""

    async def pause_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Hold single transfers back; what arrived is kept."""
        parts = self._need()
        count = await parts.runner.pause(transfer_ids)
        await parts.audit("pause", subject_of(transfer_ids, "transfer"), f"{count} of {len(transfer_ids)}")
        parts.board.touch()
        return ActionResult(count, f"{count} of {len(transfer_ids)} paused; what arrived is kept")

    async def resume_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Let single transfers go on."""
        parts = self._need()
        count = await parts.queue.resume(transfer_ids)
        await parts.audit("resume", subject_of(transfer_ids, "transfer"), f"{count} of {len(transfer_ids)}")
        parts.runner.wake()
        parts.board.touch()
        return ActionResult(count, f"{count} of {len(transfer_ids)} resumed")

    async def bandwidth(self) -> BandwidthView:
        """Return the limits in force and what moves under them."""
        return self._need().limits.view()

    async def set_bandwidth(self, change: BandwidthChange) -> ActionResult:
        """Set or take back an operator's limit."""
        parts = self._need()
        result = await parts.limits.change(change)
        parts.board.touch()
        return result

    async def cancel(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Cancel live transfers; nothing of them stays behind."""
        parts = self._need()
        count = await parts.runner.cancel(transfer_ids)
        await parts.audit("cancel", subject_of(transfer_ids, "transfer"), f"{count} of {len(transfer_ids)}")
        parts.board.touch()
        return ActionResult(count, f"{count} of {len(transfer_ids)} cancelled")

    async def retry(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        """Try blocked, failed, cancelled or waiting transfers again, now."""
        parts = self._need()
        count = await parts.queue.release(list(transfer_ids))
        await parts.audit("retry", subject_of(transfer_ids, "transfer"), f"{count} of {len(transfer_ids)}")
        parts.runner.wake()
        parts.board.touch()
        return ActionResult(count, f"{count} of {len(transfer_ids)} will be tried now")

    async def keep_both_preview(self, request: KeepRequest) -> KeepPreview:
        """Return which copies would get which names, and what goes on then."""
        return await self._need().keeping.preview(request)

    async def keep_both(self, request: KeepRequest) -> KeepResult:
        """Give copies names of their own beside what takes their place."""
        parts = self._need()
        result = await parts.keeping.keep(request)
        if result.kept:
            parts.planning.wake(full=True)  # What is refused no more is a finding no more.
        parts.board.touch()
        if result.transfers and (parts.facts.offline or parts.paused):
            why = "no engine runs" if parts.facts.offline else "it is paused"
            return replace(result, message=f"{result.message}; {why}: they wait until it moves data")
        return result

    async def reset_transports(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        """Close the breakers of nodes; with none, of all."""
        parts = self._need()
        result = await parts.transports.reset(nodes)
        parts.runner.wake()
        parts.board.touch()
        return result
