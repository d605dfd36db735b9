"""A policy tried on the real catalog, against the one in force: what would move, what nobody wants any more. Pure.

The router's own judgement of places and the planner's of urgency, sources and targets decide, for many entries at once;
only where the key itself decides (which of several equal places gets a copy) is each key asked.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from config.types import DataType, RuleSpec
from engine.model import DataEntry
from engine.planner.admission import SAME_CONTENT
from engine.planner.context import PlanContext
from engine.planner.obstacles import Obstacle
from engine.routing.placement import Placement
from engine.routing.simulation.asks import Asks
from engine.routing.simulation.columns import Columns, any_of, column, each_bit, empty, with_bit
from engine.routing.simulation.effects import Effects
from engine.routing.simulation.groups import Alike, grouped
from engine.routing.simulation.image import CatalogImage, Pause
from engine.routing.simulation.marks import Mark, mark_of, marks_of
from engine.routing.simulation.memory import Remembered
from engine.routing.simulation.side import Side, Stands, same_but_rules, same_rule
from engine.routing.simulation.tally import Tally
from engine.views_rules import SimulationView, TrialView

_PAUSE_EVERY = 200


@dataclass(frozen=True, slots=True)
class _Block:
    """Some entries that one rule decides about, and that the same disks have room for."""

    data_type: DataType
    row_ids: array[int]
    moves: bool
    newest: bool


class _Group(NamedTuple):
    """What entries have in common that both policies treat alike."""

    old_rule: int
    new_rule: int
    data_type: DataType
    mark: Mark
    usable: tuple[int, ...]


@dataclass
class Simulation:
    """Run ``groups``, give ``alone`` what it names, then take the ``view``."""

    image: CatalogImage
    old: PlanContext
    new: PlanContext
    pause: Pause = lambda: None
    remembered: Remembered = field(default_factory=Remembered)
    """What was found out for earlier drafts."""
    done: int = 0
    """How many entries were compared so far."""
    _unchanged: list[tuple[_Block, RuleSpec]] = field(default_factory=list)
    _summing_up: bool = False

    def __post_init__(self) -> None:
        self._standings = self.remembered.standings(self.image)
        bits = self._standings.bits
        bits.all_of(sorted({*self.old.locations, *self.new.locations}))
        self._before, self._after = Side(self.old, bits), Side(self.new, bits)
        self._tally, self._asks = Tally(), Asks(self.image, self.pause)
        self._effects = Effects(self.image, self._after, self._tally, self._asks)

    def groups(self) -> tuple[int, ...]:
        """Compare all entries that are like others; return the row ids of those that are not."""
        self._begin()
        only_rules = same_but_rules(self.old.policy, self.new.policy)
        alikes, odd = self._grouped()
        for block, old, new in self._blocks(alikes):
            self.pause()
            if not (only_rules and same_rule(old, new)):
                self._compare(block, old, new)
            elif new is not None:
                self._unchanged.append((block, new))
            self.done += len(block.row_ids)
        return odd

    def alone(self, entries: Iterable[tuple[int, DataEntry]]) -> None:
        """Compare entries that are like no others, given with their row ids."""
        for number, (row_id, entry) in enumerate(entries):
            if number % _PAUSE_EVERY == 0:
                self.pause()
            old, old_missing = self._before.place(entry)
            new, new_missing = self._after.place(entry)
            self._note(row_id, entry, old, new)
            if new.spec is not None and new_missing > old_missing:
                reason = f"rule {new.spec.name} wants more copies than places can receive"
                copies = new_missing - old_missing
                self._tally.refuse(reason, copies, copies * entry.size_bytes, str(entry.key))
            self.done += 1

    def view(self, seconds: float) -> SimulationView:
        """Return what it comes to; ``seconds`` is how long it took."""
        self._summing_up = True
        self._ask_again()
        for location in sorted(self._asks.new_at):
            self.pause()
            self._admit(location)
        return self._view(self._tally, seconds)

    def so_far(self, seconds: float) -> TrialView | None:
        """Return what it comes to with the entries that were compared; None once they are summed up."""
        if self._summing_up:
            return None
        tally = self._tally.copy()
        for location in self._asks.new_at:
            every = self._asks.new_files(location)
            tally.add(location, every.files, every.bytes)
        return TrialView(self.done, self._view(tally, seconds))

    def forget(self, pause: Pause) -> None:
        """Free what is large a little at a time: at once it would hold the event loop up."""
        for side in (self._before, self._after):
            side.ground.forget(pause)
        while self._unchanged:
            pause()
            del self._unchanged[-_PAUSE_EVERY:]

    def _begin(self) -> None:
        self._standings.take_in(self.pause)
        remembered, words = self.remembered, self._standings.words
        for side, memory in ((self._before, remembered.before), (self._after, remembered.after)):
            memory.begin(self.image, side.ground.told, self._standings, self.pause)
            side.begin(self.image, memory, words, self.pause)

    def _grouped(self) -> tuple[list[Alike], tuple[int, ...]]:
        rules = (*self.old.policy.rules, *self.new.policy.rules)
        rooms = self._before.ground.rooms | self._after.ground.rooms
        return grouped(self.image, rules, rooms, self.new.now, marks_of(self.old, self.new), self.pause)

    def _blocks(self, alikes: Iterable[Alike]) -> Iterator[tuple[_Block, RuleSpec | None, RuleSpec | None]]:
        """Yield the entries that both policies decide about by the same rules, with these."""
        together: dict[_Group, array[int]] = {}
        rules: dict[_Group, tuple[RuleSpec | None, RuleSpec | None]] = {}
        for number, alike in enumerate(alikes):
            if number % _PAUSE_EVERY == 0:
                self.pause()
            entry, mark = self.image.entry(alike.first), mark_of(alike)
            old, new = self._before.rule(entry), self._after.rule(entry)
            usable = tuple(side.ground.usable(entry.size_bytes) for side in (self._before, self._after))
            group = _Group(id(old), id(new), entry.data_type, mark, usable)
            rules[group] = old, new
            together.setdefault(group, array("i")).extend(alike.row_ids)
        for group, row_ids in together.items():
            for block in Alike(row_ids).blocks():
                yield _Block(group.data_type, block, group.mark.moves, group.mark.newest), *rules[group]

    def _stands(self, block: _Block) -> tuple[Stands, Stands]:
        """Return where entries stand as both policies see them: they may differ in what is on its way."""
        row_ids = np.array(block.row_ids, dtype=np.int64)
        kinds = np.frombuffer(self.image.kind_of, dtype=np.int32)[row_ids]
        held, blocked, own = (columns[:, kinds] for columns in self._standings.columns)
        size = self.image.sizes[block.row_ids[0]]
        before, after = (
            Stands(row_ids, held, own, blocked, self._coming(context, block), size) for context in (self.old, self.new)
        )
        return before, after

    def _coming(self, context: PlanContext, block: _Block) -> Columns:
        words, bits = self._standings.words, self._standings.bits
        found = empty(words, len(block.row_ids))
        for number, row_id in enumerate(block.row_ids if block.moves else ()):
            found[:, number : number + 1] = column(bits.all_of(context.in_flight(self.image.keys[row_id])), words)
        return found

    def _compare(self, block: _Block, old_rule: RuleSpec | None, rule: RuleSpec | None) -> None:
        before, after = self._stands(block)
        old, old_missing = self._before.wanted(old_rule, block.data_type, before)
        new, missing = self._after.wanted(rule, block.data_type, after)
        self._effects.note_gone(before, old & before.held & ~new)
        if rule is not None:
            self._effects.ask(block.data_type, rule, after, new, old, block.newest)
            self._effects.note_missing(rule, after, missing - old_missing)

    def _ask_again(self) -> None:
        """Let what is wanted already take its share of the space, where that is too little for everything."""
        words = self._standings.words
        new_at = self._standings.bits.all_of(self._asks.new_at)
        more: dict[int, int] = {}
        askers = []
        for block, rule in self._unchanged if new_at else ():
            self.pause()
            _, stands = self._stands(block)
            places = self._after.could_ask(rule, block.data_type, stands) & column(new_at, words)
            asked = any_of(places)
            if asked:
                askers.append((block, rule, asked))
            for bit in each_bit(asked):
                more[bit] = more.get(bit, 0) + self._effects.bytes_of(stands.row_ids[with_bit(places, bit)])
        short = sum(bit for bit, size_bytes in more.items() if self._is_short(bit, size_bytes))
        for block, rule, asked in askers:
            if asked & short:
                self.pause()
                _, stands = self._stands(block)
                wanted, _ = self._after.wanted(rule, block.data_type, stands)
                self._effects.ask(block.data_type, rule, stands, wanted, None, block.newest, short)

    def _is_short(self, bit: int, more_bytes: int) -> bool:
        """Return whether a location has too little room, or is to get a content under several names."""
        (location,) = self._standings.bits.names(bit)
        room = self._after.ground.room(location)
        too_little = room is not None and self._asks.bytes_at(location) + more_bytes > room
        return too_little or self._asks.new_twins_at(location)

    def _note(self, row_id: int, entry: DataEntry, old: Placement, new: Placement) -> None:
        wanted_before = {slot.location for slot in old.wanted}
        wanted_after = {slot.location for slot in new.wanted}
        for location in {slot.location for slot in old.wanted if slot.held} - wanted_after:
            self._tally.add_surplus(location, 1, entry.size_bytes)
        for demand, source in self._after.demands(entry, new):
            target = demand.targets[0]
            is_new = target not in wanted_before
            if (str(entry.key), target) in self.new.live:
                self._asks.note_coming(target, (row_id,))
            elif not isinstance(source, Obstacle):
                self._asks.add_one(target, demand.order[:3], row_id, is_new, source.size_bytes, source.fresh)
            elif is_new:
                self._tally.refuse(source.reason, 1, entry.size_bytes, str(entry.key))

    def _admit(self, location: str) -> None:
        room = self._after.ground.room(location)
        if room is None:
            every = self._asks.new_files(location)
            reason = f"the free space of {location} is not known yet"
            self._tally.refuse(reason, every.files, every.bytes, every.example)
            return
        admitted = self._asks.admit(location, room)
        if admitted.taken.files:
            self._tally.add(location, admitted.taken.files, admitted.taken.bytes)
        too_full = f"{location} would be fuller than {self._after.percent:.0f} %"
        for reason, refused in ((too_full, admitted.full), (SAME_CONTENT, admitted.same)):
            if refused.files:
                self._tally.refuse(reason, refused.files, refused.bytes, refused.example)

    def _view(self, tally: Tally, seconds: float) -> SimulationView:
        return tally.view(self.image.count, seconds, {**self.old.locations, **self.new.locations})
