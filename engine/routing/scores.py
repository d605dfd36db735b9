"""Which of several equally good locations a key goes to: weighted rendezvous, from one number for each of both. Pure.

Highest random weight (Thaler and Ravishankar, 1998) with weights by -w/ln(u) (Schindelhauer and Schomaker, 2005); u is
what the finalizer of splitmix64 (Steele, Lea and Flood, 2014) makes of both numbers. A key and a location are hashed
once each; mixing two numbers is what many keys can have done at once (``engine/routing/simulation/many_choices.py``).
"""

from __future__ import annotations

import math
from hashlib import blake2b

NUMBER_BITS = 64
NUMBER_MASK = 2**NUMBER_BITS - 1
MIXERS = (30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)
"""Shift and factor of each step."""
LAST_SHIFT = 31
LOT_SHIFT = 12
"""A lot has 52 bits, so that it is exact as a float, halves included."""
LOTS = 2.0 ** (NUMBER_BITS - LOT_SHIFT)


def number_of(text: str) -> int:
    """Return the number of a key, or of a location."""
    return int.from_bytes(blake2b(text.encode(), digest_size=NUMBER_BITS // 8).digest(), "big")


def lot_of(key_number: int, location_number: int) -> int:
    """Return what a location draws for a key: of those with the same weight the highest one wins."""
    mixed = key_number ^ location_number
    for shift, factor in MIXERS:
        mixed = ((mixed ^ (mixed >> shift)) * factor) & NUMBER_MASK
    return (mixed ^ (mixed >> LAST_SHIFT)) >> LOT_SHIFT


def score(lot: int, weight: float) -> float:
    """Return the score of a location for a key: of all the highest one wins."""
    return -weight / math.log((lot + 0.5) / LOTS)
