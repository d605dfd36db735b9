"""One of the two policies that a simulation compares: where it wants entries, by the real router and planner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from config.types import DataType, Policy, RuleSpec
from engine.model import DataEntry, EntryKey, SyncPriority
from engine.planner.admission import Admission
from engine.planner.context import PlanContext
from engine.planner.demands import FOR_TRAINING, rule_demands
from engine.planner.guards import guard
from engine.planner.moves import Demand, Why
from engine.planner.obstacles import Obstacle, obstacle
from engine.planner.sources import Source, find_source
from engine.routing.candidates import RoutingTable
from engine.routing.ground import Bits, CountedPlace, Ground, weighed
from engine.routing.holding import holding
from engine.routing.matching import deciding_rule
from engine.routing.placement import Placement, Slot
from engine.routing.router import Router
from engine.routing.simulation.choosing import Choosing
from engine.routing.simulation.columns import Columns, Numbers, any_of, column, counts, empty, some
from engine.routing.simulation.image import CatalogImage, Pause
from engine.routing.simulation.memory import ChoiceMemory
from engine.routing.space import limit_percent

Order = tuple[int, float, int]


@dataclass(frozen=True, slots=True)
class Stands:
    """Where entries stand, a column for each: held, the origin's own file, what lies in the way, what is on its way."""

    row_ids: Numbers
    held: Columns
    own: Columns
    blocked: Columns
    coming: Columns
    size_bytes: int
    """Of any of them: the same disks have room for all."""


