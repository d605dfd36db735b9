"""How a staged batch of scanned files changes entries and replicas: set-based, whatever its size."""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    exists,
    false,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_or_ignore
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.catalog.staging import CHANGED, NEW, UNTOUCHED, scan_seen, stage
from engine.model import ReplicaState
from engine.store.schema import entries, replicas

_STAT = ("size_bytes", "mtime_ns", "inode", "wal_size_bytes", "wal_mtime_ns")


async def add_entries(connection: AsyncConnection, sequence: int, at: float) -> None:
    """Give every staged file an entry, and note its id beside it."""
    columns = {
        "key": stage.c.key,
        "data_type": stage.c.data_type,
        "path": stage.c.key_path,
        "origin": stage.c.origin,
        "config_key": stage.c.config_key,
        "provisional": false(),
        "size_bytes": stage.c.size_bytes,
        "mtime": stage.c.mtime_ns / 1e9,
        "sequence": literal(sequence),
        "created_at": literal(at),
        "updated_at": literal(at),
    }
    unknown = select(*columns.values()).where(~exists().where(entries.c.key == stage.c.key))
    await connection.execute(insert(entries).from_select(list(columns), unknown))
    entry_of = select(entries.c.id).where(entries.c.key == stage.c.key).scalar_subquery()
    await connection.execute(update(stage).values(entry_id=entry_of))


async def count_outrun(connection: AsyncConnection, location: int, begun_sequence: int) -> int:
    """Return how many staged files look different from evidence that is newer than the scan."""
    here = and_(replicas.c.entry_id == stage.c.entry_id, replicas.c.location_id == location)
    newer = and_(here, replicas.c.sequence > begun_sequence, _looks_different())
    statement = select(func.count()).select_from(stage).where(exists().where(newer))
    return int((await connection.execute(statement)).scalar_one())


async def mark_touched(connection: AsyncConnection, location: int, begun_sequence: int) -> int:
    """Mark the staged files that are new here or look different; return how many.

    A copy about which there is evidence newer than the scan keeps what that evidence said.
    """
    here = and_(replicas.c.entry_id == stage.c.entry_id, replicas.c.location_id == location)
    new = update(stage).where(~exists().where(here)).values(touched=NEW)
    changed = (
        update(stage)
        .where(stage.c.touched == UNTOUCHED)
        .where(exists().where(and_(here, replicas.c.sequence <= begun_sequence, _looks_different())))
        .values(touched=CHANGED)
    )
    return (await connection.execute(new)).rowcount + (await connection.execute(changed)).rowcount


async def add_replicas(connection: AsyncConnection, location: int, sequence: int, at: float) -> None:
    """Record the copies that are new here: unhashed, so worth nothing yet."""
    columns = {
        "entry_id": stage.c.entry_id,
        "location_id": literal(location),
        "path": stage.c.path,
        "state": literal(ReplicaState.UNHASHED.value),
        "changed": false(),
        **{name: stage.c[name] for name in _STAT},
        "seen_at": literal(at),
        "sequence": literal(sequence),
    }
    rows = select(*columns.values()).where(stage.c.touched == NEW)
    await connection.execute(insert(replicas).from_select(list(columns), rows))


async def update_replicas(connection: AsyncConnection, location: int, node_id: str, sequence: int, at: float) -> None:
    """Take over what changed copies look like now, and what that makes of them."""
    was_bad = replicas.c.state.in_([ReplicaState.BAD.value, ReplicaState.QUARANTINED.value])
    # A bad file may have been found so without a hash; it is known by its looks all the same.
    judged = or_(replicas.c.sha256.is_not(None), was_bad)
    as_hashed = and_(judged, func.coalesce(_same_stat("hashed_"), false()))
    was_archived = replicas.c.state == ReplicaState.ARCHIVED.value
    forgets = or_(was_archived, and_(was_bad, not_(as_hashed)))
    statement = (
        update(replicas)
        .where(replicas.c.entry_id == stage.c.entry_id, replicas.c.location_id == location)
        .where(entries.c.id == stage.c.entry_id, stage.c.touched == CHANGED)
        .values(
            path=stage.c.path,
            state=_state_after(as_hashed, entries.c.origin == node_id),
            changed=and_(replicas.c.sha256.is_not(None), not_(forgets), not_(as_hashed)),
            sha256=case((forgets, null()), else_=replicas.c.sha256),
            version_id=case((forgets, null()), else_=replicas.c.version_id),
            seen_at=at,
            sequence=sequence,
            **{name: stage.c[name] for name in _STAT},
        )
    )
    await connection.execute(statement)


