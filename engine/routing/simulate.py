"""A policy tried on the real catalog, against the one in force: what would move, what nobody wants any more. Pure.

The router's own judgement of places and the planner's of urgency, sources and targets decide, once for all entries
that they cannot tell apart; only where the key itself decides (which of several equal places gets a copy) is each key
asked.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from config.types import DataType, RuleSpec
from engine.model import DataEntry
from engine.planner.admission import SAME_CONTENT
from engine.planner.context import PlanContext
from engine.planner.obstacles import Obstacle
from engine.routing.ground import Bits, Standing
from engine.routing.holding import holding
from engine.routing.placement import Placement
from engine.routing.simulate_asks import Asks
from engine.routing.simulate_groups import Alike, blocks, grouped
from engine.routing.simulate_image import ODD, CatalogImage, Kind, Pause
from engine.routing.simulate_marks import NO_MARK, Mark, mark_of, marks_of
from engine.routing.simulate_memory import ChoiceMemory
from engine.routing.simulate_side import Order, Side, both, same_but_rules, same_rule
from engine.routing.simulate_tally import Tally
from engine.views_rules import SimulationView, TrialView

_PAUSE_EVERY = 200
_WORK_AT_ONCE = 2_000
"""Entries between two pauses; a place that is met costs as much as some ten of them."""
_WORK_OF_A_PLACE = 10


@dataclass
class _Wanted:
    """Entries of one urgency that the same places lack."""

    row_ids: array[int]
    bytes: int


@dataclass
class _Standings:
    """Entries of one kind and mark, as both policies see them."""

    before: Standing
    after: Standing


@dataclass
class Simulation:
    """Run ``groups``, give ``alone`` what it names, then take the ``view``."""

    image: CatalogImage
    old: PlanContext
    new: PlanContext
    pause: Pause = lambda: None
    memories: tuple[ChoiceMemory, ChoiceMemory] = field(default_factory=lambda: (ChoiceMemory(), ChoiceMemory()))
    """What was chosen before under the policy in force, and under the one tried: kept from one draft to the next."""
    done: int = 0
    """How many entries were compared so far."""
    _tally: Tally = field(default_factory=Tally)
    _unchanged: list[tuple[Alike, RuleSpec | None]] = field(default_factory=list)
    _gone: dict[int, list[int]] = field(default_factory=dict)
    _wanted: dict[tuple[Order, int, int], _Wanted] = field(default_factory=dict)
    _work: int = 0
    _summing_up: bool = False

    def __post_init__(self) -> None:
        for memory in self.memories:
            memory.begin(self.image)
        self._bits = Bits(sorted({*self.old.locations, *self.new.locations}))
        self._before, self._after = (
            Side(context, memory, self._bits, self.pause)
            for context, memory in zip((self.old, self.new), self.memories, strict=True)
        )
        self._asks = Asks(self.image, self.pause)

    def groups(self) -> tuple[int, ...]:
        """Compare all entries that are like others; return the row ids of those that are not."""
        only_rules = same_but_rules(self.old.policy, self.new.policy)
        for alike in self._grouped():
            entry = self.image.entry(alike.first)
            old, new = self._before.rule(entry), self._after.rule(entry)
            if only_rules and same_rule(old, new):
                self._unchanged.append((alike, new))
                self.done += sum(len(rows) for _, rows in alike.pieces)
                self._worked(len(alike.pieces))
                continue
            for kind, standing, rows in self._pieces(alike):
                self._compare(kind, (old, new), standing, rows, mark_of(alike).newest)
                self.done += len(rows)
        return tuple(self.image.members(self.pause)[ODD])

    def alone(self, entries: Iterable[tuple[int, DataEntry]]) -> None:
        """Compare entries that are like no others, given with their row ids."""
        for number, (row_id, entry) in enumerate(entries):
            if number % _PAUSE_EVERY == 0:
                self.pause()
            old, old_missing = self._before.place(self.image, row_id, entry)
            new, new_missing = self._after.place(self.image, row_id, entry)
            self._note(row_id, entry, old, new)
            if new.spec is not None:
                self._note_missing(new.spec, new_missing - old_missing, (row_id,), entry.size_bytes)
            self.done += 1

    def view(self, seconds: float) -> SimulationView:
        """Return what it comes to; ``seconds`` is how long it took."""
        self._summing_up = True
        self._settle()
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
        for gone, (files, size) in self._gone.items():
            for location in self._bits.names(gone):
                tally.add_surplus(location, files, size)
        for (_, new, _), wanted in self._wanted.items():
            for location in self._bits.names(new):
                tally.add(location, len(wanted.row_ids), wanted.bytes)
        for location in self._asks.new_at:
            every = self._asks.new_files(location)
            tally.add(location, every.files, every.bytes)
        return TrialView(self.done, self._view(tally, seconds))

    def forget(self) -> None:
        """Free everything, where this is called: on the event loop it would hold others up."""
        self._tally, self._unchanged, self._gone, self._wanted = Tally(), [], {}, {}
        self._asks = Asks(self.image, self.pause)

    def _grouped(self) -> Iterator[Alike]:
        rules = (*self.old.policy.rules, *self.new.policy.rules)
        rooms = self._before.ground.rooms | self._after.ground.rooms
        marks = marks_of(self.old, self.new)
        return grouped(self.image, rules, rooms, self.new.now, marks, self.pause)

    def _pieces(self, alike: Alike) -> Iterator[tuple[Kind, _Standings, Sequence[int]]]:
        """Yield the entries of a group by where they stand, in blocks."""
        together: dict[Hashable, list[tuple[Kind, Sequence[int]]]] = {}
        for kind, rows in alike.pieces:
            together.setdefault(kind.stands, []).append((kind, rows))
        mark = mark_of(alike)
        for pieces in together.values():
            kind, rows = pieces[0]
            standing = self._standing(kind, mark, rows[0])
            self._worked(len(rows) + _WORK_OF_A_PLACE)
            if len(pieces) == 1 and len(rows) <= _WORK_AT_ONCE:
                yield kind, standing, rows
            else:
                for block in blocks(rows for _, rows in pieces):
                    self._worked(len(block))
                    yield kind, standing, block

    def _standing(self, kind: Kind, mark: Mark, row_id: int) -> _Standings:
        if kind.plain:
            held, own = self._bits.all_of(kind.locations), self._bits.of(kind.origin) if kind.origin else 0
            standing = Standing(held, own=own & held)
            if mark is NO_MARK:
                return _Standings(standing, standing)
        entry = self.image.entry(row_id)
        held_at = holding(entry)
        return _Standings(
            self._before.ground.standing(entry, held_at, mark.before),
            self._after.ground.standing(entry, held_at, mark.after),
        )

    def _worked(self, entries: int) -> None:
        self._work += entries
        if self._work >= _WORK_AT_ONCE:
            self._work = 0
            self.pause()

    def _compare(
        self,
        kind: Kind,
        rules: tuple[RuleSpec | None, RuleSpec | None],
        standing: _Standings,
        row_ids: Sequence[int],
        newest: bool,
    ) -> None:
        size = self.image.sizes[row_ids[0]]
        image, kept, tried = self.image, self._before, self._after
        before = kept.parts(image, rules[0], kind.data_type, standing.before, kept.ground.usable(size), row_ids)
        after = tried.parts(image, rules[1], kind.data_type, standing.after, tried.ground.usable(size), row_ids)
        for rows, (_, old, old_missing), (_, new, missing) in both(before, after):
            gone = old & standing.before.held & ~new
            if gone:
                noted = self._gone.setdefault(gone, [0, 0])
                noted[0] += len(rows)
                noted[1] += self.image.bytes_of(rows)
            rule = rules[1]
            if rule is None:
                continue
            self._note_coming(standing.after, new, rows)
            lacking = new & ~(standing.after.held | standing.after.coming)
            if lacking:
                self._ask(kind.data_type, rows, rule, standing.after, new, lacking, old, newest)
            if missing > old_missing:
                self._note_missing(rule, missing - old_missing, rows, self.image.bytes_of(rows))

    def _ask(
        self,
        data_type: DataType,
        row_ids: Sequence[int],
        rule: RuleSpec,
        standing: Standing,
        wanted: int,
        lacking: int,
        old: int,
        newest: bool,
        where: int = -1,
    ) -> None:
        """Note what is lacking; ``old`` is what the policy in force wants too, ``where`` all that is of interest."""
        tried, size = self._after, self.image.bytes_of(row_ids)
        closed, why = tried.closed(data_type)
        for location in self._bits.names(lacking & closed & ~old):
            self._refuse(why[location].reason, row_ids, size)
        open_now = lacking & ~closed
        doubtful = open_now & standing.blocked if standing.held & tried.readable else open_now
        for location in self._bits.names(doubtful):
            source = tried.source(self.image.entry(row_ids[0]), location, rule)
            if isinstance(source, Obstacle):
                bit = self._bits.of(location)
                open_now &= ~bit
                if not bit & old:
                    self._refuse(source.reason, row_ids, size)
        open_now &= where
        entry = partial(self.image.entry, row_ids[0])
        for bits, order in tried.orders(data_type, rule, standing, wanted, open_now, newest, entry):
            slot = (order, bits & ~old, bits & old)
            noted = self._wanted.get(slot)
            if noted is None:
                noted = self._wanted[slot] = _Wanted(array("i"), 0)
            noted.row_ids.extend(row_ids)
            noted.bytes += size

    def _settle(self) -> None:
        """Sum up by location what was noted by sets of them."""
        for gone, (files, size) in self._gone.items():
            for location in self._bits.names(gone):
                self._tally.add_surplus(location, files, size)
        for (order, new, known), wanted in self._wanted.items():
            for bits, is_new in ((new, True), (known, False)):
                for location in self._bits.names(bits):
                    self._asks.add(location, order, wanted.row_ids, is_new, wanted.bytes)
        self._gone, self._wanted = {}, {}

    def _ask_again(self) -> None:
        """Let what is wanted already take its share of the space, where that is too little for everything."""
        more: dict[int, int] = {}
        new_at = self._bits.all_of(self._asks.new_at)
        askers = []
        for alike, rule in self._unchanged if new_at else ():
            for kind, standing, rows in self._pieces(alike):
                usable = self._after.ground.usable(self.image.sizes[rows[0]])
                places = self._after.could_ask(rule, kind.data_type, standing.after, usable) & new_at
                if places and rule is not None:
                    askers.append((kind, rule, standing.after, rows, places, mark_of(alike).newest))
                    more[places] = more.get(places, 0) + self.image.bytes_of(rows)
        by_location: dict[str, int] = {}
        for places, size in more.items():
            for location in self._bits.names(places):
                by_location[location] = by_location.get(location, 0) + size
        short = self._bits.all_of(
            loc for loc, size in by_location.items() if self._is_short(loc, size) or self._asks.new_twins_at(loc)
        )
        for kind, rule, standing_after, rows, places, newest in askers:
            if places & short:
                self._worked(len(rows) + _WORK_OF_A_PLACE)
                self._ask_for(kind, rule, standing_after, rows, short, newest)
        self._settle()

    def _ask_for(
        self, kind: Kind, rule: RuleSpec, standing: Standing, row_ids: Sequence[int], where: int, newest: bool
    ) -> None:
        usable = self._after.ground.usable(self.image.sizes[row_ids[0]])
        for rows, wanted, _ in self._after.parts(self.image, rule, kind.data_type, standing, usable, row_ids):
            self._note_coming(standing, wanted & where, rows)
            lacking = wanted & ~(standing.held | standing.coming)
            if lacking & where:
                self._ask(kind.data_type, rows, rule, standing, wanted, lacking, -1, newest, where)

    def _note_coming(self, standing: Standing, wanted: int, row_ids: Sequence[int]) -> None:
        for location in self._bits.names(wanted & standing.coming & ~standing.held):
            self._asks.note_coming(location, row_ids)

    def _is_short(self, location: str, more_bytes: int) -> bool:
        room = self._after.ground.room(location)
        return room is not None and self._asks.bytes_at(location) + more_bytes > room

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
                self._asks.add(target, demand.order[:3], (row_id,), is_new, source.size_bytes, source.fresh)
            elif is_new:
                self._refuse(source.reason, (row_id,), entry.size_bytes)

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

    def _note_missing(self, rule: RuleSpec, copies: int, row_ids: Sequence[int], size_bytes: int) -> None:
        for _ in range(copies):
            self._refuse(f"rule {rule.name} wants more copies than places can receive", row_ids, size_bytes)

    def _refuse(self, reason: str, row_ids: Sequence[int], size_bytes: int) -> None:
        self._tally.refuse(reason, len(row_ids), size_bytes, self.image.keys[row_ids[0]])

    def _view(self, tally: Tally, seconds: float) -> SimulationView:
        return tally.view(self.image.count, seconds, {**self.old.locations, **self.new.locations})
