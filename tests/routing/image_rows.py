"""Catalog entries as the outline rows that an image is made of."""

from __future__ import annotations

from collections.abc import Sequence

from engine.catalog.outlines import CONTENT_DIGITS
from engine.model import DataEntry, Replica, ReplicaState
from engine.routing.holding import newest_unhashed
from engine.routing.simulation.image import CatalogImage, Row


def image_of(entries: Sequence[DataEntry]) -> CatalogImage:
    """Return an image in which the row ids are the positions, from 1 on."""
    names = sorted({replica.location for entry in entries for replica in entry.replicas})
    numbers = {name: number for number, name in enumerate(names, start=1)}
    image = CatalogImage()
    image.put(rows_of(entries, numbers), {number: name for name, number in numbers.items()})
    return image


def rows_of(entries: Sequence[DataEntry], numbers: dict[str, int]) -> list[Row]:
    """Return the outlines of entries, numbered from 1 on; ``numbers`` are those of the locations."""
    return [_row(number, entry, numbers) for number, entry in enumerate(entries, start=1)]


def _row(row_id: int, entry: DataEntry, numbers: dict[str, int]) -> Row:
    odd = sum(replica.changed or replica.state is not ReplicaState.CURRENT for replica in entry.replicas)
    current, key = entry.current, entry.key
    places = ",".join(str(numbers[replica.location]) for replica in entry.replicas) or None
    size, mtime = (current.size_bytes, current.mtime) if current is not None else (None, None)
    newest = newest_unhashed(entry)
    of_one_size = len({replica.stat.size_bytes for replica in entry.replicas}) == 1
    if current is None and newest is not None and of_one_size and all(map(_is_plainly_unhashed, entry.replicas)):
        size, mtime, odd = newest.stat.size_bytes, newest.stat.mtime_ns / 1e9, 0
    else:
        newest = None
    first = numbers[newest.location] if newest is not None else None
    content = int(current.sha256[:CONTENT_DIGITS], 16) if current is not None else 0
    outline = (row_id, str(key), key.data_type.value, key.origin, entry.config_key, size, mtime, places, odd, first)
    return (*outline, content)


def _is_plainly_unhashed(replica: Replica) -> bool:
    return replica.state is ReplicaState.UNHASHED and not replica.changed and not replica.stat.wal_size_bytes
