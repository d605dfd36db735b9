"""Spacing the starts of connections: sshd drops unauthenticated ones beyond ten at random (MaxStartups 10:30:100)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from engine.clock import Clock, SystemClock

BURST = 6
"""Starts at once to one node: below the ten at which sshd begins to drop, with room for an operator's own."""
PER_SECOND = 10.0

Sleep = Callable[[float], Awaitable[None]]


class Pacer:
    """One per engine, shared by everything that starts SSH: a burst for each node, then a steady pace.

    A virtual schedule (GCRA): no task waits for another, and a caller that gives up costs only its own turn.
    """

    def __init__(self, clock: Clock | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._next: dict[str, float] = {}

    async def turn(self, node_id: str) -> None:
        """Return when a connection to the node may be started."""
        wait = self.take(node_id)
        if wait > 0:
            await self._sleep(wait)

    def take(self, node_id: str) -> float:
        """Take the node's next turn; return seconds until it comes."""
        now = self._clock.monotonic()
        theoretical = max(self._next.get(node_id, now), now)
        self._next[node_id] = theoretical + 1 / PER_SECOND
        return max(0.0, theoretical - now - (BURST - 1) / PER_SECOND)
