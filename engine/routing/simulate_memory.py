"""What keys chose in the simulation before, so that a keystroke costs no choice that it does not change. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Sequence

from engine.routing.choosing import Choice
from engine.routing.simulate_image import CatalogImage, Pause

_PAUSE_EVERY = 500
_MOST_CHOICES = 20_000
"""Choices remembered before all are forgotten: they change with the free space of the fleet."""

Outcome = tuple[str, ...]


class ChoiceMemory:
    """The newest choice of each entry and its outcome: eight bytes for an entry and a choice of its rule.

    One memory is for one image; where another takes its place, or a key in it another's, everything is forgotten.
    """

    def __init__(self) -> None:
        self._image: CatalogImage | None = None
        self._renamed = 0
        self._forget()

    def known(self, choice: Choice) -> tuple[int, Choice]:
        """Return the number of a choice, and the equal one that was made before: who competes is worked out there."""
        return self._choices.setdefault(choice.outcome_depends_on, (len(self._choices) + 1, choice))

    def begin(self, image: CatalogImage) -> None:
        """Make ready for a simulation on an image."""
        if image is not self._image or image.renamed != self._renamed or len(self._choices) > _MOST_CHOICES:
            self._image, self._renamed = image, image.renamed
            self._forget()

    def made(
        self, number: int, choice: Choice, turn: int, image: CatalogImage, row_ids: Sequence[int], pause: Pause
    ) -> dict[Outcome, Sequence[int]]:
        """Return entries by what they choose, best first; ``turn`` tells the choices of one rule apart."""
        numbers, outcomes = self._turn(turn, len(image.kind_of))
        keys = image.keys
        if len(row_ids) == 1:
            row_id = row_ids[0]
            if numbers[row_id] != number:
                outcomes[row_id] = self._number(choice.made_for_all((keys[row_id],))[0])
                numbers[row_id] = number
            return {self._outcomes[outcomes[row_id]]: row_ids}
        parts: dict[int, array[int]] = {}
        for start in range(0, len(row_ids), _PAUSE_EVERY):
            pause()
            block = row_ids[start : start + _PAUSE_EVERY]
            new = [row_id for row_id in block if numbers[row_id] != number]
            if new:
                made = choice.made_for_all([keys[row_id] for row_id in new])
                for row_id, places in zip(new, made, strict=True):
                    outcomes[row_id] = self._number(places)
                    numbers[row_id] = number
            for row_id in block:
                outcome = outcomes[row_id]
                if outcome in parts:
                    parts[outcome].append(row_id)
                else:
                    parts[outcome] = array("i", (row_id,))
        return {self._outcomes[outcome]: rows for outcome, rows in parts.items()}

    def _turn(self, turn: int, count: int) -> tuple[array[int], array[int]]:
        numbers, outcomes = self._turns.setdefault(turn, (array("i"), array("i")))
        if len(numbers) < count:
            for kept in (numbers, outcomes):
                kept.frombytes(bytes((count - len(kept)) * kept.itemsize))
        return numbers, outcomes

    def _number(self, outcome: Outcome) -> int:
        number = self._numbers.get(outcome)
        if number is None:
            number = self._numbers[outcome] = len(self._outcomes)
            self._outcomes.append(outcome)
        return number

    def _forget(self) -> None:
        self._choices: dict[Hashable, tuple[int, Choice]] = {}
        self._turns: dict[int, tuple[array[int], array[int]]] = {}
        self._numbers: dict[Outcome, int] = {}
        self._outcomes: list[Outcome] = []
