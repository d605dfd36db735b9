"""The catalog in memory as far as rules can tell entries apart: kinds of entries, and a few numbers for each."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.model import DataEntry, DataType, EntryKey, FileStat, Replica, ReplicaState, Version
from engine.routing.scores import number_of
from engine.routing.simulation.twins import twins_among

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


class CatalogImage:
    """About a hundred and fifty bytes for an entry. Row ids are dense, so they are the indexes of the arrays."""

    def __init__(self) -> None:
        self.kinds: list[Kind | None] = [None, None]
        self.classes: list[tuple[DataType, str | None]] = [(DataType.GAMES, None)]
        self.class_of = array("i", (0, 0))
        """By the number of a kind that of its class: most rules tell nothing else. ABSENT and ODD have the first."""
        self.kind_of = array("i")
        self.sizes = array("q")
        self.mtimes = array("d")
        self.contents = array("q")
        self.keys: list[str] = []
        self.key_numbers = array("Q")
        """What tells where a key goes, of places that are equally good."""
        self.count = 0
        self.largest = 0
        """No entry was ever larger, in bytes."""
        self.odd_ids: set[int] = set()
        self.renamed = 0
        """How often another key came where one was: what is remembered by row id holds no more."""
        self._twins: bytes | None = None
        self._numbers: dict[tuple[str, str | None, str, bool, str | None, int | None], int] = {}
        self._classes: dict[tuple[DataType, str | None], int] = {}

    def put(self, rows: Sequence[Row], locations: Mapping[int, str], pause: Pause = lambda: None) -> None:
        """Take rows in, new ones and ones that changed."""
        self._twins = None
        for number, row in enumerate(rows):
            if number % _PAUSE_EVERY == 0:
                pause()
            row_id, key, data_type, origin, config_key, size, mtime, places, odd, newest, content = row
            self._grow(row_id)
            self.count += self.kind_of[row_id] == ABSENT
            if self.keys[row_id] != key:
                self.renamed += self.keys[row_id] != ""
                self.keys[row_id], self.key_numbers[row_id] = key, number_of(key)
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
                self._add(Kind(DataType(data_type), config_key, origin, special, names, first))
            self.kind_of[row_id] = kind

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

    def forget(self, pause: Pause) -> None:
        """Free what many objects are, a little at a time: at once it would hold the event loop up."""
        for many in (self.keys, self.kinds):
            while many:
                pause()
                del many[-_PAUSE_EVERY:]
        while self._numbers:
            pause()
            for _ in range(min(len(self._numbers), _PAUSE_EVERY)):
                self._numbers.popitem()

    def path(self, row_id: int) -> str:
        """Return the path in an entry's key."""
        kind, key = self.kinds[self.kind_of[row_id]], self.keys[row_id]
        if kind is None:
            raise KeyError(row_id)
        end = len(key) - len(kind.origin) - 1 if kind.origin else len(key)
        return key[len(kind.data_type.value) + 1 : end]

    def _add(self, kind: Kind) -> None:
        self.kinds.append(kind)
        shared = kind.data_type, kind.config_key
        number = self._classes.setdefault(shared, len(self.classes))
        if number == len(self.classes):
            self.classes.append(shared)
        self.class_of.append(number)

    def _grow(self, row_id: int) -> None:
        missing = row_id + 1 - len(self.keys)
        if missing > 0:
            missing += len(self.keys) // 8
            self.kind_of.frombytes(bytes(missing * self.kind_of.itemsize))
            self.sizes.frombytes(bytes(missing * self.sizes.itemsize))
            self.mtimes.frombytes(bytes(missing * self.mtimes.itemsize))
            self.contents.frombytes(bytes(missing * self.contents.itemsize))
            self.key_numbers.frombytes(bytes(missing * self.key_numbers.itemsize))
            self.keys.extend([""] * missing)
