"""Circuit breakers, one per node and transport: pure, with the clock and chance passed in.

A breaker opens after three failures of the network in a row within a window, stays open for a cool-down that doubles
with every trip, then lets a single probe through: its success closes the breaker, its failure opens it for longer.
Nothing is stored: an engine starts with every breaker closed, because the network of an hour ago proves nothing, and
three failures teach it again; the failures themselves stay in the history.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from engine.errors import ErrorClass

COUNTED = frozenset({ErrorClass.TRANSIENT_NETWORK, ErrorClass.THROTTLED})
"""Only failures of the way count. What a person must mend, or what is wrong with a file, says nothing of it."""
FAILURES_TO_OPEN = 3
WINDOW_SECONDS = 120.0
"""Failures further apart than this are single mishaps."""
PROVEN_SECONDS = 600.0
"""How long a success with another node speaks for a node when a link of it fails."""
FIRST_COOL_DOWN_SECONDS = 5.0
LONGEST_COOL_DOWN_SECONDS = 600.0
PROBE_GRACE_SECONDS = 30.0
"""A large file leaves the probe to smaller ones for so long after the cool-down."""
LONGEST_WHY = 60
UNREACHED = ""
"""The peer of a failure that is the node's own: it did not answer at all."""


class BreakerState(StrEnum):
    """Whether a transport is used at a node."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """A breaker as it stands. ``until``: when the next probe may go, in the clock's monotonic seconds."""

    state: BreakerState
    until: float | None
    why: str
    trips: int


CLOSED = BreakerStatus(BreakerState.CLOSED, None, "", 0)


@dataclass
class Breaker:
    """One node's breaker for one transport. Times are monotonic seconds."""

    chance: random.Random
    trips: int = 0
    until: float | None = None
    """None: closed."""
    why: str = ""
    probing: bool = False
    _failures: deque[tuple[float, str]] = field(default_factory=deque)
    _proofs: dict[str, float] = field(default_factory=dict)
    _smallest_refused: int | None = None

    def status(self, now: float) -> BreakerStatus:
        """Return how it stands."""
        if self.until is None:
            return CLOSED
        state = BreakerState.OPEN if now < self.until or self.probing else BreakerState.HALF_OPEN
        return BreakerStatus(state, self.until, self.why, self.trips)

    def admits(self, now: float, size_bytes: int) -> bool:
        """Return whether a file of this size may go; ask ``probe`` to go where the breaker is half-open."""
        if self.until is None:
            return True
        if now < self.until:
            smallest = self._smallest_refused
            self._smallest_refused = size_bytes if smallest is None else min(smallest, size_bytes)
            return False
        if self.probing:
            return False
        is_small = self._smallest_refused is None or size_bytes <= self._smallest_refused
        return is_small or now >= self.until + PROBE_GRACE_SECONDS

    def probe(self) -> None:
        """Note that a file goes; while the breaker is half-open it is the only one."""
        self.probing = self.until is not None

    def released(self) -> None:
        """Note that a probe ended without telling anything of the way: the next file may probe."""
        self.probing = False

    def succeeded(self, now: float, peer: str) -> None:
        """Close: something arrived, from or to ``peer``."""
        self._proofs = {name: at for name, at in self._proofs.items() if now - at <= PROVEN_SECONDS}
        self._proofs[peer] = now
        self.close()

    def close(self) -> None:
        """Forget every failure."""
        self.trips, self.until, self.why, self.probing = 0, None, "", False
        self._failures.clear()
        self._smallest_refused = None

    def failed(self, now: float, peer: str, why: str, retry_after_seconds: float | None = None) -> None:
        """Count a failure; open at the third in a row, after a probe at once, and when the other end asked for it."""
        was_open, cooling = self.until is not None, self.until is not None and now < self.until
        while self._failures and now - self._failures[0][0] > WINDOW_SECONDS:
            self._failures.popleft()
        self._failures.append((now, peer))
        if cooling and not self.probing:
            return  # It began before the breaker opened, and says nothing new.
        count = len(self._failures)
        if was_open or count >= FAILURES_TO_OPEN or retry_after_seconds is not None:
            self._open(now, f"{count} failures: {why}" if count > 1 else why, retry_after_seconds)

    @property
    def unreached(self) -> bool:
        """Whether it is open because the node did not answer, and not for this transport's own failures."""
        return self.until is not None and all(peer == UNREACHED for _, peer in self._failures)

    def follow(self, other: Breaker) -> None:
        """Stay open as long as another breaker of the same node."""
        self.until, self.trips, self.why = other.until, max(self.trips, other.trips), other.why

    def retry_now(self, now: float) -> None:
        """Let the next file probe: the node was seen to answer."""
        if self.until is not None:
            self.until = min(self.until, now)

    def proven(self, now: float, besides: str) -> int:
        """Return with how many other nodes it worked of late."""
        return sum(name != besides and now - at <= PROVEN_SECONDS for name, at in self._proofs.items())

    def failed_with(self, peer: str, now: float) -> bool:
        """Return whether it failed with this node within the window."""
        return any(name == peer and now - at <= WINDOW_SECONDS for at, name in self._failures)

    def _open(self, now: float, why: str, retry_after_seconds: float | None) -> None:
        doubled = min(LONGEST_COOL_DOWN_SECONDS, FIRST_COOL_DOWN_SECONDS * 2.0 ** min(self.trips, 16))
        wait = doubled * (0.75 + self.chance.random() / 2)
        self.until = now + max(wait, retry_after_seconds or 0.0)
        self.trips += 1
        self.why = why
        self.probing = False
