"""Explicit wishes: chosen entries to named targets. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from engine.catalog.roots import landing_locations
from engine.model import DataEntry
from engine.planner.context import PlanContext
from engine.planner.moves import Demand, Why
from engine.planner.obstacles import reading_obstacle
from engine.planner.sources import snapshot_due
from engine.routing.holding import holding, unsaved_replica
from engine.views import SyncRequest


def entry_matches(entry: DataEntry, request: SyncRequest) -> bool:
    """Return whether a request is about an entry: one of its keys, else all that its type and config key match."""
    if request.keys and str(entry.key) not in request.keys:
        return False
    if request.data_type is not None and entry.data_type.value != request.data_type:
        return False
    return request.config_key is None or entry.config_key == request.config_key


def target_demands(entry: DataEntry, targets: tuple[str, ...], why: Why, context: PlanContext) -> Iterator[Demand]:
    """Yield a demand for each named node or location that lacks the entry or its newest content.

    A node stands for where the type lands on it; one that does not receive the type is demanded all the same, so
    that the refusal with its reason is seen.
    """
    behind = _behind(entry, context)
    for target in targets:
        locations = landing_locations(context.policy, target, entry.data_type) or (target,)
        for location in locations:
            if location not in holding(entry) or location in behind:
                yield Demand(entry, (location,), why, again=True)


def _behind(entry: DataEntry, context: PlanContext) -> frozenset[str]:
    """Return the locations whose current copy lacks content that can be read from the origin now."""
    unsaved = unsaved_replica(entry)
    if unsaved is None or not snapshot_due(entry, context):
        return frozenset()
    if reading_obstacle(context.locations.get(unsaved.location), unsaved) is not None:
        return frozenset()
    return holding(entry) - {unsaved.location}
