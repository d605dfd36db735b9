"""One catalog entry in full: its copies, and for each location why it is or is not to be there."""

from __future__ import annotations

from collections.abc import Mapping

from engine.locations import node_of
from engine.model import DataEntry, LocationView, Replica
from engine.planner.obstacles import obstacle
from engine.routing.placement import Placement
from engine.views import PlacementView, ReplicaView


def replica_views(entry: DataEntry, locations: Mapping[str, LocationView]) -> tuple[ReplicaView, ...]:
    """Return the copies as shown, durable ones first."""
    views = [_replica(replica, locations) for replica in entry.replicas]
    return tuple(sorted(views, key=lambda view: (not view.durable, view.location)))


def placement_views(
    placement: Placement, locations: Mapping[str, LocationView], refusals: Mapping[str, str]
) -> tuple[PlacementView, ...]:
    """Return for each location whether the entry belongs there, why, and what stands in the way.

    ``refusals`` are the planner's reasons by location; where it has none, the location's own state speaks.
    """
    return tuple(
        PlacementView(
            location=slot.location,
            wanted=slot.wanted,
            held=slot.held,
            because=slot.because,
            rule=placement.rule,
            line=slot.line,
            blocked=_blocked(slot.location, locations, refusals) if slot.wanted and not slot.held else None,
        )
        for slot in sorted(placement.slots, key=lambda slot: (not slot.wanted, not slot.held, slot.location))
    )


def _blocked(location: str, locations: Mapping[str, LocationView], refusals: Mapping[str, str]) -> str | None:
    if location in refusals:
        return refusals[location]
    found = obstacle(locations.get(location), location)
    return f"{found.reason}; {found.remedy}" if found is not None else None


def _replica(replica: Replica, locations: Mapping[str, LocationView]) -> ReplicaView:
    place = locations.get(replica.location)
    return ReplicaView(
        node=node_of(replica.location),
        location=replica.location,
        path=replica.path,
        state=replica.state.value,
        sha256=replica.sha256,
        size_bytes=replica.stat.size_bytes,
        verified_at=replica.verified_at,
        durable=place.durable if place is not None else False,
        seen_at=replica.seen_at,
    )
