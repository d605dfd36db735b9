"""One catalog entry in full: its copies, and for each location why it is or is not to be there."""

from __future__ import annotations

from collections.abc import Mapping

from engine.inventory.fleet import location_node
from engine.model import DataEntry, LocationView, Replica
from engine.views import ReplicaView


def replica_views(entry: DataEntry, locations: Mapping[str, LocationView]) -> tuple[ReplicaView, ...]:
    """Return the copies as shown, durable ones first."""
    views = [_replica(replica, locations) for replica in entry.replicas]
    return tuple(sorted(views, key=lambda view: (not view.durable, view.location)))


def _replica(replica: Replica, locations: Mapping[str, LocationView]) -> ReplicaView:
    place = locations.get(replica.location)
    return ReplicaView(
        node=location_node(replica.location),
        location=replica.location,
        path=replica.path,
        state=replica.state.value,
        sha256=replica.sha256,
        size_bytes=replica.stat.size_bytes,
        verified_at=replica.verified_at,
        durable=place.durable if place is not None else False,
        seen_at=replica.seen_at,
    )
