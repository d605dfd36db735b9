"""The choices of many keys: each is made once for all whose choice is the same, and not again while it stays. Pure."""

from __future__ import annotations

import numpy as np

from engine.routing.choosing import Choice
from engine.routing.ground import Ground
from engine.routing.simulation.columns import Columns, Numbers, column, counts, empty, in_order, sets, some
from engine.routing.simulation.image import CatalogImage, Pause
from engine.routing.simulation.memory import ChoiceMemory, Turn

_PAUSE_EVERY = 100
_WORD = 64
_WORD_MASK = 2**_WORD - 1


class Choosing:
    """Chooses under one policy."""

    def __init__(self, ground: Ground, image: CatalogImage, memory: ChoiceMemory, words: int, pause: Pause) -> None:
        self._ground = ground
        self._image = image
        self._memory = memory
        self._words = words
        self._pause = pause
        self._providers = [(column(here, words), column(there, words)) for here, there in ground.providers]

    def choose(
        self,
        turn: int,
        wanted: Columns,
        missing: Numbers,
        row_ids: Numbers,
        left: Numbers,
        weighed: tuple[Columns, Columns, Columns, Columns],
    ) -> None:
        """Add to ``wanted`` what entries choose, and to ``missing`` how many places there are too few.

        ``left`` is how many places each of them chooses; ``weighed`` are those that count already, the options, and
        those of them that hold the entry, and that can take it.
        """
        chooses = np.flatnonzero(left > 0)
        if not len(chooses):
            return
        counted, options, settled, free = (columns[:, chooses] for columns in weighed)
        left = left[chooses]
        missing[chooses] += np.maximum(left - counts(options), 0)
        asked = (options, settled, free, options & self._beside(counted))
        order, starts = in_order([left, *(words for columns in asked for words in columns)])
        heads = order[starts]
        slots = list(zip(left[heads].tolist(), *(sets(columns[:, heads]) for columns in asked), strict=True))
        rows = row_ids[chooses][order]
        outcomes = self._outcomes(turn, slots, starts, rows)
        wanted[:, chooses[order]] |= outcomes

    def _outcomes(self, turn: int, slots: list[tuple[int, ...]], starts: Numbers, rows: Numbers) -> Columns:
        """Return what rows choose; those from one start to the next have the same choice before them."""
        kept = self._memory.turn(turn, len(self._image.kind_of), self._words, self._pause)
        numbers = np.array([self._memory.number(slot) for slot in slots], dtype=np.int32)
        ends = np.append(starts[1:], len(rows))
        new = np.frombuffer(kept.numbers, dtype=np.int32)[rows] != np.repeat(numbers, ends - starts)
        for number in np.flatnonzero(np.logical_or.reduceat(new, starts)).tolist():
            start, end = starts[number], ends[number]
            chosen_by = rows[start:end][new[start:end]].tolist()
            self._make(kept, int(numbers[number]), slots[number], chosen_by)
        return np.array([np.frombuffer(words, dtype=np.uint64)[rows] for words in kept.outcomes])

    def _make(self, kept: Turn, number: int, slot: tuple[int, ...], row_ids: list[int]) -> None:
        count, options, settled, free, seen = slot
        # Not kept: many are met once, and what is kept is walked by the collector.
        choice, keys = Choice.on(self._ground.field, options, count, (settled, free, 0), seen), self._image.keys
        for start in range(0, len(row_ids), _PAUSE_EVERY):
            self._pause()
            block = row_ids[start : start + _PAUSE_EVERY]
            for row_id, outcome in zip(block, choice.outcomes([keys[row_id] for row_id in block]), strict=True):
                for word, outcomes in enumerate(kept.outcomes):
                    outcomes[row_id] = outcome >> _WORD * word & _WORD_MASK
                kept.numbers[row_id] = number

    def _beside(self, counted: Columns) -> Columns:
        """Return the locations of the providers that have a copy which counts."""
        found = empty(*counted.shape)
        for here, there in self._providers:
            found |= np.where(some(counted & here), there, np.uint64(0))
        return found
