"""Taking whole entries into the catalog, and what planners say of them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.catalog.part import CatalogPart, location_id, touch
from engine.catalog.versions import version_id_of, version_row
from engine.model import DataEntry, EntryKey, Replica
from engine.store.dialect import upsert
from engine.store.schema import entries, replicas, versions

WANTED_AT_ONCE = 250


class Registry(CatalogPart):
    """Entries as a whole."""

    async def register(self, entry: DataEntry) -> int:
        """Take an entry in as it is, with its current version and its copies; return its row id.

        A known entry is updated; copies and versions that the given one does not name stay. A copy's hash that is
        no known version of the entry stays with the copy alone.
        """

        async def take(connection: AsyncConnection) -> int:
            at = self._clock.now()
            entry_id, sequence = await _entry_row(connection, entry, at)
            for replica in entry.replicas:
                await _put(connection, entry_id, replica, sequence)
            return entry_id

        return await self._store.write(take)

    async def set_wanted(self, copies: Mapping[EntryKey, int]) -> None:
        """Remember how many copies the rules want of entries. Unlike all else this does not count as a change."""
        rows = [{"of_key": str(key), "copies": number} for key, number in copies.items()]
        statement = (
            update(entries)
            .where(entries.c.key == bindparam("of_key"))
            .where(entries.c.wanted.is_distinct_from(bindparam("copies")))
            .values(wanted=bindparam("copies"))
        )

        async def remember(connection: AsyncConnection) -> None:
            for start in range(0, len(rows), WANTED_AT_ONCE):
                await connection.execute(statement, rows[start : start + WANTED_AT_ONCE])

        await self._store.write(remember)


async def _entry_row(connection: AsyncConnection, entry: DataEntry, at: float) -> tuple[int, int]:
    newest = max((replica.stat.mtime_ns / 1e9 for replica in entry.replicas), default=0.0)
    row = {
        "key": str(entry.key),
        "data_type": entry.key.data_type.value,
        "path": entry.key.path,
        "origin": entry.key.origin,
        "config_key": entry.config_key,
        "provisional": False,
        "size_bytes": entry.size_bytes,
        "mtime": entry.current.mtime if entry.current is not None else newest,
        "sequence": 0,
        "created_at": entry.created_at or at,
        "updated_at": at,
    }
    changing = ("config_key", "size_bytes", "mtime")
    statement = upsert(entries, row, ("key",), changing).returning(entries.c.id)
    entry_id: int = (await connection.execute(statement)).scalar_one()
    changes: dict[str, int] = {}
    if entry.current is not None:
        known = await version_id_of(connection, entry_id, entry.current.sha256)
        if known is None:
            values = version_row(entry_id, entry.current, None, at)
            known = (await connection.execute(insert(versions).values(values).returning(versions.c.id))).scalar_one()
        changes["current_version_id"] = known
    return entry_id, await touch(connection, entry_id, at, **changes)


async def _put(connection: AsyncConnection, entry_id: int, replica: Replica, sequence: int) -> None:
    stat = replica.stat
    hashed = None if replica.sha256 is None or replica.changed else stat
    version_id = None if replica.sha256 is None else await version_id_of(connection, entry_id, replica.sha256)
    row = {
        "entry_id": entry_id,
        "location_id": await location_id(connection, replica.location),
        "path": replica.path,
        "state": replica.state.value,
        "changed": replica.changed,
        "version_id": version_id,
        "sha256": replica.sha256,
        "size_bytes": stat.size_bytes,
        "mtime_ns": stat.mtime_ns,
        "inode": stat.inode,
        "wal_size_bytes": stat.wal_size_bytes,
        "wal_mtime_ns": stat.wal_mtime_ns,
        "hashed_size_bytes": hashed.size_bytes if hashed else None,
        "hashed_mtime_ns": hashed.mtime_ns if hashed else None,
        "hashed_wal_size_bytes": hashed.wal_size_bytes if hashed else None,
        "hashed_wal_mtime_ns": hashed.wal_mtime_ns if hashed else None,
        "verified_at": replica.verified_at,
        "hashed_at": replica.hashed_at,
        "seen_at": replica.seen_at,
        "sequence": sequence,
    }
    unique = ("entry_id", "location_id")
    await connection.execute(upsert(replicas, row, unique, [name for name in row if name not in unique]))
