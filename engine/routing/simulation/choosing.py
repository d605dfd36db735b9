"""The choices of many keys: each is made once for all whose choice is the same, and not again while it stays. Pure."""

from __future__ import annotations

import numpy as np

from engine.routing.ground import Ground
from engine.routing.simulation.columns import Columns, Numbers, column, counts, empty, in_order, sets, some
from engine.routing.simulation.image import CatalogImage, Pause
from engine.routing.simulation.many_choices import Ask, ManyChoices
from engine.routing.simulation.memory import ChoiceMemory


class Choosing:
    """Chooses under one policy."""

    def __init__(self, ground: Ground, image: CatalogImage, memory: ChoiceMemory, words: int, pause: Pause) -> None:
        self._image = image
        self._many = ManyChoices(ground.field, words, pause)
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
        ask = Ask(left, options, settled, free, options & self._beside(counted))
        order, starts = in_order([left, *(words for columns in ask.sets for words in columns)])
        heads = order[starts]
        slots = list(zip(left[heads].tolist(), *(sets(columns[:, heads]) for columns in ask.sets), strict=True))
        wanted[:, chooses[order]] |= self._outcomes(turn, slots, starts, row_ids[chooses][order], ask.part(order))

    def _outcomes(self, turn: int, slots: list[tuple[int, ...]], starts: Numbers, rows: Numbers, ask: Ask) -> Columns:
        """Return what rows choose; those from one start to the next have the same choice before them."""
        kept = self._memory.turn(turn, len(self._image.kind_of), self._words, self._pause)
        numbers = np.array([self._memory.number(slot) for slot in slots], dtype=np.int32)
        numbers = np.repeat(numbers, np.append(starts[1:], len(rows)) - starts)
        known = np.frombuffer(kept.numbers, dtype=np.int32)
        outcomes = [np.frombuffer(words, dtype=np.uint64) for words in kept.outcomes]
        new = np.flatnonzero(known[rows] != numbers)
        keys = np.frombuffer(self._image.key_numbers, dtype=np.uint64)
        made = self._many.made(keys[rows[new]], ask.part(new))
        for word, found in enumerate(outcomes):
            found[rows[new]] = made[word]
        known[rows[new]] = numbers[new]
        return np.array([found[rows] for found in outcomes])

    def _beside(self, counted: Columns) -> Columns:
        """Return the locations of the providers that have a copy which counts."""
        found = empty(*counted.shape)
        for here, there in self._providers:
            found |= np.where(some(counted & here), there, np.uint64(0))
        return found
