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
    left, seen, chosen = list(options), set(providers), list[str]()
    scores = {option.location: _score(option, key) for option in left}
    while left and len(chosen) < count:
        best = min(
            left,
            key=lambda o: (
                not o.settled,
                not o.usable,
                not o.known,
                o.provider in seen,
                not o.priority,
                -scores[o.location],
                o.location,
            ),
        )
        left.remove(best)
        seen.add(best.provider)
        chosen.append(best.location)
    return chosen


def _score(option: Option, key: str) -> float:
    """Return the weighted rendezvous score of a location for a key.

    Highest random weight (Thaler and Ravishankar, 1998) with weights by -w/ln(u) (Schindelhauer and Schomaker,
    2005). The weight is the free space, rounded down to a power of two so that it rarely changes its mind.
    """
    digest = hashlib.blake2b(f"{key}\0{option.location}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest, "big") + 0.5) / 2.0**64
    free = _UNMEASURED_BYTES if option.free_bytes is None else max(option.free_bytes, 1)
    return -(2.0 ** (free.bit_length() - 1)) / math.log(uniform)
