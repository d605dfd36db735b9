"""Choosing places for copies: deterministic, spread over providers and nodes, stable while the fleet is. Pure."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence, Set
from dataclasses import dataclass
from hashlib import blake2b

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


class Choice:
    """One choice that many keys have before them. Scores are worked out only where nothing else decides."""

    def __init__(self, options: Iterable[Option], count: int, providers: Set[str]) -> None:
        self.options = tuple(sorted(options, key=lambda option: option.location))
        self.count = count
        self._providers = frozenset(providers)
        self._stage = self._stage_of(())
        self._looked = False
        self._sure: tuple[str, ...] | None = None

    @property
    def missing(self) -> int:
        """How many locations there are too few of."""
        return max(self.count - len(self.options), 0)

    @property
    def outcome_depends_on(self) -> Hashable:
        """Return what, with the key, decides the outcome: choices that agree in it are the same choice."""
        told = tuple((option.location, self._rank(option, self._providers), _weight(option)) for option in self.options)
        return self.count, self._providers, tuple(option.provider for option in self.options), told

    @property
    def sure(self) -> tuple[str, ...] | None:
        """The locations that every key is given; None where two keys may be given different ones."""
        if not self._looked:
            self._looked = True
            stage = self._stage
            while len(stage.chosen) < self.count and stage.only is not None:
                stage = self._after(stage, stage.only)
            done = len(stage.chosen) == self.count or not stage.by_weight
            self._sure = stage.chosen if done else None
        return self._sure

    def made_for(self, key: str) -> list[str]:
        """Return up to ``count`` locations for a key, best first."""
        return list(self.made_for_all((key,))[0])

    def made_for_all(self, keys: Iterable[str]) -> list[tuple[str, ...]]:
        """Return up to ``count`` locations for each key, best first."""
        count = self.count
        made = []
        for key in keys:
            stage, digests = self._stage, None
            for _ in range(count - len(stage.chosen)):
                if stage.only is not None:
                    best = stage.only
                elif not stage.by_weight:
                    break
                else:
                    digests = digests or _Digests(key)
                    best = digests.winner(stage.by_weight)
                stage = stage.after.get(best) or self._after(stage, best)
            made.append(stage.chosen)
        return made

    def _after(self, stage: _Stage, location: str) -> _Stage:
        found = stage.after[location] = self._stage_of((*stage.chosen, location))
        return found

    def _stage_of(self, chosen: tuple[str, ...]) -> _Stage:
        """Return where a choice stands once some are chosen: the options between which only the score decides."""
        left = [option for option in self.options if option.location not in chosen]
        seen = self._providers | {option.provider for option in self.options if option.location in chosen}
        ranks = [self._rank(option, seen) for option in left]
        best = min(ranks, default=None)
        return _stage(chosen, [option for option, rank in zip(left, ranks, strict=True) if rank == best])

    @staticmethod
    def _rank(o: Option, seen: Set[str]) -> tuple[bool, bool, bool, bool, bool]:
        return (not o.settled, not o.usable, not o.known, o.provider in seen, not o.priority)


_ByWeight = tuple[tuple[float, tuple[tuple[str, bytes], ...]], ...]
"""Weights; of each the locations, in their order, and as they are written after a key."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """A choice once some are ``chosen``: the options that are equally good now are none, ``only`` one, or several that
    are told apart by their scores. ``after`` are the stages that follow, by what is chosen next."""

    chosen: tuple[str, ...]
    only: str | None
    by_weight: _ByWeight
    after: dict[str, _Stage]


def _stage(chosen: tuple[str, ...], equals: list[Option]) -> _Stage:
    if len(equals) == 1:
        return _Stage(chosen, equals[0].location, (), {})
    by_weight: dict[float, list[tuple[str, bytes]]] = {}
    for option in equals:
        by_weight.setdefault(_weight(option), []).append((option.location, f"\0{option.location}".encode()))
    return _Stage(chosen, None, tuple((weight, tuple(found)) for weight, found in by_weight.items()), {})


class _Digests:
    """Scores of the locations for one key; each is worked out once however often it decides."""

    __slots__ = ("_begun", "_known")

    def __init__(self, key: str) -> None:
        # Copying a hash that was begun costs a quarter of beginning one, and a choice takes about ten.
        self._begun = blake2b(key.encode(), digest_size=8).copy
        self._known: dict[str, bytes] = {}

    def winner(self, by_weight: _ByWeight) -> str:
        """Return the location with the highest score.

        Of two with the same weight that is the one with the higher digest, so scores are computed only across weights.
        """
        if len(by_weight) == 1:
            return self._highest(by_weight[0][1])
        firsts = [(weight, self._highest(locations)) for weight, locations in by_weight]
        return max(firsts, key=lambda first: _score(self._known[first[1]], first[0]))[1]

    def _highest(self, locations: Sequence[tuple[str, bytes]]) -> str:
        known, begun = self._known, self._begun
        highest, winner = b"", ""
        for location, written in locations:
            if location in known:
                digest = known[location]
            else:
                hashing = begun()
                hashing.update(written)
                digest = known[location] = hashing.digest()
            if digest > highest:
                highest, winner = digest, location
        return winner


def _weight(option: Option) -> float:
    """Return the free space, rounded down to a power of two so that it rarely changes its mind."""
    free = _UNMEASURED_BYTES if option.free_bytes is None else max(option.free_bytes, 1)
    return 2.0 ** (free.bit_length() - 1)


def _score(digest: bytes, weight: float) -> float:
    """Return the weighted rendezvous score of a location for a key, from the digest of both.

    Highest random weight (Thaler and Ravishankar, 1998) with weights by -w/ln(u) (Schindelhauer and Schomaker,
    2005).
    """
    uniform = (int.from_bytes(digest, "big") + 0.5) / 2.0**64
    return -weight / math.log(uniform)
