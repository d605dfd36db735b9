"""Who has the interpreter for how long: long work on the event loop in short pieces, threads that hand it on soon."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 50
"""Items of some 20 to 40 microseconds each, so a turn stays at about 2 ms: the limit is 5."""
SWITCH_SECONDS = 0.001


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
