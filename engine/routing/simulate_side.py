"""One of the two policies that a simulation compares: where it wants entries, by the real router and planner."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from config.types import DataType, Policy, RuleSpec
from engine.model import DataEntry
from engine.planner.admission import Admission
from engine.planner.context import PlanContext
from engine.planner.demands import rule_demands
from engine.planner.moves import Demand
from engine.planner.obstacles import Obstacle
from engine.planner.sources import Source, find_source
from engine.routing.candidates import RoutingTable
from engine.routing.choosing import Choice
from engine.routing.matching import deciding_rule
from engine.routing.placement import Placement
from engine.routing.router import Router
from engine.routing.simulate_image import CatalogImage, Pause
from engine.routing.simulate_memory import ChoiceMemory
from engine.routing.space import limit_percent, room_bytes


@dataclass(frozen=True, slots=True)
class Routed:
    """Entries that one policy places in the same way, but for the one place that keys decide.

    ``fixed`` are the locations that want all of them, ``chosen`` those that want some, with their row ids;
    ``placement`` is that of the first. ``missing`` copies of each have no place at all.
    """

    row_ids: Sequence[int]
    placement: Placement
    fixed: frozenset[str]
    chosen: Mapping[str, Sequence[int]]
    missing: int

    def at(self, location: str) -> Sequence[int]:
        """Return the entries that a location is to hold."""
        return self.row_ids if location in self.fixed else self.chosen.get(location, ())

    @property
    def locations(self) -> frozenset[str]:
        """Where any of them is to be."""
        return self.fixed.union(self.chosen)


Answer = tuple[str, Sequence[int], Demand, Source | Obstacle]
"""A location, the entries that it lacks, one demand that stands for all, and from where it could come or why not."""


class Side:
    """A policy at one moment of the fleet."""

    def __init__(self, context: PlanContext, memory: ChoiceMemory, pause: Pause) -> None:
        self.context = context
        self._memory = memory
        self._pause = pause
        self._choices: list[Choice] = []
        self._closed: dict[tuple[DataType, str], Obstacle | None] = {}
        table = RoutingTable(context.policy)
        self._router = Router(
            context.policy, context.locations, context.reserved_bytes, table=table, on_choice=self._choices.append
        )
        self._admission = Admission(context, table)
        self._percent = limit_percent(context.policy.thresholds)

    def rule(self, entry: DataEntry) -> RuleSpec | None:
        """Return the rule that decides about an entry."""
        return deciding_rule(entry, self.context.policy, self.context.now)

    def routed(self, image: CatalogImage, row_ids: Sequence[int], depth: int = 0) -> Iterator[Routed]:
        """Yield a group of entries, split where the choice of a place depends on the key.

        The first of a group stands for all: they have the same choices before them, up to the first that their keys
        decide differently. Where that is the last, it is told by location; else those that decided alike are a
        group again.
        """
        placement, choices, missing = self._probe(image.entry(row_ids[0]))
        wanted = frozenset(slot.location for slot in placement.wanted)
        for number in range(depth, len(choices)):
            choice = self._memory.known(choices[number])
            if len(row_ids) == 1 or not choice.depends_on_key():
                continue
            if _last(placement):
                fixed = wanted.difference(choice.made_for(image.keys[row_ids[0]]))
                yield Routed(row_ids, placement, fixed, self._by_location(image, row_ids, choice, number), missing)
                return
            for part in self._memory.made(choice, number, image, row_ids, self._pause).values():
                yield from self.routed(image, part, number + 1)
            return
        yield Routed(row_ids, placement, wanted, {}, missing)

    def could_ask(self, image: CatalogImage, row_id: int) -> frozenset[str]:
        """Return where an entry, or one that differs from it in nothing but its key, could be wanted and is not."""
        placement, choices, _ = self._probe(image.entry(row_id))
        found = {slot.location for slot in placement.missing}
        found.update(option.location for choice in choices for option in choice.options)
        return frozenset(found.difference(image.locations(row_id)))

    def answers(self, image: CatalogImage, routed: Routed) -> Iterator[Answer]:
        """Yield what the planner asks for a group, by location."""
        entry = image.entry(routed.row_ids[0])
        own = {demand.targets[0]: (demand, source) for demand, source in self.demands(entry, routed.placement)}
        for location, (demand, source) in own.items():
            if location in routed.fixed:
                yield location, routed.row_ids, demand, source
        held = frozenset(replica.location for replica in entry.replicas)
        pattern = next((demand for location, (demand, _) in own.items() if location in routed.chosen), None)
        for location, row_ids in routed.chosen.items():
            if location in held:
                continue
            if pattern is None:
                yield from self._one_by_one(image, location, row_ids)
                continue
            demand = replace(pattern, targets=(location,))
            yield location, row_ids, demand, self._answer(demand, location)

    def _answer(self, demand: Demand, location: str) -> Source | Obstacle:
        slot = (demand.entry.data_type, location)
        if slot not in self._closed:
            self._closed[slot] = self._admission.target_obstacle(demand, location)
        return self._closed[slot] or find_source(demand.entry, location, self.context, demand.why.deadline)

    def _one_by_one(self, image: CatalogImage, location: str, row_ids: Sequence[int]) -> Iterator[Answer]:
        for row_id in row_ids:
            entry = image.entry(row_id)
            for demand, source in self.demands(entry, self._probe(entry)[0]):
                if demand.targets[0] == location:
                    yield location, (row_id,), demand, source

    def place(self, entry: DataEntry) -> tuple[Placement, int]:
        """Return where one entry belongs, and how many copies have no place at all."""
        placement, _, missing = self._probe(entry)
        return placement, missing

    def demands(self, entry: DataEntry, placement: Placement) -> list[tuple[Demand, Source | Obstacle]]:
        """Return what the planner asks for, but for what is on its way, and from where it could come."""
        return [
            (demand, self._admission.source(demand, demand.targets[0]))
            for demand in rule_demands(entry, placement, self.context)
            if (str(entry.key), demand.targets[0]) not in self.context.live
        ]

    def room(self, location: str) -> int | None:
        """Return how many bytes more a location may take; None when it was never measured."""
        view = self.context.locations.get(location)
        if view is None:
            return None
        return room_bytes(view, self.context.reserved_bytes.get(location, 0), self._percent)

    @property
    def rooms(self) -> set[int]:
        """How many bytes more the locations may take, where that is known."""
        return {room for location in self.context.locations if (room := self.room(location)) is not None}

    @property
    def percent(self) -> float:
        """How full a location may become."""
        return self._percent

    def _probe(self, entry: DataEntry) -> tuple[Placement, tuple[Choice, ...], int]:
        self._choices.clear()
        live = self.context.in_flight(str(entry.key)) if self.context.live else frozenset()
        placement = self._router.route(entry, self.context.now, live)
        return placement, tuple(self._choices), sum(choice.missing for choice in self._choices)

    def _by_location(
        self, image: CatalogImage, row_ids: Sequence[int], choice: Choice, turn: int
    ) -> dict[str, Sequence[int]]:
        found: dict[str, array[int]] = {}
        for outcome, rows in self._memory.made(choice, turn, image, row_ids, self._pause).items():
            for location in outcome:
                found.setdefault(location, array("i")).extend(rows)
        return dict(found)


def _last(placement: Placement) -> bool:
    """Return whether no choice of a rule can depend on another: it has one place with a number of copies."""
    places = placement.spec.place if placement.spec is not None else ()
    return sum(place.copies is not None for place in places) == 1


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
