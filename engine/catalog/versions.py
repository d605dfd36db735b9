"""The versions of an entry: finding the one that some content is, and what a new one means for the copies."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.catalog.verdict import Outcome
from engine.model import EntryKey, ReplicaState, Version
from engine.store.schema import archives, entries, replicas, versions

KEPT_VERSIONS = 50
"""Versions kept per entry; older ones are forgotten unless a copy still holds them."""


async def version_id_of(connection: AsyncConnection, entry_id: int, sha256: str) -> int | None:
    """Return the version of an entry that has this hash, or None."""
    real = func.coalesce(versions.c.alias_of, versions.c.id)
    statement = select(real).where(versions.c.entry_id == entry_id, versions.c.sha256 == sha256)
    found: int | None = (await connection.execute(statement)).scalar_one_or_none()
    return found


async def match_version(connection: AsyncConnection, key: EntryKey, entry_id: int, version: Version) -> int | None:
    """Return the version that this content is: by hash, for games also by what the database says."""
    by_hash = await version_id_of(connection, entry_id, version.sha256)
    if by_hash is not None or not key.origin or version.fingerprint is None:
        return by_hash
    alike = select(versions.c.id).where(
        versions.c.entry_id == entry_id,
        versions.c.fingerprint == version.fingerprint,
        versions.c.alias_of.is_(None),
    )
    return (await connection.execute(alike.order_by(versions.c.id.desc()).limit(1))).scalar_one_or_none()


async def settle(
    connection: AsyncConnection,
    entry: Any,
    outcome: Outcome,
    match: int | None,
    version: Version,
    at: float,
    at_origin: bool,
) -> int | None:
    """Make the outcome true for the entry and its other copies; return the version of the copy at hand."""
    if outcome is Outcome.MATCHES:
        await _remember_alias(connection, entry.id, match, version, at)
        return match
    if outcome is Outcome.DIVERGES:
        return None
    former: int | None = entry.current_version_id
    row = version_row(entry.id, version, None, at)
    new: int = (await connection.execute(insert(versions).values(row).returning(versions.c.id))).scalar_one()
    if outcome is Outcome.SUCCEEDS:
        await _retire(connection, entry.id, former)
    elif outcome is Outcome.REPLACES:
        await _disown(connection, entry.id, former)
    await _promote(connection, entry.id, version.sha256, new)
    changes = {
        "current_version_id": new,
        "provisional": outcome is not Outcome.SUCCEEDS and not at_origin,
        "size_bytes": version.size_bytes,
        "mtime": version.mtime,
    }
    await connection.execute(update(entries).where(entries.c.id == entry.id).values(**changes))
    await _prune(connection, entry.id, new)
    return new


def version_row(entry_id: int, version: Version, alias_of: int | None, at: float) -> dict[str, Any]:
    """Return a version as a row of its table."""
    return {
        "entry_id": entry_id,
        "sha256": version.sha256,
        "size_bytes": version.size_bytes,
        "mtime": version.mtime,
        "games_count": version.games_count,
        "fingerprint": version.fingerprint,
        "alias_of": alias_of,
        "recorded_at": at,
    }


async def _remember_alias(
    connection: AsyncConnection, entry_id: int, match: int | None, version: Version, at: float
) -> None:
    """Remember other bytes of a known version, so that copies of just these bytes are evidence too."""
    if match is None or await version_id_of(connection, entry_id, version.sha256) is not None:
        return
    await connection.execute(insert(versions).values(version_row(entry_id, version, match, at)))
    await _prune(connection, entry_id, match)


async def _retire(connection: AsyncConnection, entry_id: int, former: int | None) -> None:
    """Make copies of the former version stale."""
    holders = and_(
        replicas.c.entry_id == entry_id,
        replicas.c.version_id == former,
        replicas.c.state == ReplicaState.CURRENT.value,
    )
    await connection.execute(update(replicas).where(holders).values(state=ReplicaState.STALE.value))


async def fall_back(connection: AsyncConnection, entry_id: int) -> None:
    """Make the newest version that a good copy holds current again, once no copy of the current one is good."""
    mine = replicas.c.entry_id == entry_id
    good = select(replicas.c.version_id).where(mine, _is_good(entry_id)).limit(1)
    if (await connection.execute(good)).first() is not None:
        return
    stale = and_(mine, replicas.c.state == ReplicaState.STALE.value)
    held = select(versions).join(replicas, replicas.c.version_id == versions.c.id).where(stale)
    last = (await connection.execute(held.order_by(versions.c.id.desc()).limit(1))).one_or_none()
    if last is None:
        return
    again = and_(stale, replicas.c.version_id == last.id)
    await connection.execute(update(replicas).where(again).values(state=ReplicaState.CURRENT.value))
    changes = {"current_version_id": last.id, "size_bytes": last.size_bytes, "mtime": last.mtime}
    await connection.execute(update(entries).where(entries.c.id == entry_id).values(**changes))


def _is_good(entry_id: int) -> ColumnElement[bool]:
    """Return whether a copy holds the current version well: as a file, or in an archive."""
    current = select(entries.c.current_version_id).where(entries.c.id == entry_id).scalar_subquery()
    archived = and_(replicas.c.state == ReplicaState.ARCHIVED.value, replicas.c.version_id == current)
    return or_(replicas.c.state == ReplicaState.CURRENT.value, archived)


async def _disown(connection: AsyncConnection, entry_id: int, former: int | None) -> None:
    """Make copies of the former content diverged: it never was a version, only the first that was met."""
    holders = and_(replicas.c.entry_id == entry_id, replicas.c.version_id == former)
    current = and_(holders, replicas.c.state == ReplicaState.CURRENT.value)
    await connection.execute(update(replicas).where(current).values(state=ReplicaState.DIVERGED.value))
    await connection.execute(update(replicas).where(holders).values(version_id=None))
    disowned = (versions.c.id == former) | (versions.c.alias_of == former)
    await connection.execute(delete(versions).where(disowned))


async def _promote(connection: AsyncConnection, entry_id: int, sha256: str, version_id: int) -> None:
    """Copies that were diverged with just this content hold the current version now."""
    alike = and_(
        replicas.c.entry_id == entry_id,
        replicas.c.sha256 == sha256,
        replicas.c.state == ReplicaState.DIVERGED.value,
    )
    values = {"state": ReplicaState.CURRENT.value, "version_id": version_id}
    await connection.execute(update(replicas).where(alike).values(**values))


async def _prune(connection: AsyncConnection, entry_id: int, newest: int) -> None:
    """Forget the oldest versions, never one that a copy refers to."""
    kept = select(versions.c.id).where(versions.c.entry_id == entry_id).order_by(versions.c.id.desc())
    held = select(replicas.c.version_id).where(replicas.c.entry_id == entry_id, replicas.c.version_id.is_not(None))
    current = select(entries.c.current_version_id).where(entries.c.id == entry_id)
    current = current.where(entries.c.current_version_id.is_not(None))
    archived = select(archives.c.version_id).where(archives.c.entry_id == entry_id, archives.c.version_id.is_not(None))
    old = and_(
        versions.c.entry_id == entry_id,
        versions.c.id != newest,
        versions.c.id.not_in(kept.limit(KEPT_VERSIONS)),
        versions.c.id.not_in(held),
        versions.c.id.not_in(current),
        versions.c.id.not_in(archived),
    )
    await connection.execute(delete(versions).where(old))
    own = versions.alias()
    orphaned = and_(
        versions.c.entry_id == entry_id,
        versions.c.alias_of.is_not(None),
        versions.c.alias_of.not_in(select(own.c.id).where(own.c.entry_id == entry_id)),
    )
    await connection.execute(delete(versions).where(orphaned))
