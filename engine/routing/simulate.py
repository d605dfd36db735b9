"""A policy tried on the real catalog, against the one in force: what would move, what nobody wants any more. Pure.

The router and the planner decide, once for each group of entries that they cannot tell apart; only where the key
itself decides (which of several equal places gets a copy) is each key asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from engine.model import DataEntry
from engine.planner.context import PlanContext
from engine.planner.obstacles import Obstacle
from engine.routing.placement import Placement
from engine.routing.simulate_asks import Asks
from engine.routing.simulate_groups import Grouped, grouped
from engine.routing.simulate_image import CatalogImage, Pause
from engine.routing.simulate_memory import ChoiceMemory
from engine.routing.simulate_side import Routed, Side, same_but_rules, same_rule
from engine.views_rules import NodeEffect, SimulationView, Unplaced

_PAUSE_EVERY = 200


@dataclass
class _Effect:
    added_files: int = 0
    added_bytes: int = 0
    surplus_files: int = 0
    surplus_bytes: int = 0


@dataclass
class _Missing:
    copies: int = 0
    bytes: int = 0
    example: str = ""


@dataclass
class Simulation:
    """Run ``groups``, give ``alone`` what it names, then take the ``view``."""

    image: CatalogImage
    old: PlanContext
    new: PlanContext
    pause: Pause = lambda: None
    memories: tuple[ChoiceMemory, ChoiceMemory] = field(default_factory=lambda: (ChoiceMemory(), ChoiceMemory()))
    """What was chosen before under the policy in force, and under the one tried: kept from one draft to the next."""
    _effects: dict[str, _Effect] = field(default_factory=dict)
    _missing: dict[str, _Missing] = field(default_factory=dict)
    _unchanged: list[Sequence[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for memory in self.memories:
            memory.begin(self.image)
        self._before, self._after = (
            Side(context, memory, self.pause)
            for context, memory in zip((self.old, self.new), self.memories, strict=True)
        )
        self._asks = Asks(self.image, self.pause)

    def groups(self) -> tuple[int, ...]:
        """Compare all entries that are like others; return the row ids of those that are not."""
        only_rules = same_but_rules(self.old.policy, self.new.policy)
        known = self._grouped()
        for number, members in enumerate(known.groups):
            if number % _PAUSE_EVERY == 0:
                self.pause()
            entry = self.image.entry(members[0])
            if only_rules and same_rule(self._before.rule(entry), self._after.rule(entry)):
                self._unchanged.append(members)
            else:
                self._compare(members)
        return known.alone

    def alone(self, entries: Iterable[tuple[int, DataEntry]]) -> None:
        """Compare entries that are like no others, given with their row ids."""
        for number, (row_id, entry) in enumerate(entries):
            if number % _PAUSE_EVERY == 0:
                self.pause()
            old, old_missing = self._before.place(entry)
            new, new_missing = self._after.place(entry)
            self._note(row_id, entry, old, new)
            self._note_missing(new, new_missing - old_missing, (row_id,), entry.size_bytes)

    def view(self, seconds: float) -> SimulationView:
        """Return what it comes to; ``seconds`` is how long it took."""
        self._ask_again()
        for location in sorted(self._asks.new_at):
            self.pause()
            self._admit(location)
        nodes = tuple(self._node(location, effect) for location, effect in sorted(self._effects.items()))
        missing = sorted(self._missing.items(), key=lambda item: (-item[1].copies, item[0]))
        return SimulationView(
            entries=self.image.count,
            seconds=seconds,
            files_to_move=sum(node.added_files for node in nodes),
            bytes_to_move=sum(node.added_bytes for node in nodes),
            nodes=nodes,
            unplaced=tuple(Unplaced(reason, found.copies, found.bytes, found.example) for reason, found in missing),
        )

    def forget(self) -> None:
        """Free everything, where this is called: on the event loop it would hold others up."""
        self._effects, self._missing, self._unchanged = {}, {}, []
        self._asks = Asks(self.image, self.pause)

    def _grouped(self) -> Grouped:
        rules = (*self.old.policy.rules, *self.new.policy.rules)
        rooms = self._before.rooms | self._after.rooms
        apart = {key for key, _ in (*self.old.live, *self.new.live)}
        apart |= set(self.old.newest or ()) | set(self.new.newest or ())
        return grouped(self.image, rules, rooms, self.new.now, apart, self.pause)

    def _compare(self, members: Sequence[int]) -> None:
        for before in self._before.routed(self.image, members):
            for after in self._after.routed(self.image, before.row_ids):
                if len(after.row_ids) < len(before.row_ids) and before.chosen:
                    before_parts = list(self._before.routed(self.image, after.row_ids))
                else:
                    before_parts = [before]
                for part in before_parts:
                    self._note_group(part, after)

    def _note_group(self, before: Routed, after: Routed) -> None:
        held = set(self.image.locations(after.row_ids[0]))
        for location in before.locations & held:
            gone = _without(_within(before.at(location), after.row_ids), after.at(location))
            if gone:
                effect = self._effects.setdefault(location, _Effect())
                effect.surplus_files += len(gone)
                effect.surplus_bytes += self.image.bytes_of(gone)
        for location, row_ids, demand, source in self._after.answers(self.image, after):
            new = _without(row_ids, before.at(location))
            size = self.image.bytes_of(new)
            if isinstance(source, Obstacle):
                if new:
                    self._refuse(source.reason, new, size)
                continue
            if new:
                self._asks.add(location, demand, new, True, size)
            if len(new) < len(row_ids):
                known = _without(row_ids, new)
                self._asks.add(location, demand, known, False, self.image.bytes_of(known))
        missing = after.missing - before.missing
        if missing > 0:
            self._note_missing(after.placement, missing, after.row_ids, self.image.bytes_of(after.row_ids))

    def _ask_again(self) -> None:
        """Let what is wanted already take its share of the space, where that is too little for everything."""
        more: dict[str, int] = {}
        askers: list[tuple[Sequence[int], frozenset[str]]] = []
        for number, members in enumerate(self._unchanged if self._asks.new_at else ()):
            if number % _PAUSE_EVERY == 0:
                self.pause()
            places = self._after.could_ask(self.image, members[0]) & self._asks.new_at
            if places:
                askers.append((members, places))
                size = self.image.bytes_of(members)
                for location in places:
                    more[location] = more.get(location, 0) + size
        short = {location for location, size in more.items() if self._is_short(location, size)}
        for members, places in askers:
            if not places.isdisjoint(short):
                self._ask_for(members, short)

    def _is_short(self, location: str, more_bytes: int) -> bool:
        room = self._after.room(location)
        return room is not None and self._asks.bytes_at(location) + more_bytes > room

    def _ask_for(self, members: Sequence[int], where: Set[str]) -> None:
        for after in self._after.routed(self.image, members):
            if not after.chosen and not after.placement.missing:
                continue
            for location, row_ids, demand, source in self._after.answers(self.image, after):
                if location in where and not isinstance(source, Obstacle):
                    self._asks.add(location, demand, row_ids, False, self.image.bytes_of(row_ids))

    def _note(self, row_id: int, entry: DataEntry, old: Placement, new: Placement) -> None:
        wanted_before = {slot.location for slot in old.wanted}
        wanted_after = {slot.location for slot in new.wanted}
        for location in {slot.location for slot in old.wanted if slot.held} - wanted_after:
            effect = self._effects.setdefault(location, _Effect())
            effect.surplus_files += 1
            effect.surplus_bytes += entry.size_bytes
        for demand, source in self._after.demands(entry, new):
            target = demand.targets[0]
            is_new = target not in wanted_before
            if not isinstance(source, Obstacle):
                self._asks.add(target, demand, (row_id,), is_new, source.size_bytes)
            elif is_new:
                self._refuse(source.reason, (row_id,), entry.size_bytes)

    def _admit(self, location: str) -> None:
        room = self._after.room(location)
        if room is None:
            every = self._asks.new_files(location)
            reason = f"the free space of {location} is not known yet"
            self._refuse_some(reason, every.files, every.bytes, every.example)
            return
        admitted = self._asks.admit(location, room)
        if admitted.files:
            effect = self._effects.setdefault(location, _Effect())
            effect.added_files += admitted.files
            effect.added_bytes += admitted.bytes
        if admitted.refused_files:
            reason = f"{location} would be fuller than {self._after.percent:.0f} %"
            self._refuse_some(reason, admitted.refused_files, admitted.refused_bytes, admitted.example)

    def _note_missing(self, placement: Placement, copies: int, row_ids: Sequence[int], size_bytes: int) -> None:
        for _ in range(copies):
            self._refuse(f"rule {placement.rule} wants more copies than places can receive", row_ids, size_bytes)

    def _refuse(self, reason: str, row_ids: Sequence[int], size_bytes: int) -> None:
        self._refuse_some(reason, len(row_ids), size_bytes, self.image.keys[row_ids[0]])

    def _refuse_some(self, reason: str, files: int, size_bytes: int, example: str) -> None:
        found = self._missing.setdefault(reason, _Missing())
        found.copies += files
        found.bytes += size_bytes
        found.example = min(found.example, example) if found.example else example

    def _node(self, location: str, effect: _Effect) -> NodeEffect:
        view = self.new.locations.get(location) or self.old.locations.get(location)
        before = after = None
        if view is not None and view.total_bytes and view.used_bytes is not None:
            before = 100.0 * view.used_bytes / view.total_bytes
            after = 100.0 * (view.used_bytes + effect.added_bytes) / view.total_bytes
        return NodeEffect(
            location,
            effect.added_files,
            effect.added_bytes,
            effect.surplus_files,
            effect.surplus_bytes,
            before,
            after,
        )


def _without(row_ids: Sequence[int], others: Sequence[int]) -> Sequence[int]:
    """Return the row ids that are not among others."""
    if not others or row_ids is others:
        return () if others else row_ids
    known = set(others)
    return [row_id for row_id in row_ids if row_id not in known]


def _within(row_ids: Sequence[int], others: Sequence[int]) -> Sequence[int]:
    """Return the row ids that are among others."""
    if row_ids is others or not row_ids:
        return row_ids
    known = set(others)
    return [row_id for row_id in row_ids if row_id in known]
