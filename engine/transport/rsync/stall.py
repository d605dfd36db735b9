"""Ending an rsync that moves nothing any more: its own --timeout waits on while it can hand keep-alives to a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from engine.clock import Clock
from engine.errors import ErrorClass, TransferError
from engine.remote.types import Progress

Ended = TypeVar("Ended")
LEAST_NEWS_BYTES = 1024
"""rsync's keep-alives are 8 bytes every other second; less than this on the wire is no sign of life."""


class StallWatch:
    """Listens to the progress of one run, and ends the run when there was none for too long."""

    def __init__(self, subject: str, seconds: float, progress: Progress, clock: Clock) -> None:
        self.wire = 0
        self._subject = subject
        self._seconds = seconds
        self._progress = progress
        self._clock = clock
        self._heard = (0, 0)
        self._last = clock.monotonic()

    def heard(self, done: int, wire: int) -> None:
        """Pass progress on; only content that moved is news."""
        self.wire = wire
        if done > self._heard[0] or wire >= self._heard[1] + LEAST_NEWS_BYTES:
            self._heard = (done, wire)
            self._last = self._clock.monotonic()
        self._progress(done, wire)

    async def over(self, work: Coroutine[Any, Any, Ended]) -> Ended:
        """Return what the work returns; raise TransferError, once it was ended, when nothing moved for too long."""
        task = asyncio.create_task(work)
        try:
            while (left := self._last + self._seconds - self._clock.monotonic()) > 0:
                done, _ = await asyncio.wait([task], timeout=left)
                if done:
                    return task.result()
        finally:
            task.cancel()
            await asyncio.wait([task])
        cause = f"nothing moved for {self._seconds:.0f} s"
        raise TransferError("rsync", self._subject, cause, "it is resumed by itself", ErrorClass.TRANSIENT_NETWORK)
