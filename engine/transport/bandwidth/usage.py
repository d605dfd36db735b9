"""What a flow really moves, and so how much of a share it can use: pure, the time is passed in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

WINDOW_SECONDS = 2.0
"""Long enough to smooth a transport's chunks, short enough to see within a second that a flow began."""
LEAST_SECONDS = 0.25
"""Two samples closer together than this say nothing of a rate."""
SETTLE_SECONDS = 3.0
"""A share is judged only after it held so long: connecting, checking and resuming come first."""
IDLE_PART = 0.7
"""Below this part of its share a flow does not use it."""
HUNGRY_PART = 0.85
"""From this part on it is held back by its share and may have more. The gap between the two is the hysteresis."""
ROOM = 1.25
"""What a flow is left above what it uses, to grow into."""
GROWTH = 2.0
LEAST_PART = 0.1
"""Even a flow that moves nothing keeps this part of its share, or it could never show that it can use more."""


@dataclass
class Usage:
    """One flow's bytes on the wire over the last seconds, and its appetite (None: it takes whatever it gets)."""

    appetite: float | None = None
    _fair: float = 0.0
    """The share that it did not use when its appetite was last found smaller."""
    _settled_at: float | None = None
    """When the present share is first judged, on the monotonic clock."""
    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    def moved(self, now: float, wire_bytes: int) -> None:
        """Take the count of bytes on the wire so far; a smaller one begins a new count."""
        if self._samples and wire_bytes < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((now, wire_bytes))
        while len(self._samples) > 2 and self._samples[1][0] <= now - WINDOW_SECONDS:
            self._samples.popleft()

    def rate(self, now: float) -> float:
        """Return bytes/s over the window; time that passed without news counts, long silence is no rate at all."""
        if len(self._samples) < 2 or now - self._samples[-1][0] > WINDOW_SECONDS:
            return 0.0
        since, before = self._samples[0]
        return (self._samples[-1][1] - before) / max(now - since, LEAST_SECONDS)

    def carried(self, now: float) -> float:
        """Return bytes/s over the whole window, also where the flow began within it: these add up over flows."""
        if len(self._samples) < 2 or now - self._samples[-1][0] > WINDOW_SECONDS:
            return 0.0
        since, before = self._samples[0]
        return (self._samples[-1][1] - before) / max(now - since, WINDOW_SECONDS)

    def unsettle(self) -> None:
        """Judge again only after a while: the share changed."""
        self._settled_at = None

    def judge(self, now: float, share: float | None) -> bool:
        """Compare what is used with the share; return whether the appetite changed."""
        if share is None or share <= 0:
            changed, self.appetite, self._settled_at = self.appetite is not None, None, None
            return changed
        if self._settled_at is None:
            self._settled_at = now + SETTLE_SECONDS
        used, offered = self.rate(now), min(share, self.appetite or share)
        if self.appetite is not None and used >= HUNGRY_PART * offered:
            grown = self.appetite * GROWTH
            self.appetite = grown if grown < self._fair else None
            self._settled_at = now + SETTLE_SECONDS
            return True
        if now < self._settled_at or used >= IDLE_PART * offered:
            return False
        if self.appetite is None:
            self._fair = share
        wanted = max(used * ROOM, LEAST_PART * self._fair)
        self._settled_at = now + SETTLE_SECONDS
        if self.appetite is not None and wanted >= self.appetite:
            return False
        self.appetite = wanted
        return True
