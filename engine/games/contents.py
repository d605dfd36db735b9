"""What contents of games databases there are, as the catalog has them: one look at all copies."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from engine.catalog.rows import sequence_in
from engine.catalog.values import Places
from engine.games.values import LIVE, Content, ContentName, Copy
from engine.locations import node_of
from engine.model import DataType, FileStat, ReplicaState
from engine.store.schema import entries, locations, replicas, versions

DATABASE_SUFFIX = ".db"
CANONICAL_NAMES = "canonical_*.db"
"""The users' name for a database that games are merged into."""
ROWS_AT_ONCE = 500

_SAVED = (ReplicaState.CURRENT.value, ReplicaState.ARCHIVED.value)
_KNOWN = (*_SAVED, ReplicaState.STALE.value, ReplicaState.DIVERGED.value)

_COPIES = (
    select(
        entries.c.id,
        entries.c.key,
        entries.c.path.label("entry_path"),
        entries.c.origin,
        entries.c.current_version_id,
        locations.c.name.label("location"),
        replicas.c.path,
        replicas.c.state,
        replicas.c.changed,
        replicas.c.version_id,
        versions.c.sha256.label("version_sha256"),
        replicas.c.sha256,
        replicas.c.size_bytes,
        replicas.c.mtime_ns,
        replicas.c.inode,
        replicas.c.wal_size_bytes,
        replicas.c.wal_mtime_ns,
    )
    .select_from(entries)
    .join(replicas, replicas.c.entry_id == entries.c.id)
    .join(locations, locations.c.id == replicas.c.location_id)
    .join(versions, versions.c.id == replicas.c.version_id, isouter=True)
    .where(entries.c.data_type == DataType.GAMES.value, entries.c.path.like(f"%{DATABASE_SUFFIX}"))
    .order_by(entries.c.id, replicas.c.location_id)
)


@dataclass
class _Gathered:
    """A content while its copies are met."""

    entry_id: int
    canonical: bool
    current: bool = False
    size_bytes: int = 0
    held: set[str] = field(default_factory=set)
    saved: set[str] = field(default_factory=set)
    readable: list[Copy] = field(default_factory=list)


def look(connection: Connection, places: Places) -> tuple[int, tuple[Content, ...]]:
    """Return the catalog's sequence and every content of every games database that some place of ours holds."""
    sequence = sequence_in(connection)
    durable = {place.location: place.durable for place in places.places}
    found: dict[ContentName, _Gathered] = {}
    for rows in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(_COPIES).partitions():
        for row in rows:
            if row.location in durable:
                _take(found, row, durable[row.location])
    return sequence, tuple(_contents(found.items()))


def _take(found: dict[ContentName, _Gathered], row: Any, durable: bool) -> None:
    known = row.state in _KNOWN and not row.changed
    if known:
        sha256 = row.version_sha256 or row.sha256
        if sha256 is None:
            return
        name = ContentName(row.key, sha256)
    elif row.changed or row.state == ReplicaState.UNHASHED.value:
        name = ContentName(row.key, f"{LIVE}{row.location}")
    else:
        return  # Damaged, moved aside, or about to go: nothing rests on it.
    content = found.get(name)
    if content is None:
        canonical = fnmatch.fnmatchcase(row.entry_path.rsplit("/", 1)[-1].lower(), CANONICAL_NAMES)
        content = found[name] = _Gathered(row.id, canonical)
    node = node_of(row.location)
    content.held.add(node)
    content.size_bytes = max(content.size_bytes, row.size_bytes)
    if known and row.version_id is not None and row.version_id == row.current_version_id:
        content.current = True
        if durable and row.state in _SAVED:
            content.saved.add(node)
    if row.state != ReplicaState.ARCHIVED.value:
        stat = FileStat(row.size_bytes, row.mtime_ns, row.inode, row.wal_size_bytes, row.wal_mtime_ns)
        copy = Copy(row.location, row.path, stat)
        # A copy that nobody writes goes before the one at its origin, and a durable one before others.
        content.readable.insert(0 if durable and node != row.origin else len(content.readable), copy)


def _contents(found: Iterable[tuple[ContentName, _Gathered]]) -> Iterable[Content]:
    for name, held in found:
        yield Content(
            name=name,
            entry_id=held.entry_id,
            current=held.current,
            canonical=held.canonical,
            size_bytes=held.size_bytes,
            held=frozenset(held.held),
            saved=frozenset(held.saved),
            readable=tuple(held.readable),
        )