async def update_entries(connection: AsyncConnection, node_id: str, sequence: int, at: float) -> None:
    """Move touched entries in the sequence; those without any version take size and time from what was seen."""
    own = [replicas.c.entry_id == entries.c.id]
    unversioned = entries.c.current_version_id.is_(None)
    largest = select(func.max(replicas.c.size_bytes)).where(*own).scalar_subquery()
    newest = select(func.max(replicas.c.mtime_ns) / 1e9).where(*own).scalar_subquery()
    statement = (
        update(entries)
        .where(entries.c.id.in_(select(stage.c.entry_id).where(stage.c.touched != UNTOUCHED)))
        .values(
            sequence=sequence,
            updated_at=at,
            size_bytes=case((unversioned, largest), else_=entries.c.size_bytes),
            mtime=case((unversioned, newest), else_=entries.c.mtime),
        )
    )
    await connection.execute(statement)
    better = or_(entries.c.config_key.is_(None), entries.c.origin == node_id)
    config_key = (
        update(entries)
        .where(entries.c.id == stage.c.entry_id, stage.c.config_key.is_not(None), better)
        .where(entries.c.config_key.is_distinct_from(stage.c.config_key))
        .values(config_key=stage.c.config_key, sequence=sequence)
    )
    await connection.execute(config_key)


async def note_seen(connection: AsyncConnection, scan_id: int) -> None:
    """Note that a scan met the staged files."""
    rows = select(stage.c.entry_id, literal(scan_id))
    statement = insert_or_ignore(scan_seen).from_select(["entry_id", "scan_id"], rows.where(true()))
    await connection.execute(statement.on_conflict_do_nothing())


def _looks_different() -> ColumnElement[bool]:
    return or_(replicas.c.path != stage.c.path, not_(_same_stat("")))


def _same_stat(prefix: str) -> ColumnElement[bool]:
    """Return FileStat.same_content_as in SQL: the staged stat against the seen one, or (hashed_) the hashed one."""
    known = replicas.c
    return and_(
        known[f"{prefix}size_bytes"] == stage.c.size_bytes,
        known[f"{prefix}mtime_ns"] == stage.c.mtime_ns,
        known[f"{prefix}wal_size_bytes"] == stage.c.wal_size_bytes,
        or_(stage.c.wal_size_bytes == 0, known[f"{prefix}wal_mtime_ns"] == stage.c.wal_mtime_ns),
    )


def _state_after(as_hashed: ColumnElement[bool], at_origin: ColumnElement[bool]) -> ColumnElement[str]:
    state, version = replicas.c.state, replicas.c.version_id
    kept = state == ReplicaState.DELETING.value
    # An archive stood for the file that is met now: what this one holds is not known.
    archived = state == ReplicaState.ARCHIVED.value
    spoilt = state.in_([ReplicaState.BAD.value, ReplicaState.QUARANTINED.value])
    # A games file grows where it is written: its last version stays the current one until the next is known. One that
    # shrank does not hold all of it any more.
    grown = stage.c.size_bytes >= func.coalesce(replicas.c.hashed_size_bytes, 0)
    growing = and_(at_origin, state == ReplicaState.CURRENT.value, replicas.c.sha256.is_not(None), grown)
    return case(
        (kept, state),
        (archived, ReplicaState.UNHASHED.value),
        (and_(as_hashed, spoilt), ReplicaState.BAD.value),
        (and_(as_hashed, version.is_(None)), ReplicaState.DIVERGED.value),
        (and_(as_hashed, version == entries.c.current_version_id), ReplicaState.CURRENT.value),
        (as_hashed, ReplicaState.STALE.value),
        (growing, state),
        else_=ReplicaState.UNHASHED.value,
    )
