"""Copies that a tried policy asks for, by location, and which of them there is room for. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Set
from dataclasses import dataclass, field

import numpy as np

from engine.routing.simulation.columns import Numbers
from engine.routing.simulation.filling import Admitted, Asked, Files, Filling, Order
from engine.routing.simulation.image import CatalogImage, Pause

_BLOCK = 4_096


@dataclass(slots=True)
class _Place:
    """What is asked for at one location; ``coming`` are the contents of twins that are on their way there."""

    asked: dict[tuple[Order, bool], array[int]] = field(default_factory=dict)
    bytes: int = 0
    new: Files = field(default_factory=Files)
    singles: dict[int, int] = field(default_factory=dict)
    fresh: set[int] = field(default_factory=set)
    coming: set[int] = field(default_factory=set)


class Asks:
    """Collects what is asked for; four bytes for a copy."""

    def __init__(self, image: CatalogImage, pause: Pause) -> None:
        self._image = image
        self._pause = pause
        self._places: dict[str, _Place] = {}

    @property
    def new_at(self) -> Set[str]:
        """The locations where something new is asked for."""
        return {location for location, place in list(self._places.items()) if place.new.files}

    def add(self, location: str, order: Order, row_ids: Numbers, new: bool, size_bytes: int) -> None:
        """Ask for files of one urgency; ``size_bytes`` is that of all of them.

        ``new``: the policy in force does not want them there.
        """
        place = self._place(location)
        place.asked.setdefault((order, new), array("i")).frombytes(row_ids.astype(np.int32).tobytes())
        place.bytes += size_bytes
        if new:
            place.new.files += len(row_ids)
            place.new.bytes += size_bytes
            place.new.example = place.new.example or self._image.keys[int(row_ids[0])]

    def add_one(self, location: str, order: Order, row_id: int, new: bool, size_bytes: int, fresh: bool) -> None:
        """Ask for one file, whatever its size in the image is; ``fresh``: a new version is made of it."""
        self.add(location, order, np.array((row_id,)), new, size_bytes)
        place = self._places[location]
        place.singles[row_id] = size_bytes
        if fresh:
            place.fresh.add(row_id)

    def note_coming(self, location: str, row_ids: Iterable[int]) -> None:
        """Remember that files are on their way to a location that is to have them."""
        twins, contents = self._image.twins(self._pause), self._image.contents
        if twins:
            self._place(location).coming.update(contents[row_id] for row_id in row_ids if twins[row_id])

    def new_twins_at(self, location: str) -> bool:
        """Return whether something new at a location has a content that is in the catalog under another name too."""
        twins = self._image.twins(self._pause)
        asked = (row_ids for (_, new), row_ids in self._place(location).asked.items() if new)
        return bool(twins) and any(twins[row_id] for row_ids in asked for row_id in row_ids)

    def bytes_at(self, location: str) -> int:
        """Return the size of all that is asked for at a location."""
        return self._place(location).bytes

    def new_files(self, location: str) -> Files:
        """Return all that is new at a location."""
        return self._place(location).new

    def admit(self, location: str, room: int) -> Admitted:
        """Return what ``room`` (bytes) at a location comes to, filled in the planner's order of urgency."""
        place = self._place(location)
        if place.bytes <= room and not self._collide(place):
            return Admitted(place.new, Files(), Files())
        by_order: dict[Order, list[Asked]] = {}
        for (order, new), row_ids in place.asked.items():
            by_order.setdefault(order, []).append(Asked(row_ids, new))
        filling = Filling(self._image, room, place.singles, place.fresh, place.coming, self._pause)
        for order in sorted(by_order):
            filling.take(by_order[order])
        return filling.admitted

    def _place(self, location: str) -> _Place:
        return self._places.setdefault(location, _Place())

    def _collide(self, place: _Place) -> bool:
        """Return whether a content is asked for at a location under two names, or while it is on its way there."""
        twins, seen = self._image.twins(self._pause), set(place.coming)
        for row_ids in place.asked.values() if twins else ():
            for start in range(0, len(row_ids), _BLOCK):
                self._pause()
                for row_id in row_ids[start : start + _BLOCK]:
                    if twins[row_id]:
                        content = self._image.contents[row_id]
                        if content in seen:
                            return True
                        seen.add(content)
        return False
