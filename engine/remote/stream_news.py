"""Whether a stream moves: pure, from what its ends count and a clock that is passed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# What the ends count: bytes read and on the wire at the source, steps of what goes on beside; bytes that reached the
# target, were written and were read back there.
COUNTERS = ("read", "wire", "checks", "heard", "at", "hashed")
BYTES_THAT_ARRIVE = "heard"
LEAST_BYTES = 256 * 1024
"""What must reach the target within one stall limit: less is a link that is only kept open. The transport manager
asks as much of a try that is to be repeated."""
SHARE_OF_CAP = 0.25
"""A stream that is kept slow on purpose must still make this share of its cap."""


class StreamNews:
    """The counters of both ends, and when they last moved far enough. Only a counter that moved is news."""

    def __init__(self, size_bytes: int, stall_seconds: float, now: Callable[[], float]) -> None:
        self._size_bytes = size_bytes
        self._stall_seconds = stall_seconds
        self._now = now
        self._counters: dict[str, int] = {}
        self._since = now()
        self._before: dict[str, int] = {}
        """The counters when they last moved far enough."""
        self.rate: int | None = None
        """The cap in bytes per second, None: none."""

    def take(self, line: dict[str, Any]) -> bool:
        """Take counters over from what an end said; return whether any moved."""
        moved = {name: line[name] for name in COUNTERS if line.get(name, 0) > self._counters.get(name, 0)}
        self._counters.update(moved)
        alive = any(word in line for word in ("boot", "ready", "hello")) or (moved and not self._flowing())
        if alive or self._moved(BYTES_THAT_ARRIVE) >= self._least_bytes() or self._shrinks_to_nothing():
            self._since = self._now()
            self._before = dict(self._counters)
        return bool(moved)

    def of(self, name: str) -> int:
        """Return a counter, 0 before it was heard of."""
        return self._counters.get(name, 0)

    def seconds_left(self) -> float:
        """Return how long until the stream counts as stalled; not above 0 when it does."""
        return self._since + self._stall_seconds - self._now()

    def _flowing(self) -> bool:
        """Return whether content is on its way; before and after that any work of either end counts."""
        return self.of("wire") > 0 and self.of("read") < self._size_bytes

    def _shrinks_to_nothing(self) -> bool:
        """Return whether much was read of which hardly anything had to travel, as of holes: the link holds up nobody
        while all that was sent arrives."""
        return self._moved("read") >= self._least_bytes() and self._moved("wire") <= self._moved(BYTES_THAT_ARRIVE)

    def _moved(self, name: str) -> int:
        return self.of(name) - self._before.get(name, 0)

    def _least_bytes(self) -> float:
        if self.rate is None:
            return LEAST_BYTES
        return min(LEAST_BYTES, SHARE_OF_CAP * self.rate * self._stall_seconds)
