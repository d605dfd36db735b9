"""Sets of locations of many entries at once: a column of bits for each, in words of 64. Pure; loads numpy.

No step here is long: blocks are of some thousands of entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Columns = npt.NDArray[Any]
"""Of unsigned words, the lowest locations first: as many rows as there are words, a column for each entry."""
Numbers = npt.NDArray[Any]
"""One number for each entry."""

_WORD = 64
_WORD_MASK = 2**_WORD - 1
_MIXERS = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9
"""Odd numbers without a pattern in their bits (those of splitmix64)."""


def column(bits: int, words: int) -> Columns:
    """Return a set as one column, which goes with any number of others; what is beyond ``words`` is left out."""
    return np.array([[bits >> _WORD * word & _WORD_MASK] for word in range(words)], dtype=np.uint64)


def empty(words: int, entries: int) -> Columns:
    """Return the empty set for each of some entries."""
    return np.zeros((words, entries), dtype=np.uint64)


def sets(columns: Columns) -> list[int]:
    """Return columns as the bits that they are."""
    found: list[int] = columns[0].tolist()
    for word in range(1, len(columns)):
        found = [low | high << _WORD * word for low, high in zip(found, columns[word].tolist(), strict=True)]
    return found


def counts(columns: Columns) -> Numbers:
    """Return how many locations are in each set."""
    found: Numbers = np.bitwise_count(columns).sum(axis=0, dtype=np.int64)
    return found


def any_of(columns: Columns) -> int:
    """Return, as bits, the locations that are in any of the sets."""
    return sets(np.bitwise_or.reduce(columns, axis=1, keepdims=True))[0]


def some(columns: Columns) -> npt.NDArray[np.bool_]:
    """Return which sets are not empty."""
    found: npt.NDArray[np.bool_] = np.any(columns, axis=0)
    return found


def with_bit(columns: Columns, bit: int) -> Numbers:
    """Return the positions of the sets that one location (a single bit) is in."""
    word, shift = divmod(bit.bit_length() - 1, _WORD)
    return np.flatnonzero(columns[word] & np.uint64(1 << shift))


def each_bit(bits: int) -> list[int]:
    """Return the single bits that a set is made of."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest)
        bits ^= lowest
    return found


def in_order(rows: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    """Return an order in which entries that agree in all of some numbers stand together, and where each run begins.

    Entries that agree may be in two runs when different ones collide in a hash of 64 bits: a run is alike all the same.
    """
    mixed = np.zeros(len(rows[0]), dtype=np.uint64)
    for row in rows:
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(_MIXERS[0]) + row.astype(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(_MIXERS[1])
    order = np.argsort(mixed)
    differs = np.zeros(len(order), dtype=np.bool_)
    differs[:1] = True
    for row in rows:
        sorted_row = row[order]
        differs[1:] |= sorted_row[1:] != sorted_row[:-1]
    return order, np.flatnonzero(differs)
