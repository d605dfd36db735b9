"""From which copy an entry is read. Pure and deterministic."""

from __future__ import annotations

from dataclasses import dataclass

from engine.locations import node_of
from engine.model import DataEntry, Replica, ReplicaState
from engine.planner.context import PlanContext
from engine.planner.obstacles import Obstacle, reading_obstacle
from engine.routing.holding import newest_unhashed, origin_replica, unsaved_replica
from engine.words import span_text


@dataclass(frozen=True, slots=True)
class Source:
    """The copy to read; ``size_bytes`` is at least what will travel. ``fresh``: a new version is made of it."""

    location: str
    size_bytes: int
    fresh: bool


def snapshot_due(entry: DataEntry, context: PlanContext) -> bool:
    """Return whether the origin's file holds unsaved content and may be snapshotted (again) by now."""
    unsaved = unsaved_replica(entry)
    if unsaved is None:
        return False
    if context.snapshot_now or unsaved.hashed_at is None or unsaved.state is ReplicaState.UNHASHED:
        return True
    return context.now - unsaved.hashed_at >= _interval_seconds(unsaved, context)


def find_source(entry: DataEntry, target: str, context: PlanContext, deadline: float | None) -> Source | Obstacle:
    """Return the copy to read for a target, or why there is none.

    Content that no version has comes from the origin alone. Else durable copies that are not failing go first,
    then one on the target's own host. With a deadline a link that is known to make it goes before all that, the
    fastest first; then one that was never measured; one that is known to be too slow last.
    """
    due = snapshot_due(entry, context)
    unsaved = unsaved_replica(entry)
    if due and unsaved is not None and _obstacle(unsaved, context) is None and unsaved.location != target:
        return Source(unsaved.location, _upper_size(unsaved), True)
    usable = [r for r in _sound(entry) if r.location != target and _obstacle(r, context) is None]
    if usable:
        best = min(usable, key=lambda replica: _rank(replica, target, context, deadline, entry.size_bytes))
        fresh = best.state is ReplicaState.UNHASHED
        return Source(best.location, _upper_size(best) if fresh else entry.size_bytes, fresh)
    return _none(entry, unsaved, context)


def _sound(entry: DataEntry) -> list[Replica]:
    """Return the copies that hold exactly the current version; before there is one, the first content."""
    current = [r for r in entry.replicas if r.state is ReplicaState.CURRENT and not r.changed]
    if current or entry.current is not None:
        return current
    first = origin_replica(entry) or newest_unhashed(entry)
    return [first] if first is not None else []


def _rank(
    replica: Replica, target: str, context: PlanContext, deadline: float | None, size_bytes: int
) -> tuple[int, float, bool, bool, bool, str]:
    view = context.locations[replica.location]
    elsewhere = node_of(replica.location) != node_of(target)
    in_time = (0, 0.0)
    if deadline is not None:
        in_time = _in_time(context.link_rates.get((replica.location, target)), size_bytes, deadline - context.now)
    return (*in_time, not view.durable, view.failing, elsewhere, replica.location)


def _in_time(rate: float | None, size_bytes: int, seconds_left: float) -> tuple[int, float]:
    """Return how a link ranks before a deadline: known to make it, not known, known to be late; faster first."""
    if not rate:
        return (1, 0.0)
    return (0 if size_bytes <= rate * seconds_left else 2, -rate)


def _upper_size(replica: Replica) -> int:
    """Return the most that a snapshot can come to: the main file and everything in its -wal."""
    return replica.stat.size_bytes + replica.stat.wal_size_bytes


def _obstacle(replica: Replica, context: PlanContext) -> Obstacle | None:
    return reading_obstacle(context.locations.get(replica.location), replica)


def _interval_seconds(replica: Replica, context: PlanContext) -> float:
    view = context.locations.get(replica.location)
    settings = context.policy.engine
    if view is not None and not view.durable:
        return settings.ephemeral_snapshot_interval_seconds
    return settings.snapshot_interval_seconds


def _none(entry: DataEntry, unsaved: Replica | None, context: PlanContext) -> Obstacle:
    blocked = [found for r in _sound(entry) if (found := _obstacle(r, context)) is not None]
    if unsaved is not None and unsaved.changed and (found := _obstacle(unsaved, context)) is not None:
        blocked.append(found)
    if blocked:
        reasons = "; ".join(sorted({found.reason for found in blocked}))
        return Obstacle("no-source", f"no copy can be read now: {reasons}", blocked[0].remedy)
    if unsaved is not None and unsaved.hashed_at is not None:
        due = unsaved.hashed_at + _interval_seconds(unsaved, context) - context.now
        return Obstacle("interval", f"snapshotted just now; again in {span_text(due)}", "nothing to do: it follows")
    if any(replica.state is ReplicaState.UNHASHED for replica in entry.replicas):
        return Obstacle("unhashed", "it is not known yet which copy is the current one", "it is hashed first")
    if any(map(entry.is_current, entry.replicas)):
        remedy = "restore it: `syncdeck archive list`, then `syncdeck archive restore`"
        return Obstacle("archived", "the only good copies are archives", remedy)
    return Obstacle("gone", "no good copy is left anywhere", "restore it from a backup, or accept the loss")