class Side:
    """A policy at one moment of the fleet."""

    def __init__(self, context: PlanContext, bits: Bits) -> None:
        """``bits`` are those of the other side too."""
        self.context = context
        self._bits = bits
        self._table = table = RoutingTable(context.policy)
        self._router = Router(context.policy, context.locations, context.reserved_bytes, table=table)
        self._admission = Admission(context, table)
        self.percent = limit_percent(context.policy.thresholds)
        self.ground = Ground(table, context.locations, context.reserved_bytes, self.percent, bits)
        self.readable = bits.all_of(
            location for location, view in context.locations.items() if obstacle(view, location) is None
        )
        self._trainers = bits.all_of(
            candidate.location
            for data_type in FOR_TRAINING
            for candidate in table.candidates(data_type)
            if context.policy.nodes[candidate.node_id].training
        )
        self._closed: dict[DataType, tuple[int, dict[str, Obstacle]]] = {}
        self._orders: dict[tuple[object, ...], Order] = {}
        self._choosing: Choosing | None = None

    def begin(self, image: CatalogImage, memory: ChoiceMemory, words: int, pause: Pause) -> None:
        """Make ready for asking about many entries; no location is new from now on."""
        self._choosing = Choosing(self.ground, image, memory, words, pause)

    def rule(self, entry: DataEntry) -> RuleSpec | None:
        """Return the rule that decides about an entry."""
        return deciding_rule(entry, self.context.policy, self.context.now)

    def wanted(self, rule: RuleSpec | None, data_type: DataType, stands: Stands) -> tuple[Columns, Numbers]:
        """Return where a rule places entries, and how many copies of each have no place."""
        words, entries = stands.held.shape
        missing = np.zeros(entries, dtype=np.int64)
        if rule is None or self._choosing is None:
            return empty(words, entries), missing
        seat, usable = self.ground.seat(rule, data_type), self.ground.usable(stands.size_bytes)
        wanted = empty(words, entries) | column(seat.everywhere, words)
        for turn, place in enumerate(seat.counted):
            counted, stays, options, settled, free = self._weighed(place, wanted, stands, usable)
            wanted |= stays
            left = place.copies - counts(counted)
            self._choosing.choose(turn, wanted, missing, stands.row_ids, left, (counted, options, settled, free))
        return wanted, missing

    def could_ask(self, rule: RuleSpec | None, data_type: DataType, stands: Stands) -> Columns:
        """Return where entries could be wanted and are not; more than that after a choice."""
        words, entries = stands.held.shape
        if rule is None:
            return empty(words, entries)
        seat, usable = self.ground.seat(rule, data_type), self.ground.usable(stands.size_bytes)
        wanted = empty(words, entries) | column(seat.everywhere, words)
        chosen = np.zeros(entries, dtype=np.bool_)
        for place in seat.counted:
            counted, stays, options, _, _ = self._weighed(place, wanted, stands, usable)
            chooses = place.copies > counts(counted)
            more = stays | np.where(chooses, options, np.uint64(0))
            wanted |= np.where(chosen, column(place.eligible, words), more)
            chosen |= chooses
        found: Columns = wanted & ~stands.held
        return found

    def _weighed(
        self, place: CountedPlace, wanted: Columns, stands: Stands, usable: int
    ) -> tuple[Columns, Columns, Columns, Columns, Columns]:
        words = len(wanted)
        members, counting, eligible = (column(bits, words) for bits in (place.members, place.counting, place.eligible))
        at = stands.held, stands.own, stands.blocked, stands.coming
        return weighed((members, counting, eligible), wanted, at, column(usable, words))

    def closed(self, data_type: DataType) -> tuple[int, dict[str, Obstacle]]:
        """Return the locations that take nothing of a type now, as bits, and why."""
        known = self._closed.get(data_type)
        if known is None:
            any_demand = _demand_for(data_type)
            found = {
                location: stopped
                for location in (candidate.location for candidate in self._table.candidates(data_type))
                if (stopped := self._admission.target_obstacle(any_demand, location)) is not None
            }
            known = self._closed[data_type] = (self._bits.all_of(found), found)
        return known

    def orders(
        self,
        data_type: DataType,
        rule: RuleSpec,
        stands: Stands,
        wanted: Columns,
        lacking: Columns,
        newest: bool,
        entry: Callable[[int], DataEntry],
    ) -> list[tuple[Order, Numbers, Columns]]:
        """Return how urgent the planner finds what is lacking: by urgency the positions of entries, and what of it.

        ``entry`` returns one by its row id.
        """
        found: list[tuple[Order, Numbers, Columns]] = []
        ground, words = self.ground, len(lacking)
        durable = column(ground.durable, words)
        counting = stands.held & durable
        have = counts(counting)
        copies = ground.seat(rule, data_type).copies
        target = self.context.policy.replication_target
        want = np.full_like(have, copies)
        if not copies:
            want = np.minimum(target, counts((wanted | stands.held) & durable))
        trainers = column(self._trainers if newest else 0, words)
        for trains, bits in ((True, lacking & trainers), (False, lacking & ~trainers)):
            asks = np.flatnonzero(some(bits))
            both = have[asks] << 32 | want[asks]
            for one in np.unique(both).tolist():
                these = asks[both == one]
                first, copies_wanted = these[0], one & 0xFFFFFFFF
                asked_for = partial(entry, int(stands.row_ids[first]))
                location = any_of(bits[:, first : first + 1])
                has = any_of(counting[:, first : first + 1])
                order = self._order(data_type, rule, location, has, copies_wanted, trains, asked_for)
                found.append((order, these, bits[:, these]))
        return found

    def source(self, entry: DataEntry, location: str, rule: RuleSpec) -> Source | Obstacle:
        """Return from where an entry could come to a location that takes its type."""
        deadline = None if rule.deadline_seconds is None else self.context.now + rule.deadline_seconds
        found = find_source(entry, location, self.context, deadline)
        if isinstance(found, Obstacle):
            return found
        return guard(entry, location, found.size_bytes) or found

    def place(self, entry: DataEntry) -> tuple[Placement, int]:
        """Return where one entry belongs, and how many copies have no place at all."""
        live = self.context.in_flight(str(entry.key)) if self.context.live else frozenset()
        placement, missing = self._router.route(entry, self.context.now, live), 0
        if placement.spec is not None:
            ground = self.ground
            seat, standing = ground.seat(placement.spec, entry.data_type), ground.standing(entry, holding(entry), live)
            wanted, usable = seat.everywhere, ground.usable(entry.size_bytes)
            for place in seat.counted:
                stays, choice = ground.place(place, wanted, standing, usable)
                wanted |= stays
                if choice is not None:
                    wanted |= self._bits.all_of(choice.made_for(str(entry.key)))
                    missing += choice.missing
        return placement, missing

    def demands(self, entry: DataEntry, placement: Placement) -> list[tuple[Demand, Source | Obstacle]]:
        """Return what the planner asks for, what is on its way too, and from where it could come."""
        return [
            (demand, self._admission.source(demand, demand.targets[0]))
            for demand in rule_demands(entry, placement, self.context)
        ]

    def _order(
        self,
        data_type: DataType,
        rule: RuleSpec,
        lacking: int,
        counting: int,
        copies: int,
        trains: bool,
        entry: Callable[[], DataEntry],
    ) -> Order:
        asked = (id(rule), data_type, counting.bit_count(), copies, trains)
        known = self._orders.get(asked)
        if known is None:
            location = self._bits.names(lacking)[0]
            slots = (Slot(location, True, False, "", rule.line),)
            have = frozenset(self._bits.names(counting))
            placement = Placement(rule.name, rule.line, rule, slots, copies, have)
            (demand,) = rule_demands(entry(), placement, self.context)
            known = self._orders[asked] = demand.order[:3]
        return known


def _demand_for(data_type: DataType) -> Demand:
    nothing = DataEntry(EntryKey(data_type, ""), None, None)
    return Demand(nothing, (), Why("", None, "", SyncPriority.NORMAL))


def same_but_rules(old: Policy, new: Policy) -> bool:
    """Return whether two policies differ in nothing but their rules (and the lines that all is on)."""
    return _without_lines(old) == _without_lines(new)


def same_rule(old: RuleSpec | None, new: RuleSpec | None) -> bool:
    """Return whether two rules place copies in the same way."""
    if old is None or new is None:
        return old is new
    return (old.name, old.place) == (new.name, new.place)


def _without_lines(policy: Policy) -> tuple[object, ...]:
    decisions = {place: (d.receives, d.external_only) for place, d in policy.decisions.items()}
    nodes = {
        name: replace(node, line=0, drives=tuple(replace(drive, line=None) for drive in node.drives))
        for name, node in policy.nodes.items()
    }
    return decisions, nodes, policy.thresholds, policy.replication_target, policy.engine.landing
