"""A location that fills up, file by file, as the planner fills it. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from engine.routing.simulation.columns import Numbers
from engine.routing.simulation.image import CatalogImage, Pause

_PAUSE_EVERY = 2_000
_BUCKET = 4_096
"""Files sorted at once: nothing else runs meanwhile."""
_SAMPLES_A_BUCKET = 4

Order = tuple[int, float, int]


@dataclass(slots=True)
class Files:
    """Some files; ``example`` is the key of one of them."""

    files: int = 0
    bytes: int = 0
    example: str = ""

    def add(self, key: str, size_bytes: int) -> None:
        """Count one more; the least key of those added is the example."""
        self.files += 1
        self.bytes += size_bytes
        self.example = min(self.example, key) if self.example else key


@dataclass(frozen=True, slots=True)
class Admitted:
    """New copies at a location: those that it takes, those that it has no room for, those whose content is on its way
    there under another name."""

    taken: Files
    full: Files
    same: Files


@dataclass(frozen=True, slots=True)
class Asked:
    """Files of one urgency, by row id; ``new``: the policy in force does not want them there."""

    row_ids: array[int]
    new: bool


class Filling:
    """One location. A file is written as twice its row id, and one more where it is new."""

    def __init__(
        self,
        image: CatalogImage,
        room: int,
        singles: Mapping[int, int],
        fresh: Set[int],
        coming: Set[int],
        pause: Pause,
    ) -> None:
        """``singles`` are sizes that are not those of the image, by row id.

        ``fresh`` are the files of which a new version is made, ``coming`` the contents that are on their way there.
        """
        self._keys, self._contents, self._image = image.keys, image.contents, image
        self._twins = image.twins(pause)
        self._room = room
        self._singles, self._fresh, self._coming = singles, fresh, set(coming)
        self._pause = pause
        self.admitted = Admitted(Files(), Files(), Files())

    def take(self, asked: Sequence[Asked]) -> None:
        """Take in files of one urgency, by key, each that still fits and whose content is not on its way."""
        codes = array("q")
        for one in asked:
            for start in range(0, len(one.row_ids), _PAUSE_EVERY):
                self._pause()
                block = np.array(one.row_ids[start : start + _PAUSE_EVERY], dtype=np.int64) * 2 + one.new
                codes.frombytes(self._hopeful(block).tobytes())
        for bucket in self._buckets(codes):
            self._pause()
            self._fill(bucket)

    def _hopeful(self, codes: Numbers) -> Numbers:
        """Return the files that there could be room for; the others are refused."""
        sizes = self._sizes(codes)
        fits = sizes <= self._room
        if self._twins:
            fits |= np.frombuffer(self._twins, dtype=np.bool_)[codes // 2]
        refused = codes[~fits & (codes % 2 > 0)]
        full = self.admitted.full
        if len(refused):
            full.files += len(refused)
            full.bytes += int(sizes[~fits & (codes % 2 > 0)].sum())
            full.example = full.example or self._keys[int(refused[0]) // 2]
        return codes[fits]

    def _fill(self, bucket: Sequence[int]) -> None:
        keys = self._keys
        codes = self._hopeful(np.array(bucket, dtype=np.int64))
        sizes = dict(zip(codes.tolist(), self._sizes(codes).tolist(), strict=True))
        for code in sorted(sizes, key=lambda code: keys[code // 2]):
            into = self._into(code // 2, sizes[code])
            if code % 2:
                into.add(keys[code // 2], sizes[code])

    def _into(self, row_id: int, size: int) -> Files:
        """Return what becomes of a file, after taking it in where that is possible."""
        twin = self._twins[row_id] if self._twins else 0
        if twin and row_id not in self._fresh and self._contents[row_id] in self._coming:
            return self.admitted.same
        if size > self._room:
            return self.admitted.full
        self._room -= size
        if twin:
            self._coming.add(self._contents[row_id])
        return self.admitted.taken

    def _sizes(self, codes: Numbers) -> Numbers:
        sizes: Numbers = np.frombuffer(self._image.sizes, dtype=np.int64)[codes // 2]
        for at, row_id in enumerate((codes // 2).tolist() if self._singles else ()):
            if row_id in self._singles:
                sizes[at] = self._singles[row_id]
        return sizes

    def _buckets(self, codes: array[int]) -> Iterator[Sequence[int]]:
        """Yield files in portions, every key of one before every key of the next (a sample sort)."""
        count = len(codes) // _BUCKET + 1
        if count == 1:
            yield codes
            return
        keys = self._keys
        sample = sorted(keys[code // 2] for code in codes[:: max(len(codes) // (count * _SAMPLES_A_BUCKET), 1)])
        edges = sample[_SAMPLES_A_BUCKET::_SAMPLES_A_BUCKET]
        buckets = [array("q") for _ in range(len(edges) + 1)]
        for start in range(0, len(codes), _PAUSE_EVERY):
            self._pause()
            for code in codes[start : start + _PAUSE_EVERY]:
                buckets[bisect_right(edges, keys[code // 2])].append(code)
        yield from buckets
