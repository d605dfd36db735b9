"""What keys chose in the simulation before, so that a keystroke costs no choice that it does not change. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Hashable

from engine.routing.simulation.image import CatalogImage, Pause
from engine.routing.simulation.standings import Standings

_MOST_CHOICES = 100_000
"""Choices remembered before all are forgotten."""
_FREED_AT_ONCE = 1_000
_GROWN_AT_ONCE = 50_000

Slot = tuple[int, ...]
"""What tells choices apart: between which locations, how many of them, and which are better than others."""


class ChoiceMemory:
    """The newest choice of each entry and its outcome: twelve bytes for an entry and a choice of its rule.

    One memory is for one image; where another takes its place, or a key in it another's, or the fleet changes so far
    that keys choose anew (``told``), everything is forgotten.
    """

    def __init__(self) -> None:
        self._image: CatalogImage | None = None
        self._renamed = 0
        self._told: Hashable = None
        self._numbers: dict[Slot, int] = {}
        self._turns: dict[int, Turn] = {}

    def begin(self, image: CatalogImage, told: Hashable, standings: Standings, pause: Pause) -> None:
        """Make ready for a simulation on an image."""
        known = self._image, self._renamed, self._told
        if known != (image, image.renamed, told) or len(self._numbers) > _MOST_CHOICES:
            self._turns = {}
            self._forget_numbers(pause)
            self._image, self._renamed, self._told = image, image.renamed, told
        for turn in self._turns.values():
            turn.grow(len(image.kind_of), standings.words, pause)

    def number(self, slot: Slot) -> int:
        """Return the number of a choice, 1 or more."""
        return self._numbers.setdefault(slot, len(self._numbers) + 1)

    def turn(self, number: int, entries: int, words: int, pause: Pause) -> Turn:
        """Return what was chosen in one of the choices that a rule makes, in their order."""
        if number not in self._turns:
            turn = Turn()
            turn.grow(entries, words, pause)
            self._turns[number] = turn
        return self._turns[number]

    def _forget_numbers(self, pause: Pause) -> None:
        while self._numbers:
            pause()
            for _ in range(min(len(self._numbers), _FREED_AT_ONCE)):
                self._numbers.popitem()


class Turn:
    """By row id: the number of the newest choice, and its outcome as bits, in words of 64."""

    def __init__(self) -> None:
        self.numbers = array("i")
        self.outcomes: list[array[int]] = []

    def grow(self, entries: int, words: int, pause: Pause) -> None:
        """Make room for entries, and for locations."""
        while len(self.outcomes) < words:
            self.outcomes.append(array("Q"))
        for kept in (self.numbers, *self.outcomes):
            for start in range(len(kept), entries, _GROWN_AT_ONCE):
                pause()
                kept.frombytes(bytes(min(entries - start, _GROWN_AT_ONCE) * kept.itemsize))


class Remembered:
    """What is kept from one draft to the next: where kinds stand, and what was chosen under both policies."""

    def __init__(self) -> None:
        self.before, self.after = ChoiceMemory(), ChoiceMemory()
        self._standings: Standings | None = None

    def standings(self, image: CatalogImage) -> Standings:
        """Return where the kinds of an image stand, as far as it is known."""
        if self._standings is None or self._standings.image is not image:
            self._standings = Standings(image)
        return self._standings
