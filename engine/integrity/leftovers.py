"""What other engines left behind: pure, from the temporary names that a scan met.

The engine whose state directory was lost is such another engine to its successor: nobody knows its id any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.integrity.temporary import parse_temporary
from engine.remote.scan_types import FoundTemporary

UNTOUCHED_SECONDS = 86_400.0
"""A living engine writes to its temporary files, or takes them up again, far more often than once a day."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Temporary files of other engines at one location, none touched for a day; ``oldest_mtime`` in epoch seconds."""

    location: str
    files: int
    size_bytes: int
    oldest_mtime: float


def left_by_others(found: Iterable[FoundTemporary], engine_id: str, now: float) -> tuple[Leftovers, ...]:
    """Return what engines of other ids left at each location, judged by when it was touched last."""
    places: dict[str, Leftovers] = {}
    for one in found:
        name = parse_temporary(one.path)
        if name is None or name.engine_id == engine_id or now - one.mtime < UNTOUCHED_SECONDS:
            continue
        known = places.get(one.location, Leftovers(one.location, 0, 0, one.mtime))
        oldest = min(known.oldest_mtime, one.mtime)
        places[one.location] = Leftovers(one.location, known.files + 1, known.size_bytes + one.size_bytes, oldest)
    return tuple(places[location] for location in sorted(places))
