"""Nodes and their storage as views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.catalog.roots import LocationRoot
from engine.health.forecast import full_in_seconds
from engine.inventory.fleet import Fleet, LocationStatus
from engine.locations import node_of
from engine.model import LocationState, NodeState, StorageSample
from engine.transport_views import BreakerView
from engine.views import NodeView, StorageView

TREND_POINTS = 60


def node_views(
    fleet: Fleet,
    last_sync_at: Mapping[str, float],
    lag_seconds: Mapping[str, float],
    at_risk: Mapping[str, tuple[int, int]],
    tripped: Mapping[str, tuple[BreakerView, ...]],
) -> tuple[NodeView, ...]:
    """Return every host of the file. ``at_risk`` is (entries, bytes) that would be lost with each node; ``tripped``
    its breakers that are not closed."""
    views = []
    for node in fleet.policy.nodes.values():
        status = fleet.status(node.node_id)
        entries, size = at_risk.get(node.node_id, (0, 0))
        views.append(
            NodeView(
                node=node.node_id,
                state=status.state.value,
                reason=status.reason,
                remedy=status.remedy,
                last_seen_at=status.last_seen_at,
                last_sync_at=last_sync_at.get(node.node_id),
                lag_seconds=lag_seconds.get(node.node_id),
                durable=node.durable,
                ephemeral=node.ephemeral,
                role=node.role,
                trainer=node.training,
                paused=fleet.is_paused(node.node_id),
                at_risk_bytes=size,
                at_risk_entries=entries,
                breakers=tripped.get(node.node_id, ()),
            )
        )
    return tuple(views)


def storage_views(fleet: Fleet, samples: Mapping[str, Sequence[StorageSample]]) -> tuple[StorageView, ...]:
    """Return one view per location of the used nodes, fullest first."""
    seen: dict[str, LocationRoot] = {}
    for root in fleet.roots():
        seen.setdefault(root.location, root)
    views = [_storage(fleet, root, samples.get(location, ())) for location, root in seen.items()]
    return tuple(sorted(views, key=lambda view: (-(view.used_percent or -1.0), view.location)))


def _storage(fleet: Fleet, root: LocationRoot, samples: Sequence[StorageSample]) -> StorageView:
    held = fleet.locations.get(root.location, LocationStatus())
    limits = fleet.policy.thresholds
    maximum = max(fleet.disk_allowed(root.node_id) or 0.0, limits.disk_max_percent)
    percent = None
    if held.total_bytes and held.used_bytes is not None:
        percent = 100.0 * held.used_bytes / held.total_bytes
    label = f"{root.node_id}:{root.tag}" if root.is_drive else root.node_id
    return StorageView(
        node=node_of(root.location),
        root=held.path or root.root,
        location=root.location,
        label=label,
        total_bytes=held.total_bytes,
        used_bytes=held.used_bytes,
        used_percent=percent,
        state=_storage_state(
            held.state, fleet.status(root.node_id).state, percent, maximum, limits.disk_target_percent
        ),
        full_in_seconds=full_in_seconds(samples, maximum),
        max_percent=maximum,
        target_percent=limits.disk_target_percent,
        trend=tuple(100.0 * s.used_bytes / s.total_bytes for s in samples[-TREND_POINTS:]),
        ephemeral=fleet.policy.nodes[root.node_id].ephemeral,
        sampled_at=held.sampled_at,
    )


def _storage_state(state: LocationState, node: NodeState, percent: float | None, maximum: float, target: float) -> str:
    if node is not NodeState.UP and node is not NodeState.UNKNOWN:
        return "unreachable"
    if state is not LocationState.AVAILABLE:
        return state.value
    if percent is None:
        return "unknown"
    if percent >= maximum:
        return "over-max"
    return "over-target" if percent >= target else "ok"
