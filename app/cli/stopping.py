"""SIGINT, SIGTERM and SIGHUP ask an engine to stop; a second one ends it at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from types import FrameType
from typing import Any

from app.cli.exit_codes import of_signal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """While entered, takes the stop signals; ``number`` is the first that came, or None."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._came = asyncio.Event()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            before = signal.getsignal(number)
            if before is signal.SIG_IGN:
                continue  # nohup, or a shell's background job: whoever started us wants it ignored
            self._before[number] = before
            loop.add_signal_handler(number, self._take, int(number))
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number, handler in self._before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

    async def wait(self) -> None:
        """Return when a stop signal has come."""
        await self._came.wait()

    async def wait_for(self, task: asyncio.Task[Any]) -> None:
        """Return when the task is done or a stop signal has come, whichever is first; raises nothing of the task."""
        stopped = asyncio.create_task(self._came.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()

    def _take(self, number: int) -> None:
        if self.number is None:
            self.number = number
            self._came.set()
            # From here on a signal must end the process even if the event loop hangs.
            for other in self._before:
                asyncio.get_running_loop().remove_signal_handler(other)
                signal.signal(other, _end_now)


def _end_now(number: int, frame: FrameType | None) -> None:
    """End without cleaning up: children end with the pipes that this process holds, the store is crash-safe."""
    sys.stderr.write("ended at once, on a second signal\n")
    sys.stderr.flush()
    os._exit(of_signal(number))
