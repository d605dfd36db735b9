"""One of the two policies that a simulation compares: where it wants entries, by the real router and planner."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

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
from engine.routing.choosing import Choice
from engine.routing.ground import Bits, Ground, Seat, Standing
from engine.routing.holding import holding
from engine.routing.matching import deciding_rule
from engine.routing.placement import Placement, Slot
from engine.routing.router import Router
from engine.routing.simulate_image import CatalogImage, Pause
from engine.routing.simulate_memory import ChoiceMemory
from engine.routing.space import limit_percent

Order = tuple[int, float, int]
Part = tuple[Sequence[int], int, int]
"""Row ids that one policy places in the same way: in which locations, as bits; and how many copies have no place."""


class Side:
    """A policy at one moment of the fleet."""

    def __init__(self, context: PlanContext, memory: ChoiceMemory, bits: Bits, pause: Pause) -> None:
        """``bits`` are those of the other side too."""
        self.context = context
        self._memory = memory
        self._bits = bits
        self._pause = pause
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
        self._same: dict[Choice, tuple[int, Choice]] = {}

    def rule(self, entry: DataEntry) -> RuleSpec | None:
        """Return the rule that decides about an entry."""
        return deciding_rule(entry, self.context.policy, self.context.now)

    def parts(
        self,
        image: CatalogImage,
        rule: RuleSpec | None,
        data_type: DataType,
        standing: Standing,
        usable: int,
        row_ids: Sequence[int],
    ) -> list[Part]:
        """Return where a rule places entries that stand alike, split where a choice of places depends on the key."""
        if rule is None:
            return [(row_ids, 0, 0)]
        seat = self.ground.seat(rule, data_type)
        found: list[Part] = []
        self._split(image, seat, 0, (row_ids, seat.everywhere, 0), standing, usable, found)
        return found

    def could_ask(self, rule: RuleSpec | None, data_type: DataType, standing: Standing, usable: int) -> int:
        """Return where entries that stand alike could be wanted and are not; more than that after a choice."""
        if rule is None:
            return 0
        seat = self.ground.seat(rule, data_type)
        wanted, chosen = seat.everywhere, False
        for place in seat.counted:
            if chosen:
                wanted |= place.eligible
                continue
            stays, choice = self.ground.place(place, wanted, standing, usable)
            wanted |= stays
            if choice is not None:
                wanted |= choice.options
                chosen = True
        return wanted & ~standing.held

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
        standing: Standing,
        wanted: int,
        lacking: int,
        newest: bool,
        entry: Callable[[], DataEntry],
    ) -> list[tuple[int, Order]]:
        """Return how urgent the planner finds what is lacking of an ``entry``, and of all that stand like it."""
        trainers = lacking & self._trainers if newest else 0
        return [
            (bits, self._order(data_type, rule, standing, wanted, bits, bits == trainers, entry))
            for bits in (trainers, lacking & ~trainers)
            if bits
        ]

    def source(self, entry: DataEntry, location: str, rule: RuleSpec) -> Source | Obstacle:
        """Return from where an entry could come to a location that takes its type."""
        deadline = None if rule.deadline_seconds is None else self.context.now + rule.deadline_seconds
        found = find_source(entry, location, self.context, deadline)
        if isinstance(found, Obstacle):
            return found
        return guard(entry, location, found.size_bytes) or found

    def place(self, image: CatalogImage, row_id: int, entry: DataEntry) -> tuple[Placement, int]:
        """Return where one entry belongs, and how many copies have no place at all."""
        live = self.context.in_flight(str(entry.key)) if self.context.live else frozenset()
        placement = self._router.route(entry, self.context.now, live)
        standing = self.ground.standing(entry, holding(entry), live)
        usable = self.ground.usable(entry.size_bytes)
        parts = self.parts(image, placement.spec, entry.data_type, standing, usable, (row_id,))
        return placement, parts[0][2]

    def demands(self, entry: DataEntry, placement: Placement) -> list[tuple[Demand, Source | Obstacle]]:
        """Return what the planner asks for, what is on its way too, and from where it could come."""
        return [
            (demand, self._admission.source(demand, demand.targets[0]))
            for demand in rule_demands(entry, placement, self.context)
        ]

    def _split(
        self,
        image: CatalogImage,
        seat: Seat,
        begin: int,
        part: Part,
        standing: Standing,
        usable: int,
        found: list[Part],
    ) -> None:
        row_ids, wanted, missing = part
        for number in range(begin, len(seat.counted)):
            stays, choice = self.ground.place(seat.counted[number], wanted, standing, usable)
            wanted |= stays
            if choice is None:
                continue
            missing += choice.missing
            if choice.sure is not None:
                wanted |= self._bits.all_of(choice.sure)
                continue
            same = self._same.get(choice)
            if same is None:
                same = self._same[choice] = self._memory.known(choice)
            made = self._memory.made(*same, number, image, row_ids, self._pause)
            for outcome, rows in made.items():
                more = (rows, wanted | self._bits.all_of(outcome), missing)
                self._split(image, seat, number + 1, more, standing, usable, found)
            return
        found.append((row_ids, wanted, missing))

    def _order(
        self,
        data_type: DataType,
        rule: RuleSpec,
        standing: Standing,
        wanted: int,
        lacking: int,
        trains: bool,
        entry: Callable[[], DataEntry],
    ) -> Order:
        ground = self.ground
        counting = standing.held & ground.durable
        copies = ground.copies_wanted(ground.seat(rule, data_type), wanted, standing)
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


def both(before: list[Part], after: list[Part]) -> Iterator[tuple[Sequence[int], Part, Part]]:
    """Yield the entries that both policies place in the same way."""
    if len(before) == 1:
        for part in after:
            yield part[0], before[0], part
    elif len(after) == 1:
        for part in before:
            yield part[0], part, after[0]
    else:
        number_of = {row_id: number for number, part in enumerate(before) for row_id in part[0]}
        for part in after:
            split: dict[int, array[int]] = {}
            for row_id in part[0]:
                number = number_of[row_id]
                if number in split:
                    split[number].append(row_id)
                else:
                    split[number] = array("i", (row_id,))
            for number, rows in split.items():
                yield rows, before[number], part
