"""Who has the interpreter for how long: long work on the event loop in short pieces, threads that hand it on soon."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 50
"""Items of some 20 to 40 microseconds each, so a turn stays at about 2 ms: the limit is 5."""
SWITCH_SECONDS = 0.001
_BREATH_SECONDS = 0.000_2
"""Not 0: who gives the interpreter away and takes it back at once has it again before a waiting thread wakes up."""


class Breather:
    """Lets other threads run, now and again, when called by one that computes: the event loop waits for the
    interpreter's lock otherwise. Calling it often costs next to nothing."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def __call__(self) -> None:
        """Give the interpreter away when this thread has had it for as long as it may."""
        if time.perf_counter() - self._last > SWITCH_SECONDS:
            time.sleep(_BREATH_SECONDS)
            self._last = time.perf_counter()


def let_threads_switch_soon() -> None:
    """Let a thread that computes hand the interpreter to the event loop after a millisecond; Python's own 5 are all
    that the loop may ever wait."""
    sys.setswitchinterval(SWITCH_SECONDS)


async def in_turns(items: Iterable[T], at_once: int = AT_ONCE) -> AsyncIterator[T]:
    """Yield the items; after every ``at_once`` of them the event loop has a turn, and a cancellation its chance."""
    for number, item in enumerate(items, 1):
        yield item
        if number % at_once == 0:
            await asyncio.sleep(0)


class InSingleFile:
    """Lets one after another do what is slower side by side; who waited for too long goes beside the one that hangs."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for this one's turn, within patience; it ends with the context."""
        in_turn = False
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience_seconds):
                    in_turn = await self._lock.acquire()
            yield
        finally:
            if in_turn:
                self._lock.release()
