"""Live progress of running transfers, in memory only: bytes done, bytes on the wire, and the rate of late."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from engine.clock import Clock

WINDOW_SECONDS = 10.0
"""A rate over ten seconds neither jumps with every chunk nor hides a link that has stalled."""
SAMPLE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class LiveProgress:
    """How far a transfer is: bytes of the file, bytes on the wire, bytes/s over the last ten seconds."""

    bytes_done: int
    bytes_on_wire: int
    bytes_per_second: float


@dataclass(slots=True)
class _Track:
    bytes_done: int = 0
    bytes_on_wire: int = 0
    samples: deque[tuple[float, int]] = field(default_factory=deque)


class ProgressBoard:
    """Every running transfer's progress. Owned by the event loop; ``revision`` grows with every change."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tracks: dict[int, _Track] = {}
        self.revision = 0

    def update(self, transfer_id: int, bytes_done: int, bytes_on_wire: int) -> None:
        """Take a new reading; at most four a second are kept for the rate."""
        track = self._tracks.setdefault(transfer_id, _Track())
        track.bytes_done, track.bytes_on_wire = bytes_done, bytes_on_wire
        self.revision += 1
        now = self._clock.monotonic()
        if not track.samples or now - track.samples[-1][0] >= SAMPLE_SECONDS:
            track.samples.append((now, bytes_done))
        while len(track.samples) > 2 and track.samples[1][0] <= now - WINDOW_SECONDS:
            track.samples.popleft()

    def of(self, transfer_id: int) -> LiveProgress | None:
        """Return a transfer's progress, or None when it is not running."""
        track = self._tracks.get(transfer_id)
        if track is None:
            return None
        return LiveProgress(track.bytes_done, track.bytes_on_wire, self._rate(track))

    def total_rate(self) -> float:
        """Return bytes/s of all running transfers together."""
        return sum(self._rate(track) for track in self._tracks.values())

    def forget(self, transfer_id: int) -> None:
        """Drop a transfer that ended."""
        if self._tracks.pop(transfer_id, None) is not None:
            self.revision += 1

    def _rate(self, track: _Track) -> float:
        """Time that passed without a reading counts: a stalled transfer's rate falls to nothing."""
        if not track.samples:
            return 0.0
        at, done = track.samples[0]
        seconds = max(self._clock.monotonic() - at, SAMPLE_SECONDS)
        return max(0.0, (track.bytes_done - done) / seconds)
