"""SyncPlanner: from entries, policy and nodes to plans and refusals. Pure: the same input gives the same plans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from config.types import DataType, Policy
from engine.model import DataEntry, PlanResult, SyncPriority
from engine.planner.admission import Admission
from engine.planner.context import PlanContext
from engine.planner.demands import FOR_TRAINING, Newest, raised_for_trainers, rule_demands
from engine.planner.explicit import entry_matches, target_demands
from engine.planner.grouping import group
from engine.planner.moves import Demand, Why
from engine.planner.rescue import concerned, endangered_by, rescue_demands, unique_bytes
from engine.routing.candidates import RoutingTable
from engine.routing.matching import newest_mtime
from engine.routing.placement import Placement
from engine.routing.router import Router
from engine.views import SyncRequest

__all__ = ["PlanContext", "SyncPlanner"]


class SyncPlanner:
    """Decides what moves. ``entries`` may be any iterable: only those that need something are kept.

    Every method returns plans in order of urgency and a refusal, with reason and remedy, for everything that is
    wanted and cannot be moved now. To plan page by page pass ``context.after(result)`` on to the next page.
    """

    def __init__(self) -> None:
        self._table: RoutingTable | None = None

    def plan_replication(self, entries: Iterable[DataEntry], context: PlanContext) -> PlanResult:
        """Return what the rules want and the catalog does not hold."""
        newest = Newest()

        def demands() -> Iterator[Demand]:
            for entry, placement in self._routed(entries, context):
                newest.see(entry)
                yield from rule_demands(entry, placement, context)

        found = list(demands())
        keys = newest.keys if context.newest is None else context.newest
        return self._admitted(raised_for_trainers(found, keys, context), context)

    def plan_training_deps(
        self,
        entries: Iterable[DataEntry],
        context: PlanContext,
        node_id: str,
        config_key: str,
        deadline: float | None = None,
    ) -> PlanResult:
        """Return how the newest NPZ and the newest model of a config key get to a trainer, in time if possible."""
        found: dict[DataType, DataEntry] = {}
        for entry in entries:
            best = found.get(entry.data_type)
            if entry.data_type in FOR_TRAINING and entry.config_key == config_key and _newer(entry, best):
                found[entry.data_type] = entry
        why = Why("training", None, f"{node_id} trains {config_key}", SyncPriority.HIGH, deadline, (), True)
        demands = (d for entry in found.values() for d in target_demands(entry, (node_id,), why, context))
        return self._admitted(demands, context)

    def plan_orphan_recovery(
        self, entries: Iterable[DataEntry], context: PlanContext, source_node: str, config_key: str | None = None
    ) -> PlanResult:
        """Return how everything (of a config key) that only ``source_node`` holds gets to safe places."""
        node = context.policy.nodes.get(source_node)
        priority = SyncPriority.CRITICAL if node is None or node.ephemeral else SyncPriority.HIGH
        nodes = (source_node,)
        chosen = (entry for entry in entries if config_key is None or entry.config_key == config_key)
        return self._rescued(chosen, context, nodes, priority, allow_fill=False, more_copies=False)

    def plan_emergency(
        self, entries: Iterable[DataEntry], context: PlanContext, nodes: tuple[str, ...] = (), allow_fill: bool = False
    ) -> PlanResult:
        """Return how data on endangered nodes is saved: what nobody else holds first, the smallest first.

        ``nodes`` empty: every ephemeral or failing one. ``allow_fill`` lets targets fill past the maximum, down to
        the floor of free space. What has a safe copy but fewer than the rules want comes after, as HIGH.
        """
        return self._rescued(entries, context, nodes, SyncPriority.CRITICAL, allow_fill, more_copies=True)

    def plan_request(self, entries: Iterable[DataEntry], context: PlanContext, request: SyncRequest) -> PlanResult:
        """Return what an operator asked for: chosen entries to named targets, or by the rules.

        A changed database is snapshotted at once. Raises SyncdeckError for a key or target that cannot exist.
        """
        if request.emergency:
            chosen = (entry for entry in entries if entry_matches(entry, request))
            return self.plan_emergency(chosen, context, request.nodes, request.allow_fill)
        priority = SyncPriority(request.priority) if request.priority is not None else None
        asked = _at_once(context)
        chosen = (entry for entry in entries if entry_matches(entry, request))
        if request.targets:
            why = Why("request", None, "asked for", priority or SyncPriority.NORMAL, None, (), True)
            demands = (d for entry in chosen for d in target_demands(entry, request.targets, why, asked))
            return self._admitted(demands, asked)
        return self._admitted(
            (d for e, placement in self._routed(chosen, asked) for d in rule_demands(e, placement, asked, priority)),
            asked,
        )

    def _rescued(
        self,
        entries: Iterable[DataEntry],
        context: PlanContext,
        nodes: tuple[str, ...],
        priority: SyncPriority,
        allow_fill: bool,
        more_copies: bool,
    ) -> PlanResult:
        asked = _at_once(context)
        endangered = endangered_by(asked, nodes)
        table = self._table_of(asked.policy)

        def demands() -> Iterator[Demand]:
            for entry, placement in self._routed(entries, asked, allow_fill):
                if not concerned(entry, endangered, nodes):
                    continue
                if unique_bytes(entry, endangered):
                    yield from rescue_demands(entry, placement, asked, table, endangered, priority, allow_fill)
                elif more_copies and placement.shortage:
                    yield from _durable_only(rule_demands(entry, placement, asked, SyncPriority.HIGH), asked)

        return self._admitted(demands(), asked, allow_fill)

    def _routed(
        self, entries: Iterable[DataEntry], context: PlanContext, allow_fill: bool = False
    ) -> Iterator[tuple[DataEntry, Placement]]:
        table = self._table_of(context.policy)
        router = Router(context.policy, context.locations, context.reserved_bytes, allow_fill, table)
        for entry in entries:
            yield entry, router.route(entry, context.now, context.in_flight(str(entry.key)))

    def _admitted(self, demands: Iterable[Demand], context: PlanContext, allow_fill: bool = False) -> PlanResult:
        admission = Admission(context, self._table_of(context.policy), allow_fill)
        moves, refused = admission.admit(demands)
        return PlanResult(group(moves, context), tuple(refused))

    def _table_of(self, policy: Policy) -> RoutingTable:
        if self._table is None or self._table.policy is not policy:
            self._table = RoutingTable(policy)
        return self._table


def _newer(entry: DataEntry, best: DataEntry | None) -> bool:
    """Return whether an entry was written after the best one so far (ties: by key)."""
    if best is None:
        return True
    return (newest_mtime(entry) or 0.0, str(entry.key)) > (newest_mtime(best) or 0.0, str(best.key))


def _at_once(context: PlanContext) -> PlanContext:
    return replace(context, snapshot_now=True)


def _durable_only(demands: Iterable[Demand], context: PlanContext) -> Iterator[Demand]:
    for demand in demands:
        view = context.locations.get(demand.targets[0])
        if view is not None and view.durable:
            yield demand
