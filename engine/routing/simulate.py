"""A policy tried on the real catalog, against the one in force: what would move, what nobody wants any more. Pure.

The router and the planner decide, once for each group of entries that they cannot tell apart; only where the key
itself decides (which of several equal places gets a copy) is each key asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.model import DataEntry
from engine.planner.context import PlanContext
from engine.planner.moves import Demand
from engine.planner.obstacles import Obstacle
from engine.routing.placement import Placement
from engine.routing.simulate_groups import Grouped, grouped
from engine.routing.simulate_image import CatalogImage, Pause
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


@dataclass(frozen=True, slots=True)
class _Asked:
    """Copies for one location: the files as (key, size); ``new``: the policy in force does not want them there."""

    demand: Demand
    files: Sequence[tuple[str, int]]
    new: bool


@dataclass
class Simulation:
    """Run ``groups``, give ``alone`` what it names, then take the ``view``."""

    image: CatalogImage
    old: PlanContext
    new: PlanContext
    pause: Pause = lambda: None
    _effects: dict[str, _Effect] = field(default_factory=dict)
    _missing: dict[str, _Missing] = field(default_factory=dict)
    _asked: dict[str, list[_Asked]] = field(default_factory=dict)

    def groups(self) -> tuple[int, ...]:
        """Compare all entries that are like others; return the row ids of those that are not."""
        self._before, self._after = Side(self.old, self.pause), Side(self.new, self.pause)
        self._only_rules = same_but_rules(self.old.policy, self.new.policy)
        known = self._grouped()
        unchanged: list[Sequence[int]] = []
        for number, members in enumerate(known.groups):
            if number % _PAUSE_EVERY == 0:
                self.pause()
            entry = self.image.entry(members[0])
            if self._only_rules and same_rule(self._before.rule(entry), self._after.rule(entry)):
                unchanged.append(members)
            else:
                self._compare(members)
        if self._asked or known.alone:
            for number, members in enumerate(unchanged):
                if number % _PAUSE_EVERY == 0:
                    self.pause()
                self._ask_again(members)
        return known.alone

    def alone(self, entries: Iterable[DataEntry]) -> None:
        """Compare entries that are like no others."""
        for number, entry in enumerate(entries):
            if number % _PAUSE_EVERY == 0:
                self.pause()
            old, old_missing = self._before.place(entry)
            new, new_missing = self._after.place(entry)
            files = ((str(entry.key), entry.size_bytes),)
            self._note(entry, files, old, new)
            self._note_missing(new, new_missing - old_missing, files)

    def view(self, seconds: float) -> SimulationView:
        """Return what it comes to; ``seconds`` is how long it took."""
        for location, asked in sorted(self._asked.items()):
            self.pause()
            self._admit(location, asked)
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
        """Free everything, where this is called: it takes a tenth of a second for a hundred thousand entries."""
        self._effects, self._missing, self._asked = {}, {}, {}
        self._before, self._after = Side(self.old, self.pause), Side(self.new, self.pause)

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
            if isinstance(source, Obstacle):
                if new:
                    self._refuse(source.reason, self._files(new))
                continue
            asked = self._asked.setdefault(location, [])
            if new:
                asked.append(_Asked(demand, self._files(new), True))
            if len(new) < len(row_ids):
                asked.append(_Asked(demand, self._files(_without(row_ids, new)), False))
        self._note_missing(after.placement, after.missing - before.missing, self._files(after.row_ids))

    def _ask_again(self, members: Sequence[int]) -> None:
        """Let what is wanted already take its share of the space."""
        for after in self._after.routed(self.image, members):
            if not after.chosen and not after.placement.missing:
                continue
            for location, row_ids, demand, source in self._after.answers(self.image, after):
                if not isinstance(source, Obstacle):
                    self._asked.setdefault(location, []).append(_Asked(demand, self._files(row_ids), False))

    def _files(self, row_ids: Sequence[int]) -> Sequence[tuple[str, int]]:
        keys, sizes = self.image.keys, self.image.sizes
        return [(keys[row_id], sizes[row_id]) for row_id in row_ids]

    def _note(self, entry: DataEntry, files: Sequence[tuple[str, int]], old: Placement, new: Placement) -> None:
        wanted_before = {slot.location for slot in old.wanted}
        wanted_after = {slot.location for slot in new.wanted}
        surplus = {slot.location for slot in old.wanted if slot.held} - wanted_after
        if surplus:
            total = sum(size for _, size in files)
            for location in surplus:
                effect = self._effects.setdefault(location, _Effect())
                effect.surplus_files += len(files)
                effect.surplus_bytes += total
        self._ask(entry, files, new, wanted_before)

    def _ask(
        self, entry: DataEntry, files: Sequence[tuple[str, int]], placement: Placement, known: set[str] | None
    ) -> None:
        """Ask for the copies that are missing; ``known`` are the locations that want them already (None: all)."""
        for demand, source in self._after.demands(entry, placement):
            target = demand.targets[0]
            new = known is not None and target not in known
            if isinstance(source, Obstacle):
                if new:
                    self._refuse(source.reason, files)
                continue
            asked = files if len(files) > 1 else ((files[0][0], source.size_bytes),)
            self._asked.setdefault(target, []).append(_Asked(demand, asked, new))

    def _admit(self, location: str, asked: Sequence[_Asked]) -> None:
        room = self._after.room(location)
        if not any(item.new for item in asked):
            return
        if room is None:
            for item in asked:
                if item.new:
                    self._refuse(f"the free space of {location} is not known yet", item.files)
            return
        if sum(size for item in asked for _, size in item.files) <= room:
            for item in asked:
                if item.new:
                    self._add(location, len(item.files), sum(size for _, size in item.files))
            return
        self._admit_in_order(location, asked, room)

    def _admit_in_order(self, location: str, asked: Sequence[_Asked], room: int) -> None:
        """Fill what room there is in the planner's order of urgency."""
        queue = sorted((*item.demand.order[:3], key, size, item.new) for item in asked for key, size in item.files)
        reason = f"{location} would be fuller than {self._after.percent:.0f} %"
        for number, (_, _, _, key, size, new) in enumerate(queue):
            if number % _PAUSE_EVERY == 0:
                self.pause()
            if size <= room:
                room -= size
                if new:
                    self._add(location, 1, size)
            elif new:
                self._refuse(reason, ((key, size),))

    def _add(self, location: str, files: int, size_bytes: int) -> None:
        effect = self._effects.setdefault(location, _Effect())
        effect.added_files += files
        effect.added_bytes += size_bytes

    def _note_missing(self, placement: Placement, copies: int, files: Sequence[tuple[str, int]]) -> None:
        for _ in range(copies):
            self._refuse(f"rule {placement.rule} wants more copies than places can receive", files)

    def _refuse(self, reason: str, files: Sequence[tuple[str, int]]) -> None:
        found = self._missing.setdefault(reason, _Missing())
        found.copies += len(files)
        found.bytes += sum(size for _, size in files)
        found.example = min(found.example, files[0][0]) if found.example else files[0][0]

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
