"""Archives as copies: where no file of an entry lies at a location, a verified archive there stands for it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, delete, exists, false, literal, null, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.model import ReplicaState
from engine.store.schema import archives, entries, replicas, versions

VERIFIED = "verified"
"""The state of an archive that was read back in full when it was last looked at."""


async def stand_in(
    connection: AsyncConnection, sequence: int, at: float, *, entry: int | None = None, location: int | None = None
) -> None:
    """Let verified archives stand where nothing else of their entry is; of several, that of the current version."""
    filed = and_(
        replicas.c.entry_id == archives.c.entry_id,
        replicas.c.location_id == archives.c.location_id,
    )
    columns: dict[str, Any] = {
        "entry_id": archives.c.entry_id,
        "location_id": archives.c.location_id,
        "path": archives.c.path,
        "state": literal(ReplicaState.ARCHIVED.value),
        "changed": false(),
        "version_id": archives.c.version_id,
        "sha256": versions.c.sha256,
        "size_bytes": archives.c.archive_bytes,
        "mtime_ns": archives.c.mtime_ns,
        "inode": archives.c.inode,
        "wal_size_bytes": literal(0),
        "wal_mtime_ns": literal(0),
        "hashed_size_bytes": null(),
        "hashed_mtime_ns": null(),
        "hashed_wal_size_bytes": null(),
        "hashed_wal_mtime_ns": null(),
        "verified_at": archives.c.verified_at,
        "hashed_at": archives.c.verified_at,
        "seen_at": literal(at),
        "sequence": literal(sequence),
    }
    statement = (
        select(*(value.label(name) for name, value in columns.items()))
        .select_from(archives)
        .join(versions, versions.c.id == archives.c.version_id)
        .join(entries, entries.c.id == archives.c.entry_id)
        .where(archives.c.state == VERIFIED, ~exists().where(filed))
        .order_by((archives.c.version_id == entries.c.current_version_id).desc(), archives.c.id.desc())
    )
    if entry is not None:
        statement = statement.where(archives.c.entry_id == entry)
    if location is not None:
        statement = statement.where(archives.c.location_id == location)
    await connection.execute(insert(replicas).from_select(list(columns), statement).on_conflict_do_nothing())


async def stand_anew(connection: AsyncConnection, sequence: int, at: float, entry: int, location: int) -> None:
    """Do the same at one place, after its archives changed: what stood for a file there no longer does by itself."""
    here = and_(replicas.c.entry_id == entry, replicas.c.location_id == location)
    await connection.execute(delete(replicas).where(here, replicas.c.state == ReplicaState.ARCHIVED.value))
    await stand_in(connection, sequence, at, entry=entry, location=location)
