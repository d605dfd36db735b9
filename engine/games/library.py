"""All sets of a state directory and the index over them. Works in one thread of its own; numpy is loaded there."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.games.index import GameIndex
from engine.games.judging import judge, place
from engine.games.setfile import DRAFT_SUFFIX, SUFFIX, parts_of, read_head
from engine.games.values import Content, ContentName, CountedSet, Standing

INDEX_FOLDER = "index"
KEPT_SECONDS = 3_600.0
"""A set that nothing needs any more is kept this long: a file that was only touched is not counted again."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What the sets say now, those of known contents by name, and the contents of which nothing is known."""

    standing: Standing
    sets: dict[ContentName, CountedSet]
    unknown: tuple[Content, ...]
    counted_at: dict[str, float]
    """By entry: when its newest set was counted."""


class Library:
    """The sets in ``folder``, which is made. Every method may raise OSError."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._sets: dict[ContentName, CountedSet] = {}
        self._numbers: dict[str, int] = {}
        self._next = itertools.count(1)
        self._unneeded_since: dict[ContentName, float] = {}
        for leftover in folder.glob(f"*{DRAFT_SUFFIX}"):
            leftover.unlink(missing_ok=True)
        self._index = GameIndex(folder / INDEX_FOLDER)
        found = [(path, read_head(path)) for path in sorted(folder.glob(f"*{SUFFIX}"))]
        # The largest first: what follows is then merged into it, not the other way round.
        for path, counted in sorted(found, key=lambda one: -(one[1].unique if one[1] else 0)):
            if counted is None:
                path.unlink()
            else:
                self.put(counted)

    def put(self, counted: CountedSet) -> None:
        """Take a set whose file is written; one of the same content is replaced."""
        if counted.path in self._numbers:
            self._index.remove(self._numbers[counted.path])
        number = self._numbers[counted.path] = next(self._next)
        self._sets[counted.name] = counted
        self._index.add(number, parts_of(counted), counted.unique)

    def settle(self, contents: Iterable[Content], now: float) -> Settled:
        """Return what follows from the sets and the contents that there are; forget sets that nothing needs."""
        listed = tuple(contents)
        self._forget({content.name for content in listed}, now)
        placed, unknown = place(listed, self._sets.values(), self._numbers)
        standing = judge(self._index.classes(), placed)
        counted_at: dict[str, float] = {}
        for counted in self._sets.values():
            key = counted.name.key
            counted_at[key] = max(counted.counted_at, counted_at.get(key, 0.0))
        return Settled(standing, dict(self._sets), unknown, counted_at)

    def close(self) -> None:
        """Remove what is only of use while this runs."""
        shutil.rmtree(self._folder / INDEX_FOLDER, ignore_errors=True)

    def _forget(self, needed: set[ContentName], now: float) -> None:
        for name in list(self._sets):
            if name in needed:
                self._unneeded_since.pop(name, None)
            elif now - self._unneeded_since.setdefault(name, now) >= KEPT_SECONDS:
                del self._unneeded_since[name]
                counted = self._sets.pop(name)
                self._index.remove(self._numbers.pop(counted.path))
                Path(counted.path).unlink(missing_ok=True)
