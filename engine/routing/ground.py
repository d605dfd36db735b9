"""What one policy makes of sets of locations at one moment; the sets are written as bits, for speed. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from config.types import DataType, RuleSpec
from engine.model import DataEntry, LocationState, LocationView, NodeState, ReplicaState
from engine.routing.candidates import RoutingTable, SelectedPlace
from engine.routing.choosing import Choice, Field, Option
from engine.routing.holding import obstructed, origin_replica
from engine.routing.space import room_bytes

if TYPE_CHECKING:
    import numpy.typing as npt

S = TypeVar("S", int, "npt.NDArray[Any]")
"""Sets of locations: of one entry as bits, or of many as columns of such bits."""

_MOST_CHOICES = 5_000
"""Choices kept, the newest: each is a few kilobytes."""
_FREED_AT_ONCE = 100


class Bits:
    """Locations as bits of a number, in the order in which they were met."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._bits: dict[str, int] = {}
        self._names: list[str] = []
        self._known: dict[int, tuple[str, ...]] = {}
        for name in names:
            self.of(name)

    @property
    def count(self) -> int:
        """How many locations have a bit."""
        return len(self._names)

    def of(self, name: str) -> int:
        """Return the bit of a location."""
        bit = self._bits.get(name)
        if bit is None:
            bit = self._bits[name] = 1 << len(self._names)
            self._names.append(name)
        return bit

    def all_of(self, names: Iterable[str]) -> int:
        """Return the bits of some locations."""
        found, bits = 0, self._bits
        for name in names:
            found |= bits.get(name) or self.of(name)
        return found

    def names(self, bits: int) -> tuple[str, ...]:
        """Return the locations of some bits."""
        known = self._known.get(bits)
        if known is None:
            if len(self._known) > _MOST_CHOICES:
                self._known.clear()
            found, left = [], bits
            while left:
                lowest = left & -left
                found.append(self._names[lowest.bit_length() - 1])
                left ^= lowest
            known = self._known[bits] = tuple(found)
        return known


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an entry stands: what ``holding`` says of it, what lies in the way, what holds an earlier version, to where
    it is on its way, and its origin's own file (0: none)."""

    held: int
    blocked: int = 0
    known: int = 0
    coming: int = 0
    own: int = 0


@dataclass(frozen=True, slots=True)
class CountedPlace:
    """One place of a rule that has a number of copies. Copies at ``counting`` are of that number, or stand in for one;
    ``eligible`` are the members that a choice may take."""

    copies: int
    members: int
    counting: int
    eligible: int
    said: str


@dataclass(frozen=True, slots=True)
class Seat:
    """One rule for one type: the locations that hold all of it, with the selectors that say so; then those counted."""

    everywhere: int
    said: Mapping[str, str]
    counted: tuple[CountedPlace, ...]
    copies: int


