"""Every known game once, with the class of contents that hold it: so that any question is about classes, not games.

A class is a set of contents. There are few of them (databases are merged whole), so what a node would lose, or what is
nowhere else, is a sum over classes; and where a copy is, or how safe it is, never touches the games at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from engine.games.segments import CLASS_TYPE, NO_CLASS, Classes, Segment, SegmentMaker
from engine.games.setfile import Hashes

CHUNK_GAMES = 1 << 19
DEAD_BEFORE_TIDYING = 64


class GameIndex:
    """Made anew at every start, from the files of the sets. For one thread at a time."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._maker = SegmentMaker(folder)
        self._segments: list[Segment] = []
        self._members: list[frozenset[int]] = [frozenset()]
        self._ids: dict[frozenset[int], int] = {frozenset(): NO_CLASS}
        self._counts: list[int] = [0]
        self._living: set[int] = set()
        self._dead: set[int] = set()

    @property
    def games(self) -> int:
        """How many different games some content holds."""
        return sum(count for members, count in self.classes() if members)

    def classes(self) -> Iterator[tuple[frozenset[int], int]]:
        """Yield (contents, games that are in exactly these), without contents that were removed."""
        for members, count in zip(self._members, self._counts, strict=True):
            if count and members:
                yield members - self._dead if self._dead else members, count

    def add(self, content: int, parts: Iterable[Hashes], at_most: int) -> None:
        """Take a content under a number that was never used before, with its sorted unique hashes in parts.

        ``at_most`` is an upper bound of their number.
        """
        self._living.add(content)
        alone = self._class_of(frozenset((content,)))
        new = self._maker.make(self._unknown(content, parts, alone), at_most)
        if len(new.hashes):
            self._counts[alone] += len(new.hashes)
            self._segments.append(new)
            self._settle()

    def remove(self, content: int) -> None:
        """Forget a content; at no cost until many are forgotten."""
        if content in self._living:
            self._living.discard(content)
            self._dead.add(content)
            if len(self._dead) > max(DEAD_BEFORE_TIDYING, len(self._living)):
                self._tidy()

    def _unknown(self, content: int, parts: Iterable[Hashes], alone: int) -> Iterator[tuple[Hashes, Classes]]:
        """Move known games into their new classes on the way; yield those that are not known, in order."""
        for part in parts:
            left = part
            for segment in self._segments:
                at = np.searchsorted(segment.hashes, left)
                at[at == len(segment.hashes)] = 0
                known = segment.hashes[at] == left
                self._reclass(segment, at[known], content)
                segment.rest()
                left = left[~known]
            if len(left):
                yield left, np.full(len(left), alone, CLASS_TYPE)

    def _reclass(self, segment: Segment, at: np.ndarray[tuple[int], np.dtype[np.intp]], content: int) -> None:
        if not len(at):
            return
        held = segment.classes[at]
        counts = np.bincount(held, minlength=len(self._members))
        before = np.flatnonzero(counts)
        after = [self._class_of(self._members[old] | {content}) for old in before.tolist()]
        target = np.zeros(len(counts), CLASS_TYPE)
        target[before] = after
        segment.classes[at] = target[held]
        for old, new in zip(before.tolist(), after, strict=True):
            self._counts[old] -= int(counts[old])
            self._counts[new] += int(counts[old])

    def _class_of(self, members: frozenset[int]) -> int:
        found = self._ids.get(members)
        if found is None:
            found = self._ids[members] = len(self._members)
            self._members.append(members)
            self._counts.append(0)
        return found

    def _settle(self) -> None:
        """Merge the newest segments while they are not much smaller than the one before: few are left to search."""
        while len(self._segments) > 1 and 2 * len(self._segments[-1].hashes) >= len(self._segments[-2].hashes):
            one, other = self._segments[-2:]
            merged = self._maker.merge(one, other)
            self._segments[-2:] = [merged] if len(merged.hashes) else []

    def _tidy(self) -> None:
        """Take what was removed out of all classes; games that are in none are dropped with the next merge."""
        old_members, old_counts = self._members, self._counts
        self._members, self._ids, self._counts = [frozenset()], {frozenset(): NO_CLASS}, [0]
        target = np.zeros(len(old_members), CLASS_TYPE)
        for old, (members, count) in enumerate(zip(old_members, old_counts, strict=True)):
            if count:
                target[old] = self._class_of(members - self._dead)
                self._counts[int(target[old])] += count
        for segment in self._segments:
            for start in range(0, len(segment.classes), CHUNK_GAMES):
                part = segment.classes[start : start + CHUNK_GAMES]
                part[:] = target[part]
                segment.rest()
        self._dead = set()
