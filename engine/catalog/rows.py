"""Rows of the database as values of the model. Runs in the threads that read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from engine.model import DataEntry, DataType, EntryKey, FileStat, Replica, ReplicaState, Version
from engine.store.schema import counters, entries, locations, replicas, versions

_ENTRY = (
    entries.c.id,
    entries.c.data_type,
    entries.c.path,
    entries.c.origin,
    entries.c.config_key,
    entries.c.created_at,
    entries.c.updated_at,
    versions.c.sha256,
    versions.c.size_bytes,
    versions.c.mtime,
    versions.c.games_count,
    versions.c.fingerprint,
)
_REPLICA = (
    replicas.c.entry_id,
    locations.c.name,
    replicas.c.path,
    replicas.c.state,
    replicas.c.size_bytes,
    replicas.c.mtime_ns,
    replicas.c.inode,
    replicas.c.wal_size_bytes,
    replicas.c.wal_mtime_ns,
    replicas.c.sha256,
    replicas.c.verified_at,
    replicas.c.hashed_at,
    replicas.c.seen_at,
    replicas.c.changed,
)
IDS_AT_ONCE = 500
"""Row ids bound per statement, far below SQLite's limit of 32,766 parameters."""


def sequence_in(connection: Connection) -> int:
    """Return the number of the newest change."""
    statement = select(counters.c.value).where(counters.c.name == "catalog")
    sequence: int = connection.execute(statement).scalar_one()
    return sequence


def id_of(connection: Connection, key: EntryKey) -> int | None:
    """Return an entry's row id, or None."""
    statement = select(entries.c.id).where(entries.c.key == str(key))
    found: int | None = connection.execute(statement).scalar_one_or_none()
    return found


def load(connection: Connection, ids: Sequence[int]) -> list[tuple[int, DataEntry]]:
    """Return entries by row id, in the order of ``ids``; ids that are unknown are left out."""
    found: dict[int, DataEntry] = {}
    for start in range(0, len(ids), IDS_AT_ONCE):
        chunk = ids[start : start + IDS_AT_ONCE]
        statement = _with_versions().where(entries.c.id.in_(chunk))
        copies = _copies(connection, chunk)
        for row in connection.execute(statement):
            found[row.id] = _entry(row, copies.get(row.id, ()))
    return [(entry_id, found[entry_id]) for entry_id in ids if entry_id in found]


def _with_versions() -> Select[Any]:
    return select(*_ENTRY).join_from(entries, versions, versions.c.id == entries.c.current_version_id, isouter=True)


def _copies(connection: Connection, ids: Iterable[int]) -> Mapping[int, tuple[Replica, ...]]:
    statement = (
        select(*_REPLICA)
        .join_from(replicas, locations, locations.c.id == replicas.c.location_id)
        .where(replicas.c.entry_id.in_(list(ids)))
        .order_by(replicas.c.entry_id, locations.c.name)
    )
    copies: dict[int, list[Replica]] = {}
    for row in connection.execute(statement):
        copies.setdefault(row[0], []).append(_replica(tuple(row)))
    return {entry_id: tuple(group) for entry_id, group in copies.items()}


def _replica(row: tuple[Any, ...]) -> Replica:
    _, location, path, state, size, mtime, inode, wal_size, wal_mtime, sha256, verified, hashed, seen, changed = row
    return Replica(
        location=location,
        path=path,
        state=ReplicaState(state),
        stat=FileStat(size, mtime, inode, wal_size, wal_mtime),
        sha256=sha256,
        verified_at=verified,
        hashed_at=hashed,
        seen_at=seen,
        changed=bool(changed),
    )


def _entry(row: Any, copies: tuple[Replica, ...]) -> DataEntry:
    current = None
    if row.sha256 is not None:
        current = Version(row.sha256, row.size_bytes, row.mtime, row.games_count, row.fingerprint)
    return DataEntry(
        key=EntryKey(DataType(row.data_type), row.path, row.origin),
        config_key=row.config_key,
        current=current,
        replicas=copies,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
