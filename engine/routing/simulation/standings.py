"""Where entries of each kind stand, worked out once for all drafts. Pure; loads numpy."""

from __future__ import annotations

from array import array

import numpy as np

from engine.model import DataEntry, EntryKey, FileStat, Replica, ReplicaState, Version
from engine.routing.ground import Bits
from engine.routing.holding import holding, origin_replica
from engine.routing.simulation.columns import Columns
from engine.routing.simulation.image import CatalogImage, Kind, Pause

_PAUSE_EVERY = 500
_WORD = 64
_WORD_MASK = 2**_WORD - 1
_SETS = 3
_NOWHERE = FileStat(0, 0)


class Standings:
    """For each kind of an image: where it is held, what lies in the way, and its origin's own file.

    None of it depends on a policy. ``bits`` are the locations as all sets here have them, from one draft to the next.
    """

    def __init__(self, image: CatalogImage) -> None:
        self.bits = Bits()
        self.image = image
        self._kept: list[list[array[int]]] = [[] for _ in range(_SETS)]
        self._done = 0
        self._columns: tuple[Columns, Columns, Columns] | None = None

    @property
    def words(self) -> int:
        """How many words of 64 bits a set of locations takes, as far as kinds are worked out."""
        return len(self._kept[0])

    def take_in(self, pause: Pause) -> None:
        """Work out the kinds that are new."""
        kinds = self.image.kinds
        for number in range(self._done, len(kinds)):
            if number % _PAUSE_EVERY == 0:
                pause()
            kind = kinds[number]
            stands = self._of(kind) if kind is not None else (0, 0, 0)
            if self.bits.count > _WORD * self.words:
                self._widen()
            for words, bits in zip(self._kept, stands, strict=True):
                for word, column in enumerate(words):
                    column.append(bits >> _WORD * word & _WORD_MASK)
            self._done = number + 1
        self._columns = None
        self._widen()

    @property
    def columns(self) -> tuple[Columns, Columns, Columns]:
        """Where each kind is held, what lies in the way, and its origin's own file, by the kind's number."""
        if self._columns is None:
            held, blocked, own = (
                np.stack([np.array(memoryview(words), dtype=np.uint64) for words in kept]) for kept in self._kept
            )
            self._columns = held, blocked, own
        return self._columns

    def _of(self, kind: Kind) -> tuple[int, int, int]:
        bits = self.bits
        if not kind.special and not kind.newest:
            held = bits.all_of(kind.locations)
            return held, 0, bits.of(kind.origin) & held if kind.origin else 0
        if kind.newest:
            lying = bits.all_of(kind.locations)
            own_bit = bits.of(kind.origin) & lying if kind.origin else 0
            held = own_bit or bits.of(kind.newest)
            return held, lying & ~held, own_bit
        entry = _special(kind)
        own = origin_replica(entry)
        return bits.all_of(holding(entry)), 0, bits.of(own.location) if own is not None else 0

    def _widen(self) -> None:
        needed = max((self.bits.count + _WORD - 1) // _WORD, 1)
        for words in self._kept:
            while len(words) < needed:
                words.append(array("Q", bytes(self._done * 8)))
                self._columns = None


def _special(kind: Kind) -> DataEntry:
    """Return an entry that stands as all of its kind do: its origin may have it at several places."""
    copies = tuple(Replica(place, "", ReplicaState.CURRENT, _NOWHERE) for place in kind.locations)
    return DataEntry(EntryKey(kind.data_type, "_", kind.origin), kind.config_key, Version("", 0, 0.0), copies)
