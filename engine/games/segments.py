"""Sorted pieces of the index: which class each known game belongs to. Small ones in memory, large ones in files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.games.mapped import MappedArray
from engine.games.setfile import HASH_TYPE, Hashes

CLASS_TYPE = np.dtype("<u4")
SPILL_GAMES = 1 << 20
"""Segments with more games are in files, so that memory does not grow with the fleet's games."""
NO_CLASS = 0
"""The class of games that no known content holds any more: dropped when segments are merged."""

Classes = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Segment:
    """Sorted unique hashes and the class of each, which may change; ``files`` are those that hold them, if any."""

    hashes: Hashes
    classes: Classes
    files: tuple[tuple[Path, MappedArray], ...] = ()

    def rest(self) -> None:
        """Give back the memory of what was looked at."""
        for _, mapped in self.files:
            mapped.rest()

    def drop(self) -> None:
        """Remove its files; what is mapped stays readable."""
        for path, _ in self.files:
            path.unlink(missing_ok=True)


NOTHING = Segment(np.empty(0, HASH_TYPE), np.empty(0, CLASS_TYPE))


class SegmentMaker:
    """Makes segments, and merges two into one. Raises OSError when the disk is full."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    def make(self, parts: Iterator[tuple[Hashes, Classes]], at_most: int) -> Segment:
        """Return a segment of parts that come in order; ``at_most`` is an upper bound of their games."""
        if at_most < SPILL_GAMES:
            pairs = list(parts)
            if not pairs:
                return NOTHING
            return Segment(np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs]))
        number = next(self._numbers)
        paths = [self._folder / f"{number}.{what}" for what in ("hashes", "classes")]
        count = 0
        with paths[0].open("wb") as hashes_file, paths[1].open("wb") as classes_file:
            for hashes, classes in parts:
                hashes_file.write(np.ascontiguousarray(hashes).data)
                classes_file.write(np.ascontiguousarray(classes).data)
                count += len(hashes)
        if count == 0:
            for path in paths:
                path.unlink()
            return NOTHING
        mapped = MappedArray(paths[0], HASH_TYPE), MappedArray(paths[1], CLASS_TYPE)
        return Segment(mapped[0].array, mapped[1].array, tuple(zip(paths, mapped, strict=True)))

    def merge(self, one: Segment, other: Segment) -> Segment:
        """Return one segment of two that share no game; games without a class are left out. Both are dropped."""
        merged = self.make(_merged(one, other), len(one.hashes) + len(other.hashes))
        one.drop()
        other.drop()
        return merged


def _merged(one: Segment, other: Segment) -> Iterator[tuple[Hashes, Classes]]:
    """Yield both in order, a range of values at a time."""
    count = max(1, (len(one.hashes) + len(other.hashes)) // SPILL_GAMES)
    bounds = np.array([(1 << 64) * part // count for part in range(1, count)], HASH_TYPE)
    cuts = [[0, *np.searchsorted(s.hashes, bounds).tolist(), len(s.hashes)] for s in (one, other)]
    for part in range(count):
        ranges = [slice(cut[part], cut[part + 1]) for cut in cuts]
        pieces = [(s.hashes[r], s.classes[r]) for s, r in zip((one, other), ranges, strict=True)]
        hashes, classes = _interleaved(*pieces)
        one.rest()
        other.rest()
        kept = classes != NO_CLASS
        yield (hashes, classes) if kept.all() else (hashes[kept], classes[kept])


def _interleaved(one: tuple[Hashes, Classes], other: tuple[Hashes, Classes]) -> tuple[Hashes, Classes]:
    """Return two sorted parts as one: looking up where the shorter one goes takes half as long as sorting."""
    (hashes, classes), (more, more_classes) = sorted((one, other), key=lambda part: -len(part[0]))
    at = np.searchsorted(hashes, more)
    at += np.arange(len(more))
    rest = np.ones(len(hashes) + len(more), np.bool_)
    rest[at] = False
    both, both_classes = np.empty(len(rest), HASH_TYPE), np.empty(len(rest), CLASS_TYPE)
    both[at], both[rest] = more, hashes
    both_classes[at], both_classes[rest] = more_classes, classes
    return both, both_classes
