"""What the planner may know: everything it decides from is in here and in the entries."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from config.types import Policy
from engine.model import LocationView, PlanResult


@dataclass(frozen=True, slots=True)
class PlanContext:
    """One moment of the fleet.

    ``live`` are (key as text, target location) of transfers that are queued or running, ``live_contents`` the
    (SHA-256, target location) of those whose content is known. ``reserved_bytes`` are by target location,
    ``link_rates`` in bytes per second by (source, target) location. ``newest`` are the keys of the newest NPZ and
    model of each config key; None: the newest among the entries given. ``snapshot_now`` lets a changed database
    be snapshotted again before its interval is over.
    """

    policy: Policy
    locations: Mapping[str, LocationView]
    now: float
    live: Set[tuple[str, str]] = frozenset()
    reserved_bytes: Mapping[str, int] = field(default_factory=dict)
    link_rates: Mapping[tuple[str, str], float] = field(default_factory=dict)
    live_contents: Set[tuple[str, str]] = frozenset()
    newest: Set[str] | None = None
    snapshot_now: bool = False

    def after(self, result: PlanResult) -> PlanContext:
        """Return the context in which a result's plans are queued: for planning page by page."""
        live, reserved = set(self.live), dict(self.reserved_bytes)
        for plan in result.plans:
            for target in plan.targets:
                reserved[target] = reserved.get(target, 0) + plan.bytes
                live |= {(str(key), target) for key in plan.entries}
        return replace(self, live=frozenset(live), reserved_bytes=reserved)

    def in_flight(self, key: str) -> frozenset[str]:
        """Return the locations to which a copy of a key is on its way."""
        return frozenset(location for location in self.locations if (key, location) in self.live)
