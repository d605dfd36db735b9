"""Copies from before a file began anew: where one was kept beside the new version, others may hold such ones, too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from engine.integrity.kept import KEPT_MARK, kept_from
from engine.model import DataType, EntryKey, ReplicaState
from engine.store.schema import entries, locations, replicas, versions

KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class CopyFromBefore:
    """A copy of an earlier version that the newest one may not have gone on from."""

    entry_id: int
    key: str
    version_id: int
    location_id: int
    location: str
    node_id: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Kept:
    sha256: str
    at: float


def copies_from_before(connection: Connection) -> list[CopyFromBefore]:
    """Return the copies of versions that were known when another earlier version of their file had to be kept.

    Whether the newest version lacks something of these, too, is not known until the two meet. Copies of the very
    content that was kept are left out: that is an entry of its own. Reads the paths of all entries.
    """
    kept = _kept(connection)
    return [
        CopyFromBefore(row.entry_id, row.key, row.version_id, row.location_id, row.name, row.node_id, row.size_bytes)
        for row in _earlier(connection, list(kept))
        if _is_from_before(kept[row.key], row)
    ]


def _is_from_before(kept: list[_Kept], row: Any) -> bool:
    if any(one.sha256 == row.sha256 for one in kept):
        return False
    return any(row.recorded_at <= one.at for one in kept)


def _kept(connection: Connection) -> dict[str, list[_Kept]]:
    """Return what was kept of each file, by its key."""
    statement = (
        select(entries.c.data_type, entries.c.path, entries.c.origin, entries.c.created_at, versions.c.sha256)
        .join(versions, versions.c.id == entries.c.current_version_id)
        .where(entries.c.path.contains(KEPT_MARK, autoescape=True))
    )
    found: defaultdict[str, list[_Kept]] = defaultdict(list)
    for row in connection.execute(statement):
        beside = kept_from(row.path, row.sha256)
        if beside is not None:
            key = EntryKey(DataType(row.data_type), beside, row.origin)
            found[str(key)].append(_Kept(row.sha256, row.created_at))
    return found


def _earlier(connection: Connection, keys: list[str]) -> Iterator[Any]:
    """Yield the copies of earlier versions of some entries, as far as they are what was hashed."""
    statement = (
        select(
            replicas.c.entry_id,
            replicas.c.location_id,
            replicas.c.version_id,
            replicas.c.size_bytes,
            entries.c.key,
            locations.c.name,
            locations.c.node_id,
            versions.c.sha256,
            versions.c.recorded_at,
        )
        .join(entries, entries.c.id == replicas.c.entry_id)
        .join(locations, locations.c.id == replicas.c.location_id)
        .join(versions, versions.c.id == replicas.c.version_id)
        .where(replicas.c.state == ReplicaState.STALE.value, ~replicas.c.changed)
    )
    for start in range(0, len(keys), KEYS_AT_ONCE):
        yield from connection.execute(statement.where(entries.c.key.in_(keys[start : start + KEYS_AT_ONCE])))
