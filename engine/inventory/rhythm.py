"""When a node is looked at next: scans in the interval that is configured, looks for changes in between. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from engine.inventory.scanner import ScanOutcome

SCAN_TIME_SHARE = 0.2
"""A scan may take at most this share of the time between two: a node with a million files is looked at less often."""
SCAN_TIME_SHARE_BESIDE_LOOKS = 0.1
"""The same where looks for changes find what is new: scans then only notice what is gone."""
LOOK_TIME_SHARE = 0.25
"""The share of looks for changes, which cost the node a walk and the engine next to nothing."""
LOOKS_PER_INTERVAL = 6.0
SHORTEST_LOOK_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Turn:
    """When a node is looked at again, in monotonic seconds: for changes, and wholly. The earlier one comes next."""

    changes_at: float
    scan_at: float


def next_turn(
    before: Turn, outcome: ScanOutcome | None, failures: int, interval: float, started: float, now: float
) -> Turn:
    """Return the next turn after a look that ``started`` and ended ``now``; ``interval`` is that between two scans.

    After the n-th failure in a row (``outcome`` None) the pause doubles each time. Where the look cannot be followed
    by one for changes, there is none.
    """
    if outcome is None:
        at = now + min(interval * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE_SECONDS)
        return Turn(at, at)
    took = now - started
    scan_at = before.scan_at
    if outcome.whole:
        share = SCAN_TIME_SHARE if outcome.look is None else SCAN_TIME_SHARE_BESIDE_LOOKS
        scan_at = now + max(interval, took / share - took)
    if outcome.look is None:
        return Turn(scan_at, scan_at)
    shortest = min(interval, max(interval / LOOKS_PER_INTERVAL, SHORTEST_LOOK_PAUSE_SECONDS))
    # A whole scan says nothing of how long a look takes; the first one after it does.
    look_took = 0.0 if outcome.whole else took
    return Turn(min(now + max(shortest, look_took / LOOK_TIME_SHARE - look_took), scan_at), scan_at)
