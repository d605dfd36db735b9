"""Recording scans: what a look at a location met, and what it did not meet any more."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from itertools import count
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.catalog import merging, staging
from engine.catalog.part import CatalogPart, current_sequence, location_id, next_sequence
from engine.catalog.staging import open_scans, scan_prefixes, scan_seen
from engine.catalog.standing_in import stand_in
from engine.catalog.values import Met, ScannedRecord
from engine.locations import node_of
from engine.model import ReplicaState
from engine.store.schema import entries, replicas

_scan_ids = count(1)
_OUT_OF_SIGHT = (ReplicaState.QUARANTINED.value, ReplicaState.ARCHIVED.value)
"""States of copies that no scan meets: they lie elsewhere than under their own name."""

SIBLINGS_SECONDS = 60.0
"""The scans of a location's roots are opened together; one that was opened longer ago was broken off."""


class Scans(CatalogPart):
    """What nodes really hold, batch by batch."""

    async def begin_scan(self, location: str) -> int:
        """Open a scan of one root of a location and return its id; a location with several roots opens several."""

        async def begin(connection: AsyncConnection) -> int:
            await staging.ensure(connection)
            place = await location_id(connection, location)
            now = self._clock.now()
            await _forget_ended(connection, place, now)
            row = {
                "scan_id": next(_scan_ids),
                "location_id": place,
                "begun_sequence": await current_sequence(connection),
                "begun_at": now,
                "finished": False,
            }
            await connection.execute(insert(open_scans), row)
            return int(row["scan_id"])

        return await self._store.write(begin)

    async def abandon_scans(self, scan_ids: Collection[int]) -> None:
        """Drop scans that were broken off: they will not end, and no later one has to wait for them."""

        async def drop(connection: AsyncConnection) -> None:
            await staging.ensure(connection)
            await _drop(connection, scan_ids)

        await self._store.write(drop)

    async def record_scanned(self, location: str, scan_id: int, files: Sequence[ScannedRecord]) -> Met:
        """Record a batch (at most some thousand files); return how many were new or looked different.

        New files become unhashed copies. A copy whose stat differs from the one under which it was hashed is
        ``changed``; it stays current only where its own origin writes it, anywhere else it must be hashed again.
        """

        staged = await asyncio.to_thread(staging.rows, files)

        async def record(connection: AsyncConnection) -> Met:
            await staging.ensure(connection)
            scan = await _open_scan(connection, scan_id)
            if scan is None:
                return Met(0, 0)
            await staging.fill(connection, staged)
            met = await self._merge(connection, location, scan.location_id, scan.begun_sequence)
            await merging.note_seen(connection, scan_id)
            return met

        return await self._store.write(record) if files else Met(0, 0)

    async def record_changes(self, location: str, begun_sequence: int, files: Sequence[ScannedRecord]) -> Met:
        """Record files like ``record_scanned``, met by a look that is no whole scan: it removes nothing later.

        ``begun_sequence`` is what ``sequence()`` returned before the look began.
        """
        staged = await asyncio.to_thread(staging.rows, files)

        async def record(connection: AsyncConnection) -> Met:
            await staging.ensure(connection)
            await staging.fill(connection, staged)
            return await self._merge(connection, location, await location_id(connection, location), begun_sequence)

        return await self._store.write(record) if files else Met(0, 0)

    async def _merge(self, connection: AsyncConnection, location: str, place: int, begun_sequence: int) -> Met:
        """Let the staged files change entries and copies."""
        sequence = await current_sequence(connection) + 1
        at, node = self._clock.now(), node_of(location)
        await merging.add_entries(connection, sequence, at)
        outrun = await merging.count_outrun(connection, place, begun_sequence)
        touched = await merging.mark_touched(connection, place, begun_sequence)
        if touched:
            await next_sequence(connection)
            await merging.add_replicas(connection, place, sequence, at)
            await merging.update_replicas(connection, place, node, sequence, at)
            await merging.update_entries(connection, node, sequence, at)
        return Met(touched, outrun)

    async def finish_scan(self, location: str, scan_id: int, unreadable_prefixes: Sequence[str], root_path: str) -> int:
        """End a scan that read a whole available root; return how many copies were removed from the catalog.

        Copies below ``root_path`` that were not met are gone, except below folders that could not be read
        (relative to the root, or absolute) and except those for which there is evidence newer than the scan.
        Entries stay, also without any copy. Removal waits for the last open scan of the location, so that a root
        inside another one is never mistaken for empty. A scan that is unknown (a newer one began) removes nothing.
        """
        root = root_path.rstrip("/")
        prefixes = [{"scan_id": scan_id, "prefix": f"{root}/", "spared": False}]
        for folder in unreadable_prefixes:
            absolute = folder if folder.startswith("/") else f"{root}/{folder}"
            prefixes.append({"scan_id": scan_id, "prefix": absolute.rstrip("/") + "/", "spared": True})

        async def finish(connection: AsyncConnection) -> int:
            await staging.ensure(connection)
            scan = await _open_scan(connection, scan_id)
            if scan is None:
                return 0
            await connection.execute(insert(scan_prefixes), prefixes)
            await connection.execute(update(open_scans).where(open_scans.c.scan_id == scan_id).values(finished=True))
            unfinished = exists().where(open_scans.c.location_id == scan.location_id, ~open_scans.c.finished)
            if (await connection.execute(select(unfinished))).scalar_one():
                return 0
            return await self._remove_unseen(connection, scan.location_id)

        return await self._store.write(finish)

    async def _remove_unseen(self, connection: AsyncConnection, place: int) -> int:
        doomed = _unseen(place)
        gone = (await connection.execute(select(replicas.c.entry_id).where(doomed))).scalars().all()
        if not gone:
            return 0
        sequence, at = await next_sequence(connection), self._clock.now()
        affected = update(entries).where(entries.c.id.in_(select(replicas.c.entry_id).where(doomed)))
        await connection.execute(affected.values(sequence=sequence, updated_at=at))
        await connection.execute(delete(replicas).where(doomed))
        await stand_in(connection, sequence, at, location=place)
        return len(gone)


