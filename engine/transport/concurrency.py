"""How many transfers each link may carry at once, learned from success and throughput: pure, the clock passed in.

The idea, its bands and its smoothing are those of the optimizer of FTS, CERN's file transfer service: raise by one
while nearly everything succeeds and throughput grows, hold in between, lower on failures. It differs in starting at
the most that a node allows: a healthy link runs as if this were not here, and only one that fails is led down and
back up.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from engine.clock import Clock

NODE_LIMIT = 4
"""Transfers that touch one node at once: the users' coordinator ran out of memory at a hundred rsyncs."""
RAISE_SUCCESS = 0.99
LOWER_SUCCESS = 0.97
"""FTS's outer bands; between them the limit stays."""
SMOOTHING = 0.3
"""Weight of the newest throughput. FTS takes 0.1 of a reading every minute; ours is one for each transfer."""
OUTCOMES_KEPT = 100
OUTCOMES_KEPT_SECONDS = 900.0
GROWTH = 1.05
LOSS = 0.8
NO_GAIN = "held: one more at once moved no more"
"""The reason of a link that is not tried one step higher before ``HELD_SECONDS`` are over."""
HELD_SECONDS = 300.0
"""A link that grew no further is tried one step higher again after so long."""
LEAST = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of a link's limit (or that it stays, for a new reason), and why. ``at`` is wall time."""

    at: float
    source: str
    target: str
    before: int
    after: int
    reason: str
    bytes_per_second: float
    success_rate: float


@dataclass(frozen=True, slots=True)
class LinkStanding:
    """What a link is allowed now and why; throughput in bytes/s, smoothed, over all its transfers together."""

    source: str
    target: str
    limit: int
    reason: str
    bytes_per_second: float
    success_rate: float


@dataclass
class _Link:
    limit: int
    reason: str = "nothing failed: as many as a node may have"
    outcomes: deque[tuple[float, bool]] = field(default_factory=deque)
    throughput: float = 0.0
    raised_from: float | None = None
    """The throughput before the last step up, until that step is judged."""
    since_change: int = 0
    changed_at: float = float("-inf")
    lowered_at: float = float("-inf")


class LinkConcurrency:
    """Owned by the event loop. Kept are links that carried something since the engine started."""

    def __init__(self, most: int, clock: Clock) -> None:
        """``most`` is how many transfers a node may take part in at once."""
        self._most = most
        self._clock = clock
        self._links: dict[tuple[str, str], _Link] = {}

    def limited(self) -> dict[tuple[str, str], int]:
        """Return the links that may carry less than a node allows."""
        return {ends: link.limit for ends, link in self._links.items() if link.limit < self._most}

    def standings(self) -> list[LinkStanding]:
        """Return every link that carried something."""
        return [
            LinkStanding(*ends, link.limit, link.reason, link.throughput, _success(link))
            for ends, link in sorted(self._links.items())
        ]

    def arrived(
        self, source: str, target: str, size_bytes: int, duration_seconds: float, at_once: int
    ) -> Decision | None:
        """Take in a success; ``at_once`` transfers ran on the link when it ended, this one counted.

        Return a decision where one was due.
        """
        link = self._note(source, target, True)
        if duration_seconds > 0:
            reading = size_bytes / duration_seconds * max(1, at_once)
            link.throughput += SMOOTHING * (reading - link.throughput) if link.throughput else reading
        # A link that is not used to its limit tells nothing of another.
        return self._consider(source, target, link) if at_once >= link.limit else None

    def broke(self, source: str, target: str, why: str, started_at: float) -> Decision | None:
        """Take in a failure of the network of something that began at ``started_at`` (monotonic seconds).

        Failures of what began before the link was lowered for the same reason lower it no further.
        """
        link = self._note(source, target, False)
        if started_at < link.lowered_at or link.limit <= LEAST or _success(link) >= LOWER_SUCCESS:
            return None
        rate = _success(link)
        reason = f"lowered: {why}; {rate:.0%} of the last {len(link.outcomes)} arrived"
        return self._change(source, target, link, max(LEAST, link.limit // 2), reason, rate)

    def forget_others(self, nodes: frozenset[str]) -> None:
        """Drop links of nodes that left the configuration."""
        self._links = {ends: link for ends, link in self._links.items() if nodes.issuperset(ends)}

    def _note(self, source: str, target: str, arrived: bool) -> _Link:
        link = self._links.setdefault((source, target), _Link(self._most))
        now = self._clock.monotonic()
        link.outcomes.append((now, arrived))
        while len(link.outcomes) > OUTCOMES_KEPT or now - link.outcomes[0][0] > OUTCOMES_KEPT_SECONDS:
            link.outcomes.popleft()
        link.since_change += 1
        return link

    def _consider(self, source: str, target: str, link: _Link) -> Decision | None:
        """Judge the last step up when as many arrived as may run at once, and perhaps take the next."""
        rate = _success(link)
        if (link.limit >= self._most and link.raised_from is None) or link.since_change < link.limit:
            return None
        if rate < RAISE_SUCCESS:
            return self._hold(source, target, link, f"held: {rate:.0%} of the last {len(link.outcomes)} arrived", rate)
        before, link.raised_from = link.raised_from, None
        if before is not None and link.throughput < before * LOSS:
            return self._change(source, target, link, link.limit - 1, "lowered: more at once moved less", rate)
        if link.limit >= self._most:
            return self._hold(source, target, link, "as many as a node may have, and it arrives", rate)
        rested = self._clock.monotonic() - link.changed_at >= HELD_SECONDS
        if before is not None and link.throughput < before * GROWTH and not rested:
            return self._hold(source, target, link, NO_GAIN, rate)
        if link.reason == NO_GAIN and not rested:
            return None
        moved = link.throughput
        decision = self._change(source, target, link, link.limit + 1, f"raised: {rate:.0%} arrived", rate)
        link.raised_from = moved
        return decision

    def _hold(self, source: str, target: str, link: _Link, reason: str, rate: float) -> Decision | None:
        if link.reason == reason:
            return None
        link.reason = reason
        return Decision(self._clock.now(), source, target, link.limit, link.limit, reason, link.throughput, rate)

    def _change(self, source: str, target: str, link: _Link, limit: int, reason: str, rate: float) -> Decision:
        limit = min(self._most, max(LEAST, limit))
        now = self._clock.monotonic()
        decision = Decision(self._clock.now(), source, target, link.limit, limit, reason, link.throughput, rate)
        if limit < link.limit:
            link.lowered_at = now
            link.raised_from = None
            # What failed before was told of: from here on, the lower limit is judged.
            link.outcomes.clear()
        link.limit, link.reason, link.since_change, link.changed_at = limit, reason, 0, now
        return decision


def _success(link: _Link) -> float:
    return sum(arrived for _, arrived in link.outcomes) / len(link.outcomes) if link.outcomes else 1.0
