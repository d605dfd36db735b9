"""The catalog in memory as far as rules can tell entries apart: kinds of entries, and a few numbers for each."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.model import DataEntry, DataType, EntryKey, FileStat, Replica, ReplicaState, Version
from engine.routing.simulate_twins import twins_among

Row = tuple[int, str, str, str, str | None, int | None, float | None, str | None, int, int | None, int]
"""See ``engine/catalog/outlines.py``."""
Pause = Callable[[], None]
"""Lets others run; raises when the work is not wanted any more."""

ABSENT, ODD = 0, 1
"""No entry of that row id; one that is like no other, as a database that changes: it is looked at by itself."""
_PAUSE_EVERY = 2_000


@dataclass(frozen=True, slots=True)
class Kind:
    """What many entries share: type, config key, origin, whether its path is a special one, and where copies are.

    All these copies are unchanged ones of the current version; or none of them was hashed yet, all have the same size,
    and the one at ``newest`` was written last.
    """

    data_type: DataType
    config_key: str | None
    origin: str
    special: bool
    locations: tuple[str, ...]
    newest: str = ""

    @property
    def plain(self) -> bool:
        """Whether everything is told by the names alone: nothing is unhashed, and the origin has one place."""
        return not self.special and not self.newest

    @property
    def stands(self) -> Hashable:
        """What tells entries apart that are of one type, as far as placing them is concerned."""
        return self.origin, self.special, self.locations, self.newest


class CatalogImage:
    """About a hundred and fifty bytes for an entry. Row ids are dense, so they are the indexes of the arrays."""

    def __init__(self) -> None:
        self.kinds: list[Kind | None] = [None, None]
        self.kind_of = array("i")
        self.sizes = array("q")
        self.mtimes = array("d")
        self.contents = array("q")
        self.keys: list[str] = []
        self.count = 0
        self.largest = 0
        """No entry was ever larger, in bytes."""
        self.odd_ids: set[int] = set()
        self.renamed = 0
        """How often another key came where one was: what is remembered by row id holds no more."""
        self._members: list[array[int]] | None = None
        self._twins: bytes | None = None
        self._numbers: dict[tuple[str, str | None, str, bool, str | None, int | None], int] = {}

    def put(self, rows: Sequence[Row], locations: Mapping[int, str], pause: Pause = lambda: None) -> None:
        """Take rows in, new ones and ones that changed."""
        self._members = self._twins = None
        for number, row in enumerate(rows):
            if number % _PAUSE_EVERY == 0:
                pause()
            row_id, key, data_type, origin, config_key, size, mtime, places, odd, newest, content = row
            self._grow(row_id)
            self.count += self.kind_of[row_id] == ABSENT
            self.renamed += self.keys[row_id] not in ("", key)
            self.keys[row_id] = key
            self.sizes[row_id] = size or 0
            self.largest = max(self.largest, size or 0)
            self.mtimes[row_id] = mtime or 0.0
            self.contents[row_id] = content
            start = len(data_type) + 1
            special = key[start : start + 1] == "_" and not key.startswith("_root/", start)
            if odd or size is None or (newest is not None and special):
                self.kind_of[row_id] = ODD
                self.odd_ids.add(row_id)
                continue
            self.odd_ids.discard(row_id)
            shared = (data_type, config_key, origin, special, places, newest)
            kind = self._numbers.get(shared)
            if kind is None:
                kind = self._numbers[shared] = len(self.kinds)
                names = tuple(sorted(locations[int(place)] for place in places.split(","))) if places else ()
                first = locations[newest] if newest is not None else ""
                self.kinds.append(Kind(DataType(data_type), config_key, origin, special, names, first))
            self.kind_of[row_id] = kind

    def members(self, pause: Pause = lambda: None) -> Sequence[array[int]]:
        """Return the row ids of each kind, in order; kept until rows are taken in. Those of ABSENT are left out."""
        if self._members is None:
            found = [array("i") for _ in self.kinds]
            add = [rows.append for rows in found]
            for start in range(0, len(self.kind_of), _PAUSE_EVERY):
                pause()
                for row_id, kind in enumerate(self.kind_of[start : start + _PAUSE_EVERY], start):
                    add[kind](row_id)
            found[ABSENT] = array("i")
            self._members = found
        return self._members

    def twins(self, pause: Pause = lambda: None) -> bytes:
        """Return what is not 0 at the row ids of entries whose content another one has too; empty when there are none.

        Kept until rows are taken in.
        """
        if self._twins is None:
            self._twins = twins_among(self.contents, pause)
        return self._twins

    def entry(self, row_id: int) -> DataEntry:
        """Return an entry that is not odd, as far as routing and planning can tell it from the real one."""
        kind = self.kinds[self.kind_of[row_id]]
        if kind is None:
            raise KeyError(row_id)
        size, mtime = self.sizes[row_id], self.mtimes[row_id]
        written = int(mtime * 1e9)
        key, stat = EntryKey(kind.data_type, self.path(row_id), kind.origin), FileStat(size, written)
        if kind.newest:
            earlier = FileStat(size, written - 1)
            unhashed = tuple(
                Replica(place, "", ReplicaState.UNHASHED, stat if place == kind.newest else earlier)
                for place in kind.locations
            )
            return DataEntry(key, kind.config_key, None, unhashed)
        copies = tuple(Replica(place, "", ReplicaState.CURRENT, stat) for place in kind.locations)
        return DataEntry(key, kind.config_key, Version("", size, mtime), copies)

    def locations(self, row_id: int) -> tuple[str, ...]:
        """Return where an entry that is not odd is."""
        kind = self.kinds[self.kind_of[row_id]]
        return kind.locations if kind is not None else ()

    def path(self, row_id: int) -> str:
        """Return the path in an entry's key."""
        kind, key = self.kinds[self.kind_of[row_id]], self.keys[row_id]
        if kind is None:
            raise KeyError(row_id)
        end = len(key) - len(kind.origin) - 1 if kind.origin else len(key)
        return key[len(kind.data_type.value) + 1 : end]

    def bytes_of(self, row_ids: Iterable[int]) -> int:
        """Return the size of some entries together."""
        return sum(map(self.sizes.__getitem__, row_ids))

    def _grow(self, row_id: int) -> None:
        missing = row_id + 1 - len(self.keys)
        if missing > 0:
            missing += len(self.keys) // 8
            self.kind_of.frombytes(bytes(missing * self.kind_of.itemsize))
            self.sizes.frombytes(bytes(missing * self.sizes.itemsize))
            self.mtimes.frombytes(bytes(missing * self.mtimes.itemsize))
            self.contents.frombytes(bytes(missing * self.contents.itemsize))
            self.keys.extend([""] * missing)
