"""Recording evidence: that a place holds some content, that a copy arrived, is bad, or is gone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.catalog.part import CatalogPart, find_entry, location_id, touch
from engine.catalog.standing_in import stand_in
from engine.catalog.values import CatalogError, Found, Placed
from engine.catalog.verdict import Evidence, judge, state_of
from engine.catalog.versions import fall_back, match_version, settle, version_id_of
from engine.errors import ErrorClass
from engine.locations import node_of
from engine.model import EntryKey, FileStat, ReplicaState, Version
from engine.store.dialect import upsert
from engine.store.schema import entries, replicas, versions

SPOILT = (ReplicaState.BAD.value, ReplicaState.QUARANTINED.value)


REPLICA_IS = ("entry_id", "location_id")


class EvidenceRecorder(CatalogPart):
    """What is known about contents. Every method is one transaction and may be repeated."""

    async def record_content(
        self,
        key: EntryKey,
        location: str,
        path: str,
        version: Version,
        stat: FileStat,
        at: float,
        config_key: str | None = None,
    ) -> ReplicaState:
        """Record that the file at ``path`` held this content when it looked like ``stat``; return what it is worth.

        The contract's rules (engine/catalog/verdict.py) decide; a copy known to be bad stays bad for the same hash.
        """

        found = Found(key, location, path, version, stat, config_key)
        return await self._store.write(lambda c: record_one(c, found, at))

    async def mark_synced(
        self, key: EntryKey, location: str, path: str, sha256: str, stat: FileStat, at: float
    ) -> ReplicaState:
        """Record that a verified copy was published at ``path``; return whether it is (still) current.

        Raises CatalogError when ``sha256`` is no known version of the key: a copy without evidence is no copy.
        """

        placed = Placed(key, location, path, sha256, stat)
        return await self._store.write(lambda c: mark_one(c, placed, at))

    async def mark_missing(self, key: EntryKey, location: str) -> bool:
        """Forget a copy that is not there any more; return whether one was known."""

        async def mark(connection: AsyncConnection) -> bool:
            entry = await find_entry(connection, key, (entries.c.id,))
            if entry is None:
                return False
            place = await location_id(connection, location)
            gone = await connection.execute(delete(replicas).where(_is(entry.id, place)))
            if gone.rowcount:
                at = self._clock.now()
                await stand_in(connection, await touch(connection, entry.id, at), at, entry=entry.id, location=place)
            return gone.rowcount > 0

        return await self._store.write(mark)

    async def mark_bad(self, key: EntryKey, location: str) -> bool:
        """Record that a copy failed its check: it counts for nothing until its content changes.

        Bad is what lies there now: a hash that was taken before the file changed says nothing of it.
        """
        seen, unless_changed = replicas.c, replicas.c.changed.is_(False)
        values = {
            "sha256": case((unless_changed, seen.sha256)),
            "version_id": case((unless_changed, seen.version_id)),
            "changed": False,
            "hashed_size_bytes": seen.size_bytes,
            "hashed_mtime_ns": seen.mtime_ns,
            "hashed_wal_size_bytes": seen.wal_size_bytes,
            "hashed_wal_mtime_ns": seen.wal_mtime_ns,
        }
        return await self._set_state(key, location, ReplicaState.BAD, values)

    async def mark_quarantined(self, key: EntryKey, location: str, quarantine_path: str) -> bool:
        """Record that a bad copy was moved aside to ``quarantine_path``."""
        return await self._set_state(key, location, ReplicaState.QUARANTINED, {"path": quarantine_path})

    async def _set_state(self, key: EntryKey, location: str, state: ReplicaState, values: dict[str, Any]) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            entry = await find_entry(connection, key, (entries.c.id,))
            if entry is None:
                return False
            place = await location_id(connection, location)
            if await _replica(connection, entry.id, place) is None:
                return False
            sequence = await touch(connection, entry.id, self._clock.now())
            changes = {"state": state.value, "sequence": sequence, **values}
            await connection.execute(update(replicas).where(_is(entry.id, place)).values(**changes))
            await fall_back(connection, entry.id)
            return True

        return await self._store.write(change)


async def record_one(connection: AsyncConnection, found: Found, at: float) -> ReplicaState:
    """Record one content in the transaction at hand; see ``EvidenceRecorder.record_content``."""
    key, version = found.key, found.version
    entry = await _ensure_entry(connection, key, found.config_key, version, at)
    place = await location_id(connection, found.location)
    held = await _replica(connection, entry.id, place)
    match = await match_version(connection, key, entry.id, version)
    if held is not None and held.state in SPOILT and held.sha256 == version.sha256:
        return ReplicaState(held.state)
    current = await _current(connection, entry.current_version_id)
    at_origin = bool(key.origin) and key.origin == node_of(found.location)
    outcome = judge(
        Evidence(
            shared=not key.origin,
            at_origin=at_origin,
            current_id=entry.current_version_id,
            current_mtime=current.mtime if current is not None else 0.0,
            provisional=entry.provisional,
            match_id=match,
            held_id=held.version_id if held is not None else None,
            mtime=version.mtime,
        )
    )
    version_id = await settle(connection, entry, outcome, match, version, at, at_origin)
    state = state_of(outcome, match, entry.current_version_id)
    # What its origin holds is beyond doubt: no copy elsewhere takes its place, however new.
    settled = {"provisional": False} if at_origin else {}
    await _put(connection, entry.id, place, found.path, state, version_id, version.sha256, found.stat, at, settled)
    return state


async def mark_one(connection: AsyncConnection, placed: Placed, at: float) -> ReplicaState:
    """Record one published copy in the transaction at hand; see ``EvidenceRecorder.mark_synced``."""
    entry = await find_entry(connection, placed.key)
    match = None if entry is None else await version_id_of(connection, entry.id, placed.sha256)
    if entry is None or match is None:
        raise no_version(placed)
    place = await location_id(connection, placed.location)
    current = match == entry.current_version_id
    state = ReplicaState.CURRENT if current else ReplicaState.STALE
    # Acted upon: from now on a differing content elsewhere is diverged, however new.
    values = {"provisional": False} if entry.provisional else {}
    await _put(connection, entry.id, place, placed.path, state, match, placed.sha256, placed.stat, at, values)
    return state


def no_version(placed: Placed) -> CatalogError:
    """Return the error for a copy of content that nothing is known of."""
    return CatalogError(
        "record the copy",
        f"{placed.key} at {placed.location}",
        f"its hash {placed.sha256[:12]} is no known version",
        "hash the file at its source first: record_content makes the version known",
        ErrorClass.CHECKSUM_MISMATCH,
    )


def _is(entry_id: int, place: int) -> Any:
    return and_(replicas.c.entry_id == entry_id, replicas.c.location_id == place)


async def _ensure_entry(
    connection: AsyncConnection, key: EntryKey, config_key: str | None, version: Version, at: float
) -> Any:
    found = await find_entry(connection, key)
    if found is not None:
        return found
    row = {
        "key": str(key),
        "data_type": key.data_type.value,
        "path": key.path,
        "origin": key.origin,
        "config_key": config_key,
        "provisional": False,
        "size_bytes": version.size_bytes,
        "mtime": version.mtime,
        "sequence": 0,
        "created_at": at,
        "updated_at": at,
    }
    return (await connection.execute(insert(entries).values(row).returning(entries))).one()


async def _replica(connection: AsyncConnection, entry_id: int, place: int) -> Any | None:
    return (await connection.execute(select(replicas).where(_is(entry_id, place)))).one_or_none()


async def _current(connection: AsyncConnection, version_id: int | None) -> Any | None:
    if version_id is None:
        return None
    return (await connection.execute(select(versions).where(versions.c.id == version_id))).one_or_none()


async def _put(
    connection: AsyncConnection,
    entry_id: int,
    place: int,
    path: str,
    state: ReplicaState,
    version_id: int | None,
    sha256: str,
    stat: FileStat,
    at: float,
    entry_values: dict[str, Any] | None = None,
) -> None:
    """Write the copy as it was hashed; if it grew since then, the next scan will see that."""
    sequence = await touch(connection, entry_id, at, **(entry_values or {}))
    row = replica_row(entry_id, place, path, state, version_id, sha256, stat, at, sequence)
    changing = [name for name in row if name not in REPLICA_IS]
    await connection.execute(upsert(replicas, row, REPLICA_IS, changing))


def replica_row(
    entry_id: int,
    place: int,
    path: str,
    state: ReplicaState,
    version_id: int | None,
    sha256: str,
    stat: FileStat,
    at: float,
    sequence: int,
) -> dict[str, Any]:
    """Return a copy, just hashed, as a row of its table."""
    return {
        "entry_id": entry_id,
        "location_id": place,
        "path": path,
        "state": state.value,
        "changed": False,
        "version_id": version_id,
        "sha256": sha256,
        "size_bytes": stat.size_bytes,
        "mtime_ns": stat.mtime_ns,
        "inode": stat.inode,
        "wal_size_bytes": stat.wal_size_bytes,
        "wal_mtime_ns": stat.wal_mtime_ns,
        "hashed_size_bytes": stat.size_bytes,
        "hashed_mtime_ns": stat.mtime_ns,
        "hashed_wal_size_bytes": stat.wal_size_bytes,
        "hashed_wal_mtime_ns": stat.wal_mtime_ns,
        "verified_at": at,
        "hashed_at": at,
        "seen_at": at,
        "sequence": sequence,
    }
