"""One rate shared by several threads; a change is felt at once, also by those that wait for their turn."""

from __future__ import annotations

import threading
from typing import Callable, Optional

from engine.remote.agent.pacing import BURST_SECONDS, CHUNKS_PER_SECOND, SMALLEST_CHUNK_BYTES


class Throttle:
    """A token bucket that may go into debt for one chunk of each thread. ``now`` is a monotonic clock in seconds."""

    def __init__(self, rate: Optional[float], now: Callable[[], float]) -> None:
        self._rate = rate
        self._now = now
        self._balance = 0.0
        self._counted_at = now()
        self._changed = threading.Condition()

    def set(self, rate: Optional[float]) -> None:
        """Change the rate (bytes per second, None = no cap)."""
        with self._changed:
            self._count()
            self._rate = rate
            self._changed.notify_all()

    def chunk_bytes(self, largest: int) -> int:
        """Return a chunk size that keeps a slow stream moving several times a second."""
        rate = self._rate
        if not rate:
            return largest
        return max(SMALLEST_CHUNK_BYTES, min(largest, int(rate / CHUNKS_PER_SECOND)))

    def pay(self, count: int) -> None:
        """Account for ``count`` bytes just moved, and wait until what all threads owe is paid."""
        with self._changed:
            self._count()
            if not self._rate:
                return
            self._balance -= count
            owed = -self._balance
            while self._rate and owed > 0:
                # Each thread waits for the debt as it was when it paid, so that they take turns.
                begun = self._counted_at
                self._changed.wait(owed / self._rate)
                rate = self._rate
                self._count()
                owed -= (self._counted_at - begun) * rate if rate else owed

    def _count(self) -> None:
        """Add what the time since the last count was worth; what was not used is kept for a moment only."""
        now = self._now()
        if self._rate:
            saved = self._balance + (now - self._counted_at) * self._rate
            self._balance = min(saved, self._rate * BURST_SECONDS)
        else:
            self._balance = 0.0
        self._counted_at = now