def _unseen(place: int) -> ColumnElement[bool]:
    scans = select(open_scans.c.scan_id).where(open_scans.c.location_id == place)
    begun = select(func.min(open_scans.c.begun_sequence)).where(open_scans.c.location_id == place).scalar_subquery()
    below = and_(
        scan_prefixes.c.scan_id.in_(scans),
        func.substr(replicas.c.path, 1, func.length(scan_prefixes.c.prefix)) == scan_prefixes.c.prefix,
    )
    seen = exists().where(scan_seen.c.entry_id == replicas.c.entry_id, scan_seen.c.scan_id.in_(scans))
    return and_(
        replicas.c.location_id == place,
        replicas.c.sequence <= begun,
        replicas.c.state.not_in(_OUT_OF_SIGHT),
        exists().where(below, ~scan_prefixes.c.spared),
        ~exists().where(below, scan_prefixes.c.spared),
        ~seen,
    )


async def _open_scan(connection: AsyncConnection, scan_id: int) -> Any | None:
    columns = select(open_scans.c.location_id, open_scans.c.begun_sequence)
    return (await connection.execute(columns.where(open_scans.c.scan_id == scan_id))).one_or_none()


async def _forget_ended(connection: AsyncConnection, place: int, now: float) -> None:
    """Drop the location's scans that ended or were broken off; those just begun are its other roots."""
    has_seen = exists().where(scan_seen.c.scan_id == open_scans.c.scan_id)
    old = open_scans.c.begun_at < now - SIBLINGS_SECONDS
    ended = or_(open_scans.c.finished, has_seen, old)
    statement = select(open_scans.c.scan_id).where(open_scans.c.location_id == place, ended)
    gone = (await connection.execute(statement)).scalars().all()
    if gone:
        await _drop(connection, gone)


async def _drop(connection: AsyncConnection, scan_ids: Collection[int]) -> None:
    for table in (scan_seen, scan_prefixes, open_scans):
        await connection.execute(delete(table).where(table.c.scan_id.in_(scan_ids)))
