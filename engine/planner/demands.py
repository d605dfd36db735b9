"""What the rules ask for: the demands of one entry, with their urgency. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import replace

from config.types import DataType, NodeSpec, RuleSpec
from engine.locations import node_of
from engine.model import DataEntry, SyncPriority
from engine.planner.context import PlanContext
from engine.planner.moves import Demand, Why, deadline_of
from engine.planner.obstacles import reading_obstacle
from engine.planner.sources import snapshot_due
from engine.routing.holding import holding, replica_at, unsaved_replica
from engine.routing.matching import newest_mtime
from engine.routing.placement import Placement, Slot
from engine.words import counted

FOR_TRAINING = frozenset({DataType.NPZ, DataType.MODELS})
"""What a trainer must have at its newest."""


def rule_demands(
    entry: DataEntry, placement: Placement, context: PlanContext, priority: SyncPriority | None = None
) -> Iterator[Demand]:
    """Yield a demand for every wanted location that lacks the entry, or its newest content.

    ``priority`` None: worked out by ``urgency``.
    """
    for slot in slots_to_fill(entry, placement, context):
        urgent, reason = urgency(entry, placement, slot, context)
        spec = placement.spec
        why = Why(
            rule=placement.rule,
            line=slot.line,
            reason=reason,
            priority=urgent if priority is None else priority,
            deadline=deadline_of(spec, context.now),
            via=spec.via if spec is not None else (),
            fixed=priority is not None or _written(spec) is not None,
        )
        yield Demand(entry, (slot.location,), why, again=priority is not None)


def slots_to_fill(entry: DataEntry, placement: Placement, context: PlanContext) -> tuple[Slot, ...]:
    """Return the wanted slots that lack the entry; all but the origin's once newer content may be snapshotted."""
    unsaved = unsaved_replica(entry)
    if unsaved is None or not snapshot_due(entry, context):
        return placement.missing
    if reading_obstacle(context.locations.get(unsaved.location), unsaved) is not None:
        return placement.missing
    return tuple(slot for slot in placement.wanted if slot.location != unsaved.location)


def urgency(entry: DataEntry, placement: Placement, slot: Slot, context: PlanContext) -> tuple[SyncPriority, str]:
    """Return how urgent a slot is and why.

    A priority written in a rule of the file wins. Otherwise what only ephemeral nodes hold and what a trainer
    needs at its newest is HIGH, a second copy and newer content are NORMAL, and further copies LOW.
    """
    priority, reason = _computed(entry, placement, slot, context)
    written = _written(placement.spec)
    return (written if written is not None else priority), reason


def _computed(entry: DataEntry, placement: Placement, slot: Slot, context: PlanContext) -> tuple[SyncPriority, str]:
    unsaved = unsaved_replica(entry)
    views = context.locations
    if not placement.counting:
        nodes = ", ".join(sorted({node_of(location) for location in holding(entry)}))
        return SyncPriority.HIGH, f"only on {nodes}, no durable copy"
    if unsaved is not None and unsaved.changed and unsaved.location in views and not views[unsaved.location].durable:
        return SyncPriority.HIGH, f"newer content is only on {node_of(unsaved.location)}, an ephemeral node"
    target = context.policy.nodes.get(node_of(slot.location))
    if _trains_on(entry, target) and str(entry.key) in (context.newest or ()):
        return SyncPriority.HIGH, _trainer_reason(entry)
    if slot.held or replica_at(entry, slot.location) is not None:
        return SyncPriority.NORMAL, "newer content than the copy there"
    have, want = placement.copies_counted, placement.copies_wanted
    if placement.shortage:
        priority = SyncPriority.NORMAL if have <= 1 else SyncPriority.LOW
        return priority, f"{have} of {counted(want, 'durable copy', 'durable copies')}"
    return SyncPriority.LOW, f"wanted there by rule {placement.rule}"


def _written(rule: RuleSpec | None) -> SyncPriority | None:
    """Return the priority that a rule of the file asks for; NORMAL is what a silent one has too: it asks nothing."""
    if rule is None or rule.line is None or rule.priority == SyncPriority.NORMAL:
        return None
    return SyncPriority(rule.priority)


def _trains_on(entry: DataEntry, target: NodeSpec | None) -> bool:
    return entry.data_type in FOR_TRAINING and target is not None and target.training


def raised_for_trainers(demands: Iterable[Demand], newest: Set[str], context: PlanContext) -> Iterator[Demand]:
    """Yield the demands, those of a trainer for the newest NPZ or model raised to HIGH where nothing else decides."""
    for demand in demands:
        entry, why = demand.entry, demand.why
        target = context.policy.nodes.get(node_of(demand.targets[0]))
        decided = why.fixed or why.priority >= SyncPriority.HIGH
        if decided or str(entry.key) not in newest or not _trains_on(entry, target):
            yield demand
        else:
            yield replace(demand, why=replace(why, priority=SyncPriority.HIGH, reason=_trainer_reason(entry)))


def _trainer_reason(entry: DataEntry) -> str:
    return f"newest {entry.data_type.value} of {entry.config_key} for a trainer"


class Newest:
    """Remembers the newest NPZ and model of each config key among the entries that it is shown."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, DataType], tuple[float, str]] = {}

    def see(self, entry: DataEntry) -> None:
        """Take an entry into account."""
        written = newest_mtime(entry)
        if entry.data_type in FOR_TRAINING and entry.config_key is not None and written is not None:
            slot = (entry.config_key, entry.data_type)
            self._found[slot] = max(self._found.get(slot, (float("-inf"), "")), (written, str(entry.key)))

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the newest, as text."""
        return frozenset(key for _, key in self._found.values())
