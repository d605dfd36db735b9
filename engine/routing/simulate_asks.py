"""Copies that a tried policy asks for, by location, and which of them there is room for. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from engine.routing.simulate_groups import blocks
from engine.routing.simulate_image import CatalogImage, Pause

_PAUSE_EVERY = 2_000
_BUCKET = 4_096
"""Files sorted at once: nothing else runs meanwhile."""
_SAMPLES_A_BUCKET = 4

Order = tuple[int, float, int]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Files of one urgency; ``size_bytes`` is that of all, and of a single one whatever it is in the image.

    ``new``: the policy in force does not want them there. ``fresh``: a new version is made of the one file.
    """

    order: Order
    row_ids: Sequence[int]
    size_bytes: int
    new: bool
    fresh: bool


@dataclass(slots=True)
class Files:
    """Some files; ``example`` is the key of one of them."""

    files: int = 0
    bytes: int = 0
    example: str = ""

    def add(self, key: str, size_bytes: int) -> None:
        """Count one more; the least key is the example."""
        self.files += 1
        self.bytes += size_bytes
        self.example = min(self.example, key) if self.example else key


@dataclass(frozen=True, slots=True)
class Admitted:
    """New copies at a location: those that it takes, those that it has no room for, those whose content is on its way
    there under another name; with one of each for example."""

    taken: Files
    full: Files
    same: Files


class Asks:
    """Collects what is asked for; four bytes for a copy."""

    def __init__(self, image: CatalogImage, pause: Pause) -> None:
        self._image = image
        self._pause = pause
        self._asked: dict[str, list[_Asked]] = {}
        self._bytes: dict[str, int] = {}
        self._new_at: set[str] = set()
        self._coming: dict[str, set[int]] = {}

    @property
    def new_at(self) -> Set[str]:
        """The locations where something new is asked for."""
        return self._new_at

    def add(
        self, location: str, order: Order, row_ids: Sequence[int], new: bool, size_bytes: int, fresh: bool = False
    ) -> None:
        """Ask for files of one urgency; ``size_bytes`` is that of all of them."""
        kept = row_ids if isinstance(row_ids, array) else array("i", row_ids)
        self._asked.setdefault(location, []).append(_Asked(order, kept, size_bytes, new, fresh))
        self._bytes[location] = self._bytes.get(location, 0) + size_bytes
        if new:
            self._new_at.add(location)

    @property
    def _twins(self) -> bytes:
        return self._image.twins(self._pause)

    def note_coming(self, location: str, row_ids: Iterable[int]) -> None:
        """Remember that files are on their way to a location that is to have them."""
        twins = self._twins
        if twins:
            coming = self._coming.setdefault(location, set())
            coming.update(self._image.contents[row_id] for row_id in row_ids if twins[row_id])

    def new_twins_at(self, location: str) -> bool:
        """Return whether something new at a location has a content that is in the catalog under another name too."""
        twins = self._twins
        asked = (asked.row_ids for asked in self._asked[location] if asked.new)
        return bool(twins) and any(twins[row_id] for row_ids in asked for row_id in row_ids)

    def bytes_at(self, location: str) -> int:
        """Return the size of all that is asked for at a location."""
        return self._bytes.get(location, 0)

    def new_files(self, location: str) -> Files:
        """Return all that is new at a location."""
        new = [asked for asked in self._asked[location] if asked.new]
        files, size = sum(len(asked.row_ids) for asked in new), sum(asked.size_bytes for asked in new)
        return Files(files, size, self._image.keys[new[0].row_ids[0]])

    def admit(self, location: str, room: int) -> Admitted:
        """Return what ``room`` (bytes) at a location comes to, filled in the planner's order of urgency."""
        coming = self._coming.get(location, set())
        if self.bytes_at(location) <= room and not self._collide(location, coming):
            return Admitted(self.new_files(location), Files(), Files())
        by_order: dict[Order, list[_Asked]] = {}
        for asked in self._asked[location]:
            by_order.setdefault(asked.order, []).append(asked)
        filling = _Filling(self._image, room, coming, self._pause)
        for order in sorted(by_order):
            filling.take(by_order[order])
        return Admitted(filling.taken, filling.full, filling.same)

    def _collide(self, location: str, coming: Set[int]) -> bool:
        """Return whether a content is asked for at a location under two names, or while it is on its way there."""
        twins, seen = self._twins, set(coming)
        for asked in self._asked[location] if twins else ():
            for block in blocks((asked.row_ids,)):
                self._pause()
                for row_id in block:
                    if twins[row_id]:
                        content = self._image.contents[row_id]
                        if content in seen:
                            return True
                        seen.add(content)
        return False


class _Filling:
    """A location that fills up. A file is written as twice its row id, and one more where it is new."""

    def __init__(self, image: CatalogImage, room: int, coming: Set[int], pause: Pause) -> None:
        """``coming`` are the contents that are on their way there already."""
        self._keys, self._sizes, self._contents = image.keys, image.sizes, image.contents
        self._twins = image.twins(pause)
        self._room = room
        self._coming = set(coming)
        self._pause = pause
        self._single: dict[int, int] = {}
        self._fresh: set[int] = set()
        self.taken, self.full, self.same = Files(), Files(), Files()

    def take(self, asked: Sequence[_Asked]) -> None:
        """Take in files of one urgency, by key, each that still fits and whose content is not on its way."""
        codes = array("q")
        for one in asked:
            self._pause()
            if len(one.row_ids) == 1:
                self._single[one.row_ids[0]] = one.size_bytes
            if one.fresh:
                self._fresh.update(one.row_ids)
            codes.extend(2 * row_id + one.new for row_id in one.row_ids)
        for bucket in self._buckets(codes):
            self._pause()
            self._fill(bucket)

    def _fill(self, bucket: Sequence[int]) -> None:
        keys, room = self._keys, self._room
        hopeful = []
        for code in bucket:
            size = self._size(code)
            if size <= room or self._is_twin(code // 2):
                hopeful.append(code)
            elif code % 2:
                self.full.add(keys[code // 2], size)
        for code in sorted(hopeful, key=lambda code: keys[code // 2]):
            size = self._size(code)
            into = self._into(code // 2, size)
            if code % 2:
                into.add(keys[code // 2], size)

    def _into(self, row_id: int, size: int) -> Files:
        """Return what becomes of a file, after taking it in where that is possible."""
        twin = self._is_twin(row_id)
        if twin and row_id not in self._fresh and self._contents[row_id] in self._coming:
            return self.same
        if size > self._room:
            return self.full
        self._room -= size
        if twin:
            self._coming.add(self._contents[row_id])
        return self.taken

    def _is_twin(self, row_id: int) -> bool:
        return bool(self._twins) and self._twins[row_id] > 0

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
