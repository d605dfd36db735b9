"""What changed between two looks at a node's folders: every file is met each time, but only news are told.

A look adds up what each file looks like in a table of fixed size, so memory does not grow with the number of files.
Where a place of the table differs from the look before, all files that belong there are told: those that changed, and
a few that did not. The look before is the last one that the engine says it took whole; nothing is told of files that
went, which a scan finds.
"""

from __future__ import annotations

import itertools
import threading
from array import array
from typing import Any, Dict, List, Optional

from engine.remote.agent.scanning import Emit, Patterns, RootScan, root_status

PLACES = 1 << 16
"""With a million files a changed one is told together with some fifteen others."""
_MASK = (1 << 64) - 1


class Look:
    """What all files looked like: for each place of the table the sum of its files' fingerprints."""

    def __init__(self, number: int, roots: list[dict[str, Any]]) -> None:
        self.number = number
        self.roots = roots
        self.sums = array("Q", bytes(8 * PLACES))

    def note(self, root: int, relative: str, stat: List[int], locked: bool) -> None:
        """Take a file in."""
        place = place_of(root, relative)
        self.sums[place] = (self.sums[place] + hash((root, relative, tuple(stat), locked))) & _MASK


def place_of(root: int, relative: str) -> int:
    """Return where in the table a file belongs."""
    return hash((root, relative)) % PLACES


class Looks:
    """The looks of one session: the newest one, and the last one that the engine took whole."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._known: Dict[int, Look] = {}
        self._lock = threading.Lock()

    def scan(self, roots: list[dict[str, Any]], patterns: dict[str, Any], emit: Emit) -> int:
        """Emit batches of all files, and after all files of a root its status; return the number of this look."""
        look = Look(next(self._numbers), roots)
        for number, root in enumerate(roots):
            unreadable = self._walk(look, number, patterns, emit, None)
            emit({"root_status": root_status(root, unreadable)})
        self._keep(look, None)
        return look.number

    def changes(self, roots: list[dict[str, Any]], patterns: dict[str, Any], taken: int, emit: Emit) -> Optional[int]:
        """Emit batches of what may have changed since look ``taken``; return the number of this look.

        None, and nothing is emitted, where look ``taken`` is not known any more or was one at other folders.
        """
        before = self._known.get(taken)
        if before is None or before.roots != roots:
            return None
        look = Look(next(self._numbers), roots)
        for number in range(len(roots)):
            self._walk(look, number, patterns, _tell_nothing, None)
        differing = {place for place in range(PLACES) if look.sums[place] != before.sums[place]}
        self._keep(look, before)
        if differing:
            for number in range(len(roots)):
                self._walk(None, number, patterns, emit, differing, roots)
        for root in roots:
            emit({"root_status": root_status(root, [])})
        return look.number

    def _keep(self, look: Look, before: Optional[Look]) -> None:
        with self._lock:
            self._known = {one.number: one for one in (before, look) if one is not None}

    def _walk(
        self,
        look: Optional[Look],
        number: int,
        patterns: dict[str, Any],
        emit: Emit,
        places: "Optional[set[int]]",
        roots: Optional[list[dict[str, Any]]] = None,
    ) -> List[str]:
        root = (look.roots if look is not None else roots or [])[number]
        if root_status(root, [])["state"] != "available":
            return []
        walk = RootScan(root, Patterns(patterns), emit)
        if look is not None:
            walk.note = lambda relative, stat, locked: look.note(number, relative, stat, locked)
        if places is not None:
            walk.wanted = lambda relative: place_of(number, relative) in places
        walk.run(root["folders"] or [""])
        return walk.unreadable


def _tell_nothing(_item: Dict[str, Any]) -> None:
    """Drop a batch: only the sums are wanted."""
