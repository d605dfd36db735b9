"""Keeping a stream to its rate. The clock and the sleep are passed in."""

from __future__ import annotations

from typing import Callable, Optional

# How far a stream that was held up may catch up.
BURST_SECONDS = 0.25
# How late a changed rate may be noticed.
LONGEST_SLEEP_SECONDS = 0.25
SMALLEST_CHUNK_BYTES = 16 << 10
CHUNKS_PER_SECOND = 8


class Pacer:
    """A token bucket that may go into debt for one chunk; ``rate`` (bytes per second, None = no cap) may change."""

    def __init__(self, rate: Optional[float], now: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self.rate = rate
        self._now = now
        self._sleep = sleep
        self._paid_until = now()

    def chunk_bytes(self, largest: int) -> int:
        """Return a chunk size that keeps a slow stream moving several times a second."""
        if not self.rate:
            return largest
        return max(SMALLEST_CHUNK_BYTES, min(largest, int(self.rate / CHUNKS_PER_SECOND)))

    def pay(self, count: int) -> None:
        """Account for ``count`` bytes just sent, and sleep until they are paid for."""
        now = self._now()
        if not self.rate:
            self._paid_until = now
            return
        rate = self.rate
        self._paid_until = max(self._paid_until, now - BURST_SECONDS) + count / rate
        while self._paid_until > now:
            self._sleep(min(LONGEST_SLEEP_SECONDS, self._paid_until - now))
            now = self._now()
            if self.rate != rate:
                left = max(0.0, self._paid_until - now) * rate
                rate = self.rate or float("inf")
                self._paid_until = now + left / rate
