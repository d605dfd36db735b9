"""One of the two policies that a simulation compares: where it wants entries, by the real router and planner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from config.types import Policy, RuleSpec
from engine.model import DataEntry
from engine.planner.admission import Admission
from engine.planner.context import PlanContext
from engine.planner.demands import rule_demands
from engine.planner.moves import Demand
from engine.planner.obstacles import Obstacle
from engine.planner.sources import Source
from engine.routing.candidates import RoutingTable
from engine.routing.choosing import Choice
from engine.routing.matching import deciding_rule
from engine.routing.placement import Placement
from engine.routing.router import Router
from engine.routing.simulate_image import CatalogImage, Pause
from engine.routing.space import limit_percent, room_bytes

_PAUSE_EVERY = 500


@dataclass(frozen=True, slots=True)
class Routed:
    """Entries that one policy places in the same way; ``missing`` copies have no place at all."""

    row_ids: Sequence[int]
    placement: Placement
    missing: int


class Side:
    """A policy at one moment of the fleet."""

    def __init__(self, context: PlanContext, pause: Pause) -> None:
        self.context = context
        self._pause = pause
        self._choices: list[Choice] = []
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
        decide differently; from there on those that decided alike are a group again.
        """
        placement, choices, missing = self._probe(image.entry(row_ids[0]))
        for number in range(depth, len(choices)):
            if len(row_ids) == 1 or not choices[number].depends_on_key():
                continue
            parts = self._split(image, row_ids, choices[number])
            for part in parts:
                yield from self.routed(image, part, number + 1)
            return
        yield Routed(row_ids, placement, missing)

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

    def _split(self, image: CatalogImage, row_ids: Sequence[int], choice: Choice) -> list[list[int]]:
        parts: dict[tuple[str, ...], list[int]] = {}
        keys, made_for = image.keys, choice.made_for
        for number, row_id in enumerate(row_ids):
            if number % _PAUSE_EVERY == 0:
                self._pause()
            parts.setdefault(tuple(made_for(keys[row_id])), []).append(row_id)
        return list(parts.values())


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
