"""Sorted pieces of the index: which class each known game belongs to. Small ones in memory, large ones mapped."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.games.setfile import HASH_TYPE, Hashes

CLASS_TYPE = np.dtype("<u4")
SPILL_GAMES = 1 << 20
"""Segments with more games keep their hashes in a file; their classes (4 bytes a game) stay in memory."""
NO_CLASS = 0
"""The class of games that no known content holds any more: dropped when segments are merged."""

Classes = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Segment:
    """Sorted unique hashes and the class of each. ``path``: the file that holds the hashes, or None."""

    hashes: Hashes
    classes: Classes
    path: Path | None = None

    def drop(self) -> None:
        """Remove its file; what is mapped stays readable."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


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
                return Segment(np.empty(0, HASH_TYPE), np.empty(0, CLASS_TYPE))
            return Segment(np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs]))
        path = self._folder / f"{next(self._numbers)}.segment"
        classes = np.empty(at_most, CLASS_TYPE)
        count = 0
        with path.open("wb") as file:
            for hashes, theirs in parts:
                file.write(hashes.tobytes())
                classes[count : count + len(theirs)] = theirs
                count += len(theirs)
        # What was reserved and not used was never touched, and so takes no memory.
        if count == 0:
            path.unlink()
            return Segment(np.empty(0, HASH_TYPE), np.empty(0, CLASS_TYPE))
        return Segment(np.asarray(np.memmap(path, HASH_TYPE, "r")), classes[:count], path)

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
        hashes = np.concatenate([s.hashes[r] for s, r in zip((one, other), ranges, strict=True)])
        classes = np.concatenate([s.classes[r] for s, r in zip((one, other), ranges, strict=True)])
        kept = classes != NO_CLASS
        hashes, classes = hashes[kept], classes[kept]
        # Two sorted runs: what a stable sort merges in one pass.
        order = np.argsort(hashes, kind="stable")
        yield hashes[order], classes[order]
