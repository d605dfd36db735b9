"""Choosing places for copies: deterministic, spread over providers and nodes, stable while the fleet is. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Set
from dataclasses import dataclass

from engine.routing.scores import lot_of, number_of, score

_MOST_EQUALS = 5_000
"""Kept, the newest: each is some hundreds of bytes."""
_UNMEASURED_BYTES = 10**9
"""The weight of a location whose free space is not known yet."""


@dataclass(frozen=True, slots=True)
class Option:
    """One location that could hold one of the copies, as far as choosing is concerned.

    ``settled``: it holds the entry, or a copy is on its way. ``known``: it holds an earlier version.
    """

    location: str
    provider: str
    usable: bool
    priority: bool
    free_bytes: int | None
    settled: bool = False
    known: bool = False


def choose(options: Iterable[Option], count: int, key: str, providers: Set[str]) -> list[str]:
    """Return up to ``count`` locations, best first.

    A copy that is there or on its way stays chosen; then comes what can take it now, then what holds an earlier
    version, then a provider that is not among ``providers`` (so the second copy is off-site where that is
    possible), then priority hosts, then weighted rendezvous.
    """
    return Choice(options, count, providers).made_for(key)


class Field:
    """Locations as choices see them, as bits: whose they are, which go first, and what tells equal ones apart."""

    def __init__(self) -> None:
        self.bits: dict[str, int] = {}
        """Of each location."""
        self._options: dict[int, Option] = {}
        self._of_provider: dict[str, int] = {}
        self._equals: OrderedDict[int, Equals] = OrderedDict()
        self._told: dict[int, Hashable] = {}
        self.priority = 0
        self.everything = 0

    def add(self, option: Option, bit: int) -> None:
        """Take a location in; each once."""
        self.bits[option.location], self._options[bit] = bit, option
        self._of_provider[option.provider] = self._of_provider.get(option.provider, 0) | bit
        self.priority |= bit if option.priority else 0
        self.everything |= bit

    def of_providers(self, providers: Iterable[str]) -> int:
        """Return the locations of some providers."""
        found = 0
        for provider in providers:
            found |= self._of_provider.get(provider, 0)
        return found

    def beside(self, bits: int) -> int:
        """Return the locations of the providers that some locations are of."""
        found = 0
        while bits:
            lowest = bits & -bits
            found |= self._of_provider[self._options[lowest].provider]
            bits ^= lowest
        return found

    def options(self, bits: int) -> list[Option]:
        """Return the locations of some bits, by name."""
        return sorted((self._options[bit] for bit in _each(bits)), key=lambda option: option.location)

    def equals(self, bits: int) -> Equals:
        """Return what is to be known of locations that are equally good."""
        known = self._equals.get(bits)
        if known is None:
            if len(self._equals) >= _MOST_EQUALS:
                self._equals.popitem(last=False)
            known = self._equals[bits] = _equals(self.options(bits))
        return known

    def weight(self, bit: int) -> float:
        """Return how much of what is equally good a location is to get, beside others."""
        return _weight(self._options[bit])

    def told(self, bits: int) -> Hashable:
        """Return what, with the key, tells some locations apart wherever they are asked about."""
        known = self._told.get(bits)
        if known is None:
            found = ((o.location, o.provider, o.priority, _weight(o)) for o in self.options(bits))
            known = self._told[bits] = tuple(found)
        return known


class Choice:
    """One choice that many keys have before them. Scores are worked out only where nothing else decides."""

    __slots__ = ("_best", "_seen", "_tiers", "count", "field", "options")

    def __init__(self, options: Iterable[Option], count: int, providers: Set[str]) -> None:
        field, settled, usable, known = Field(), 0, 0, 0
        for number, option in enumerate(options):
            bit = 1 << number
            field.add(option, bit)
            settled |= bit if option.settled else 0
            usable |= bit if option.usable else 0
            known |= bit if option.known else 0
        self._begin(field, field.everything, count, settled, usable, known, field.of_providers(providers))

    @classmethod
    def on(cls, field: Field, options: int, count: int, tiers: tuple[int, int, int], seen: int) -> Choice:
        """Return the choice between some locations of a field.

        ``tiers`` are those that are settled, usable and known; ``seen`` those of providers that have a copy.
        """
        choice = cls.__new__(cls)
        choice._begin(field, options, count, *tiers, seen)
        return choice

    def _begin(self, field: Field, options: int, count: int, settled: int, usable: int, known: int, seen: int) -> None:
        self.field, self.options, self.count = field, options, count
        self._tiers = (settled & options, usable & options, known & options)
        self._seen = seen & options
        self._best: dict[int, Equals] = {}

    @property
    def missing(self) -> int:
        """How many locations there are too few of."""
        return max(self.count - self.options.bit_count(), 0)

    def made_for(self, key: str) -> list[str]:
        """Return up to ``count`` locations for a key, best first."""
        chosen: list[str] = []
        left, best, bits, lots = self.options, self._best, self.field.bits, None
        for _ in range(min(self.count, left.bit_count())):
            equals = best.get(left) or self._best_of(left)
            location = equals.only
            if location is None:
                if lots is None:
                    lots = _Lots(key)
                location = lots.winner(equals.by_weight)
            chosen.append(location)
            left ^= bits[location]
        return chosen

    def _best_of(self, left: int) -> Equals:
        """Return the best of what is left."""
        if len(self._best) >= _MOST_EQUALS:
            self._best.clear()
        settled, usable, known = self._tiers
        best = left & settled or left
        best = best & usable or best
        best = best & known or best
        best = best & ~self._seen & ~self.field.beside(self.options ^ left) or best
        found = self._best[left] = self.field.equals(best & self.field.priority or best)
        return found


_ByWeight = tuple[tuple[float, tuple[tuple[str, int], ...]], ...]
"""Weights; of each the locations, in their order, with their numbers."""


@dataclass(frozen=True, slots=True)
class Equals:
    """Options that are equally good: none, ``only`` one, or several, told apart by their scores."""

    only: str | None
    by_weight: _ByWeight


def _each(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest
        bits ^= lowest


def _equals(options: list[Option]) -> Equals:
    if len(options) == 1:
        return Equals(options[0].location, ())
    by_weight: dict[float, list[tuple[str, int]]] = {}
    for option in options:
        by_weight.setdefault(_weight(option), []).append((option.location, number_of(option.location)))
    return Equals(None, tuple((weight, tuple(found)) for weight, found in by_weight.items()))


class _Lots:
    """What the locations draw for one key; each is worked out once however often it decides."""

    __slots__ = ("_key_number", "_known")

    def __init__(self, key: str) -> None:
        self._key_number = number_of(key)
        self._known: dict[str, int] = {}

    def winner(self, by_weight: _ByWeight) -> str:
        """Return the location with the highest score.

        Of two with the same weight that is the one with the higher lot, so scores are computed only across weights.
        """
        known, key_number = self._known, self._key_number
        best, best_score = "", 0.0
        for weight, locations in by_weight:
            highest, winner = -1, ""
            for location, number in locations:
                lot = known.get(location)
                if lot is None:
                    lot = known[location] = lot_of(key_number, number)
                if lot > highest:
                    highest, winner = lot, location
            if len(by_weight) == 1:
                return winner
            reached = score(highest, weight)
            if reached > best_score:
                best, best_score = winner, reached
        return best


def _weight(option: Option) -> float:
    """Return the free space, rounded down to a power of two so that it rarely changes its mind."""
    free = _UNMEASURED_BYTES if option.free_bytes is None else max(option.free_bytes, 1)
    return 2.0 ** (free.bit_length() - 1)
