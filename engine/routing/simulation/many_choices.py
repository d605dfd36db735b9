"""The choices of many keys at once: step by step what ``engine/routing/choosing.py`` does for one. Pure; has numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.routing.choosing import Field
from engine.routing.scores import LAST_SHIFT, LOT_SHIFT, LOTS, MIXERS, number_of
from engine.routing.simulation.columns import Columns, Numbers, column, empty, some
from engine.routing.simulation.image import Pause

_AT_ONCE = 1_000
"""Keys: their scores for some forty locations stay in a processor's cache, and no step takes a millisecond."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What keys choose between, a column for each: how many places; the options, and those of them that hold the entry,
    that can take it, and that are of a provider with a copy."""

    counts: Numbers
    options: Columns
    settled: Columns
    usable: Columns
    seen: Columns

    @property
    def sets(self) -> tuple[Columns, Columns, Columns, Columns]:
        """Everything but the numbers."""
        return self.options, self.settled, self.usable, self.seen

    def part(self, which: Numbers | slice) -> Ask:
        """Return what some of the keys choose between."""
        return Ask(self.counts[which], *(columns[:, which] for columns in self.sets))


class ManyChoices:
    """Chooses between the locations of a field."""

    def __init__(self, field: Field, words: int, pause: Pause) -> None:
        self._words = words
        self._pause = pause
        options = field.options(field.everything)
        bits = [field.bits[option.location] for option in options]
        self._positions = np.array([bit.bit_length() - 1 for bit in bits], dtype=np.int64)
        self._numbers = np.array([number_of(option.location) for option in options], dtype=np.uint64)
        self._weights = np.array([field.weight(bit) for bit in bits], dtype=np.float64)
        self._bits = _side_by_side(bits, words)
        self._beside = _side_by_side([field.beside(bit) for bit in bits], words)
        self._priority = column(field.priority, words)

    def made(self, keys: Numbers, ask: Ask) -> Columns:
        """Return the locations that each key (its number) is given."""
        made = empty(self._words, len(keys))
        for start in range(0, len(keys), _AT_ONCE):
            self._pause()
            block = slice(start, start + _AT_ONCE)
            made[:, block] = self._block(keys[block], ask.part(block))
        return made

    def _block(self, keys: Numbers, ask: Ask) -> Columns:
        scores = self._scores(keys)
        left, beside = ask.options.copy(), ask.seen.copy()
        for step in range(int(ask.counts.max())):
            choosing = np.flatnonzero((ask.counts > step) & some(left))
            if not len(choosing):
                break
            best = self._best(left, beside, ask, choosing)
            winners = np.where(self._each(best), scores[choosing], -1.0).argmax(axis=1)
            left[:, choosing] &= ~self._bits[:, winners]
            beside[:, choosing] |= self._beside[:, winners]
        return ask.options & ~left

    def _best(self, left: Columns, beside: Columns, ask: Ask, choosing: Numbers) -> Columns:
        best = left[:, choosing]
        for better in (ask.settled[:, choosing], ask.usable[:, choosing], ~beside[:, choosing], self._priority):
            narrowed = best & better
            best = np.where(some(narrowed), narrowed, best)
        return best

    def _scores(self, keys: Numbers) -> Numbers:
        """Return the scores of all locations (rows are keys)."""
        mixed = keys[:, np.newaxis] ^ self._numbers
        for shift, factor in MIXERS:
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        lots = (mixed ^ (mixed >> np.uint64(LAST_SHIFT))) >> np.uint64(LOT_SHIFT)
        scores: Numbers = -self._weights / np.log((lots + 0.5) / LOTS)
        return scores

    def _each(self, columns: Columns) -> Numbers:
        """Return which locations are in each set (rows are sets)."""
        words = np.ascontiguousarray(columns.T).astype("<u8", copy=False)
        found: Numbers = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, self._positions] > 0
        return found


def _side_by_side(sets: list[int], words: int) -> Columns:
    return np.concatenate([empty(words, 0), *(column(bits, words) for bits in sets)], axis=1)
