"""Time as a dependency: the engine asks a clock, tests hand in one that they move by hand."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for what is shown and stored, monotonic time for what is measured; both in seconds."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved; for tests and snapshots."""

    def __init__(self, now: float = 1_767_225_600.0) -> None:
        self._now = now
        self._start = now

    def now(self) -> float:
        """Return the time it was set to."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds since it was made."""
        return self._now - self._start

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self._now += seconds