class Ground:
    """The locations of one moment, as one policy uses them."""

    def __init__(
        self,
        table: RoutingTable,
        locations: Mapping[str, LocationView],
        reserved_bytes: Mapping[str, int],
        percent: float,
        bits: Bits | None = None,
    ) -> None:
        """``percent`` is how full a location may become; ``bits`` are shared by grounds that are compared."""
        self.bits = bits or Bits(sorted(locations))
        self._table = table
        self._locations = locations
        self._rooms = {name: room_bytes(view, reserved_bytes.get(name, 0), percent) for name, view in locations.items()}
        self._edges = sorted({room for room in self._rooms.values() if room is not None})
        self._usable: dict[int, int] = {}
        self._seats: dict[tuple[int, DataType], Seat] = {}
        self._choices: OrderedDict[tuple[int, int, tuple[int, int, int], int], Choice] = OrderedDict()
        self._besides: dict[int, int] = {}
        self.field = Field()
        """The locations as choices see them."""
        for c in sorted(table.everywhere, key=lambda candidate: candidate.location):
            option = Option(c.location, c.provider, False, c.priority, self._rooms.get(c.location))
            self.field.add(option, self.bits.of(c.location))
        views = locations.values()
        self.durable = self.bits.all_of(v.location for v in views if v.durable and not v.draining)
        self.leaving = self.bits.all_of(v.location for v in views if v.draining)
        self._open = tuple(v.location for v in views if _is_open(v))

    def room(self, location: str) -> int | None:
        """Return how many bytes more a location may take; None when it was never measured."""
        return self._rooms.get(location)

    @property
    def rooms(self) -> set[int]:
        """How many bytes more the locations may take, where that is known."""
        return set(self._edges)

    def usable(self, size_bytes: int) -> int:
        """Return where a copy can go now, as far as is known; not looked at yet is no refusal."""
        band = bisect_left(self._edges, size_bytes)
        known = self._usable.get(band)
        if known is None:
            fitting = (loc for loc in self._open if (room := self._rooms[loc]) is None or size_bytes <= room)
            known = self._usable[band] = self.bits.all_of(fitting)
        return known

    def standing(self, entry: DataEntry, held: Iterable[str], coming: Iterable[str]) -> Standing:
        """Return where an entry stands, being held at some locations and on its way to others."""
        names = frozenset(held)
        own = origin_replica(entry)
        first: dict[str, ReplicaState] = {}
        for replica in entry.replicas:
            first.setdefault(replica.location, replica.state)
        return Standing(
            self.bits.all_of(names),
            self.bits.all_of(obstructed(entry, names)),
            self.bits.all_of(location for location, state in first.items() if state is ReplicaState.STALE),
            self.bits.all_of(coming),
            self.bits.of(own.location) if own is not None else 0,
        )

    def seat(self, rule: RuleSpec, data_type: DataType) -> Seat:
        """Return what a rule of this policy says of a type."""
        slot = (id(rule), data_type)
        seat = self._seats.get(slot)
        if seat is None:
            seat = self._seats[slot] = self._seat(self._table.places(rule, data_type))
        return seat

    def place(self, place: CountedPlace, wanted: int, standing: Standing, usable: int) -> tuple[int, Choice | None]:
        """Return what is to stay at a place, when ``wanted`` is decided already, and the choice of the rest.

        Copies that hold the entry, or will, count first; None: they are enough.
        """
        masks = place.members, place.counting, place.eligible
        at = standing.held, standing.own, standing.blocked, standing.coming
        counted, stays, options, settled, free = weighed(masks, wanted, at, usable)
        count = place.copies - counted.bit_count()
        if count <= 0:
            return stays, None
        slot = (options, count, (settled, free, options & standing.known), options & self._beside(counted))
        choice = self._choices.get(slot)
        if choice is None:
            if len(self._choices) >= _MOST_CHOICES:
                self._choices.popitem(last=False)
            choice = self._choices[slot] = Choice.on(self.field, *slot)
        return stays, choice

    @property
    def told(self) -> Hashable:
        """What, with a key and the bits of a choice, decides its outcome: it holds while the fleet does not change."""
        return self.field.told(self.field.everything)

    @property
    def providers(self) -> list[tuple[int, int]]:
        """The locations of each provider, and those of them that a choice may be between."""
        by_provider: dict[str, int] = {}
        for name, view in self._locations.items():
            by_provider[view.provider] = by_provider.get(view.provider, 0) | self.bits.of(name)
        unknown = ~self.bits.all_of(name for name, view in self._locations.items() if view.provider)
        by_provider[""] = unknown
        return [(bits, self.field.of_providers((provider,))) for provider, bits in by_provider.items()]

    def forget(self, pause: Callable[[], None]) -> None:
        """Free what was kept a little at a time: at once it would hold others up."""
        while self._choices:
            pause()
            for _ in range(min(len(self._choices), _FREED_AT_ONCE)):
                self._choices.popitem()

    def copies_wanted(self, seat: Seat, wanted: int, standing: Standing) -> int:
        """Return how many durable copies are wanted of what ``wanted`` is to hold."""
        if seat.copies:
            return seat.copies
        durable = (wanted | standing.held) & self.durable
        return min(self._table.policy.replication_target, durable.bit_count())

    def _beside(self, counted: int) -> int:
        """Return the locations of the providers that have a copy which counts."""
        found = self._besides.get(counted)
        if found is None:
            providers = {self._provider(name) for name in self.bits.names(counted)}
            found = self._besides[counted] = self.field.of_providers(providers)
        return found

    def _provider(self, location: str) -> str:
        view = self._locations.get(location)
        return view.provider if view is not None else ""

    def _seat(self, selected: Iterable[SelectedPlace]) -> Seat:
        said: dict[str, str] = {}
        counted = []
        for one in selected:
            if one.place.copies is None:
                for member in one.members:
                    said.setdefault(member.location, one.place.selector)
            else:
                counted.append(self._counted(one, one.place.copies))
        copies = max((place.copies for place in counted), default=0)
        return Seat(self.bits.all_of(said), said, tuple(counted), copies)

    def _counted(self, selected: SelectedPlace, copies: int) -> CountedPlace:
        any_counts = not selected.counts_only_durable
        counting = self.bits.all_of(selected.matching) & ~self.leaving
        eligible = self.bits.all_of(c.location for c in selected.members if any_counts or c.durable)
        return CountedPlace(
            copies,
            self.bits.all_of(member.location for member in selected.members),
            counting if any_counts else counting & self.durable,
            eligible,
            f"{copies} copies on {selected.place.selector}",
        )


def weighed(masks: tuple[S, S, S], wanted: S, at: tuple[S, S, S, S], usable: S) -> tuple[S, S, S, S, S]:
    """Return what counts towards the copies of a place, what of it stays there, between what the rest is chosen, and of
    that what holds the entry (or will), and what can take it.

    ``masks`` are the place's members, counting and eligible ones, ``wanted`` what is decided already, ``at`` where an
    entry is held, its origin's own file, what lies in the way, and to where it is on its way.
    """
    (members, counting, eligible), (held, own, blocked, coming) = masks, at
    free = usable & ~blocked
    certain = (wanted & (held | free)) | (held & (~members | own))
    counted = certain & counting
    options = eligible & ~(counted | wanted)
    return counted, counted & members, options, options & (held | coming), options & free


def _is_open(view: LocationView) -> bool:
    """Return whether a location takes copies now, its room aside."""
    usable = view.state in (LocationState.AVAILABLE, LocationState.UNKNOWN)
    reachable = view.node_state in (NodeState.UP, NodeState.UNKNOWN)
    return usable and reachable and not view.paused and not view.failing
