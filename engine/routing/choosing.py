"""Choosing places for copies: deterministic, spread over providers and nodes, stable while the fleet is. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Set
from dataclasses import dataclass

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
        self._best: dict[tuple[str, ...], tuple[tuple[Option, bytes, float], ...]] = {}

    @property
    def missing(self) -> int:
        """How many locations there are too few of."""
        return max(self.count - len(self.options), 0)

    def made_for(self, key: str) -> list[str]:
        """Return up to ``count`` locations for a key, best first."""
        chosen: tuple[str, ...] = ()
        written = key.encode()
        while len(chosen) < self.count:
            best = self._best.get(chosen)
            if best is None:
                best = self._best[chosen] = self._equals(chosen)
            if not best:
                break
            if len(best) == 1:
                chosen = (*chosen, best[0][0].location)
                continue
            chosen = (*chosen, max(best, key=lambda entry: _score(written + entry[1], entry[2]))[0].location)
        return list(chosen)

    def depends_on_key(self) -> bool:
        """Return whether two keys may be given different locations."""
        chosen: tuple[str, ...] = ()
        while len(chosen) < self.count:
            best = self._equals(chosen)
            if len(best) > 1:
                return True
            if not best:
                return False
            chosen = (*chosen, best[0][0].location)
        return False

    def _equals(self, chosen: tuple[str, ...]) -> tuple[tuple[Option, bytes, float], ...]:
        """Return the options, by location, between which only the score decides once some are chosen."""
        left = [option for option in self.options if option.location not in chosen]
        seen = self._providers | {option.provider for option in self.options if option.location in chosen}

        def rank(o: Option) -> tuple[bool, bool, bool, bool, bool]:
            return (not o.settled, not o.usable, not o.known, o.provider in seen, not o.priority)

        best = min(map(rank, left), default=None)
        return tuple((o, f"\0{o.location}".encode(), _weight(o)) for o in left if rank(o) == best)


def _weight(option: Option) -> float:
    """Return the free space, rounded down to a power of two so that it rarely changes its mind."""
    free = _UNMEASURED_BYTES if option.free_bytes is None else max(option.free_bytes, 1)
    return 2.0 ** (free.bit_length() - 1)


def _score(key_and_location: bytes, weight: float) -> float:
    """Return the weighted rendezvous score of a location for a key.

    Highest random weight (Thaler and Ravishankar, 1998) with weights by -w/ln(u) (Schindelhauer and Schomaker,
    2005).
    """
    digest = hashlib.blake2b(key_and_location, digest_size=8).digest()
    uniform = (int.from_bytes(digest, "big") + 0.5) / 2.0**64
    return -weight / math.log(uniform)
