"""What an emergency asks for: data that would be lost with endangered nodes, to places that are safe. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.locations import node_of
from engine.model import DataEntry, LocationView, ReplicaState, SyncPriority
from engine.planner.context import PlanContext
from engine.planner.moves import Demand, Why
from engine.planner.obstacles import obstacle
from engine.routing.candidates import Candidate, RoutingTable
from engine.routing.choosing import Option, choose
from engine.routing.holding import holding, obstructed, unsaved_replica
from engine.routing.placement import Placement
from engine.routing.space import limit_percent, room_bytes

Endangered = Callable[[str], bool]


def endangered_by(context: PlanContext, nodes: tuple[str, ...]) -> Endangered:
    """Return which locations are in danger: those of ``nodes``; without any, ephemeral and failing ones.

    A location that is none of the fleet's any more is no safe place either.
    """
    named = frozenset(nodes)

    def endangered(location: str) -> bool:
        view = context.locations.get(location)
        return view is None or node_of(location) in named or not view.durable or view.failing

    return endangered


def concerned(entry: DataEntry, endangered: Endangered, nodes: tuple[str, ...]) -> bool:
    """Return whether an entry is on an endangered node (on one of ``nodes``, where any are named)."""
    held = holding(entry)
    if nodes:
        return any(node_of(location) in nodes for location in held)
    return any(endangered(location) for location in held)


def unique_bytes(entry: DataEntry, endangered: Endangered) -> int:
    """Return how many bytes would be lost with all endangered locations; 0 when a safe copy is up to date.

    Of newer content in a live database only what a safe copy of an earlier version lacks is counted.
    """
    safe = [r for r in entry.replicas if r.state is ReplicaState.CURRENT and not endangered(r.location)]
    unsaved = unsaved_replica(entry)
    if unsaved is not None and endangered(unsaved.location):
        size = unsaved.stat.size_bytes + unsaved.stat.wal_size_bytes
        return max(size - max((r.stat.size_bytes for r in safe), default=0), 1)
    own_safe = unsaved is not None
    return 0 if safe or own_safe or not holding(entry) else max(entry.size_bytes, 1)


def rescue_demands(
    entry: DataEntry,
    placement: Placement,
    context: PlanContext,
    table: RoutingTable,
    endangered: Endangered,
    priority: SyncPriority,
    allow_fill: bool,
) -> Iterator[Demand]:
    """Yield the demand of one safe copy for an entry that has none: the best place, then those that will do.

    Without any safe place that receives its type the demand has no targets, and is refused as such.
    """
    lost = unique_bytes(entry, endangered)
    if not lost:
        return
    targets = _safe_targets(entry, placement, context, table, endangered, allow_fill)
    nodes = ", ".join(sorted({node_of(location) for location in holding(entry)}))
    why = Why(placement.rule, placement.line, f"rescue: only on {nodes}", priority, None, (), True)
    yield Demand(entry, targets, why, lost, again=True)


def _safe_targets(
    entry: DataEntry,
    placement: Placement,
    context: PlanContext,
    table: RoutingTable,
    endangered: Endangered,
    allow_fill: bool,
) -> tuple[str, ...]:
    """Return safe locations, best first: where the rules want the entry anyway, then any that receives its type."""
    held = holding(entry)
    blocked = obstructed(entry, held)
    percent = limit_percent(context.policy.thresholds, allow_fill)
    unsaved = unsaved_replica(entry)
    wanted = {slot.location for slot in placement.wanted}
    in_flight = context.in_flight(str(entry.key))
    groups: tuple[list[Option], list[Option]] = ([], [])
    for candidate in table.candidates(entry.data_type):
        location = candidate.location
        current = location in held and (unsaved is None or location == unsaved.location)
        if candidate.durable and not endangered(location) and not current:
            settled = location in in_flight
            option = _option(candidate, context, entry.size_bytes, percent, location in blocked, settled)
            groups[location not in wanted].append(option)
    chosen = [choose(options, len(options), str(entry.key), set()) for options in groups]
    usable = {option.location for options in groups for option in options if option.usable}
    ordered = [*chosen[0], *chosen[1]]
    return tuple(sorted(ordered, key=lambda location: (location not in in_flight, location not in usable)))


def _option(
    c: Candidate, context: PlanContext, size_bytes: int, percent: float, blocked: bool, settled: bool
) -> Option:
    view: LocationView | None = context.locations.get(c.location)
    room = None if view is None else room_bytes(view, context.reserved_bytes.get(c.location, 0), percent)
    fits = room is not None and size_bytes <= room
    usable = fits and not blocked and obstacle(view, c.location) is None
    return Option(c.location, c.provider, usable, c.priority, room, settled)
