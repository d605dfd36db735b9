"""Copies that a tried policy asks for, by location, and which of them there is room for. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from engine.routing.simulate_image import CatalogImage, Pause

_PAUSE_EVERY = 2_000
_BUCKET = 4_096
"""Files sorted at once: nothing else runs meanwhile."""
_SAMPLES_A_BUCKET = 4

Order = tuple[int, float, int]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Files of one urgency; ``size_bytes`` is that of all, and of a single one whatever it is in the image.

    ``new``: the policy in force does not want them there.
    """

    order: Order
    row_ids: Sequence[int]
    size_bytes: int
    new: bool


@dataclass(frozen=True, slots=True)
class Admitted:
    """New copies at a location: those that it takes, and those that it has no room for, with one for example."""

    files: int
    bytes: int
    refused_files: int
    refused_bytes: int
    example: str


class Asks:
    """Collects what is asked for; four bytes for a copy."""

    def __init__(self, image: CatalogImage, pause: Pause) -> None:
        self._image = image
        self._pause = pause
        self._asked: dict[str, list[_Asked]] = {}
        self._bytes: dict[str, int] = {}
        self._new_at: set[str] = set()

    @property
    def new_at(self) -> Set[str]:
        """The locations where something new is asked for."""
        return self._new_at

    def add(self, location: str, order: Order, row_ids: Sequence[int], new: bool, size_bytes: int) -> None:
        """Ask for files of one urgency; ``size_bytes`` is that of all of them."""
        kept = row_ids if isinstance(row_ids, array) else array("i", row_ids)
        self._asked.setdefault(location, []).append(_Asked(order, kept, size_bytes, new))
        self._bytes[location] = self._bytes.get(location, 0) + size_bytes
        if new:
            self._new_at.add(location)

    def bytes_at(self, location: str) -> int:
        """Return the size of all that is asked for at a location."""
        return self._bytes.get(location, 0)

    def new_files(self, location: str) -> Admitted:
        """Return all that is new at a location, as if it had room for everything."""
        new = [asked for asked in self._asked[location] if asked.new]
        files, size = sum(len(asked.row_ids) for asked in new), sum(asked.size_bytes for asked in new)
        return Admitted(files, size, 0, 0, self._image.keys[new[0].row_ids[0]])

    def admit(self, location: str, room: int) -> Admitted:
        """Return what ``room`` (bytes) at a location comes to, filled in the planner's order of urgency."""
        every = self.new_files(location)
        if self.bytes_at(location) <= room:
            return every
        by_order: dict[Order, list[_Asked]] = {}
        for asked in self._asked[location]:
            by_order.setdefault(asked.order, []).append(asked)
        filling = _Filling(self._image, room, self._pause)
        for order in sorted(by_order):
            filling.take(by_order[order])
        files, size = every.files - filling.files, every.bytes - filling.bytes
        return Admitted(filling.files, filling.bytes, files, size, filling.example)


class _Filling:
    """A location that fills up. A file is written as twice its row id, and one more where it is new."""

    def __init__(self, image: CatalogImage, room: int, pause: Pause) -> None:
        self._keys, self._sizes = image.keys, image.sizes
        self._room = room
        self._pause = pause
        self._single: dict[int, int] = {}
        self.files = 0
        self.bytes = 0
        self.example = ""

    def take(self, asked: Sequence[_Asked]) -> None:
        """Take in files of one urgency, by key, each that still fits."""
        codes = array("q")
        for one in asked:
            self._pause()
            if len(one.row_ids) == 1:
                self._single[one.row_ids[0]] = one.size_bytes
            codes.extend(2 * row_id + one.new for row_id in one.row_ids)
        refused = False
        for bucket in self._buckets(codes):
            self._pause()
            kept = self._fill(bucket)
            left = () if refused else [self._keys[code // 2] for code in bucket if code % 2 and code not in kept]
            if left:
                refused = True
                self.example = min(*left, self.example) if self.example else min(left)

    def _fill(self, bucket: Sequence[int]) -> set[int]:
        keys, kept = self._keys, set()
        fitting = [code for code in bucket if self._size(code) <= self._room]
        for code in sorted(fitting, key=lambda code: keys[code // 2]):
            size = self._size(code)
            if size <= self._room:
                self._room -= size
                kept.add(code)
                if code % 2:
                    self.files += 1
                    self.bytes += size
        return kept

    def _size(self, code: int) -> int:
        row_id = code // 2
        size = self._single.get(row_id) if self._single else None
        return self._sizes[row_id] if size is None else size

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
