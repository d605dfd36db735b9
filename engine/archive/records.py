"""The rows of archives: put in, moved from state to state, read; and the audit lines that belong to them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.archive.values import UNFINISHED, ArchiveCode, ArchiveRecord, ArchiveState, NewArchive, Original
from engine.catalog.part import location_id, touch
from engine.catalog.rows import id_of
from engine.catalog.standing_in import stand_anew
from engine.catalog.versions import version_id_of
from engine.clock import Clock
from engine.model import LIVE_STATES, DataType, EntryKey
from engine.store.schema import archives, audit, entries, locations, pins, transfers
from engine.store.store import Store

_ROW = (archives, entries.c.data_type, entries.c.path.label("key_path"), entries.c.origin, locations.c.name)
_FIRST = (*UNFINISHED, ArchiveState.FAILED, ArchiveState.BLOCKED)
_ORDER = (archives.c.state.in_(_FIRST).desc(), archives.c.id.desc())


class ArchiveRecords:
    """What is known of archives. Writing methods return once what they wrote is durable; all raise StoreError."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def add(self, new: Sequence[NewArchive], run: str, who: str) -> list[int]:
        """Queue copies to be archived; one that is queued or has a verified archive there already is left out."""

        async def put(connection: AsyncConnection) -> list[int]:
            ids = []
            for one in new:
                place = await location_id(connection, one.location)
                same = (archives.c.entry_id == one.entry_id, archives.c.location_id == place)
                busy = select(archives.c.id).where(*same, archives.c.state.in_(UNFINISHED))
                if (await connection.execute(busy)).first() is None:
                    row = _new_row(one, place, run, who, self._clock.now())
                    added = await connection.execute(insert(archives).values(row).returning(archives.c.id))
                    ids.append(added.scalar_one())
            return ids

        return await self._store.write(put)

    async def change(self, archive_id: int, **values: Any) -> None:
        """Change columns of an archive; a reason takes its code with it."""
        await self._store.write(lambda c: set_columns(c, archive_id, **values))

    async def settle(self, archive_id: int, **values: Any) -> None:
        """Do what ``change`` does, and change what stands for its entry at its location: verified ones do."""

        async def put(connection: AsyncConnection) -> None:
            await set_columns(connection, archive_id, **values)
            await restand(connection, archive_id, self._clock.now())

        await self._store.write(put)

    async def get(self, archive_id: int) -> ArchiveRecord | None:
        """Return one archive."""
        found = await self.some(_rows().where(archives.c.id == archive_id))
        return found[0] if found else None

    async def of_ids(self, ids: Collection[int]) -> list[ArchiveRecord]:
        """Return archives by number."""
        return await self.some(_rows().where(archives.c.id.in_(sorted(ids))).order_by(archives.c.id))

    async def of_entry(self, entry_id: int) -> list[ArchiveRecord]:
        """Return the archives of an entry, the newest first."""
        return await self.some(_rows().where(archives.c.entry_id == entry_id).order_by(archives.c.id.desc()))

    async def in_state(self, states: Collection[ArchiveState]) -> list[ArchiveRecord]:
        """Return the archives in some states, the oldest first."""
        return await self.some(_rows().where(archives.c.state.in_(list(states))).order_by(archives.c.id))

    async def of_run(self, run: str) -> list[ArchiveRecord]:
        """Return what one request archived."""
        return await self.some(_rows().where(archives.c.run == run).order_by(archives.c.id))

    async def last_run(self) -> str | None:
        """Return the newest request that archived anything, or None: also one that an archive from before served."""
        done = select(archives.c.run).where(archives.c.state.in_((ArchiveState.VERIFIED, ArchiveState.FAILED)))
        statement = select(archives.c.run).where(archives.c.run.in_(done)).order_by(archives.c.id.desc()).limit(1)
        return await self._store.query(lambda c: c.execute(statement).scalar_one_or_none())

    async def page(self, offset: int, count: int, text: str) -> tuple[int, list[ArchiveRecord]]:
        """Return how many archives match, and a window onto them: those being worked on, damaged or blocked first, then
        the newest."""
        matches = entries.c.key.contains(text, autoescape=True) if text else entries.c.key.is_not(None)
        total = select(func.count()).select_from(archives).join(entries, entries.c.id == archives.c.entry_id)
        number: int = await self._store.query(lambda c: c.execute(total.where(matches)).scalar_one())
        return number, await self.some(_rows().where(matches).order_by(*_ORDER).offset(offset).limit(count))

    async def pinned(self) -> frozenset[str]:
        """Return the keys that an operator pinned."""
        return await self._store.query(lambda c: frozenset(c.execute(select(pins.c.key)).scalars()))

    async def pin(self, key: EntryKey, who: str, reason: str) -> bool:
        """Pin an entry; return False when it was pinned already, which stays as it was."""

        async def put(connection: AsyncConnection) -> bool:
            if (await connection.execute(select(pins.c.key).where(pins.c.key == str(key)))).first() is not None:
                return False
            at = self._clock.now()
            await connection.execute(insert(pins).values(key=str(key), who=who, at=at, reason=reason))
            await note(connection, at, who, "pin", str(key), reason)
            return True

        return await self._store.write(put)

    async def unpin(self, key: EntryKey, who: str) -> bool:
        """Take a pin away; return whether there was one."""

        async def put(connection: AsyncConnection) -> bool:
            gone = await connection.execute(delete(pins).where(pins.c.key == str(key)))
            if gone.rowcount:
                await note(connection, self._clock.now(), who, "unpin", str(key), "")
            return bool(gone.rowcount)

        return await self._store.write(put)

    async def entry_id(self, key: EntryKey) -> int | None:
        """Return the row id of an entry, or None."""
        return await self._store.query(lambda c: id_of(c, key))

    async def read_by_transfers(self) -> list[tuple[str, str]]:
        """Return (key as text, location) of every copy that a queued or running transfer reads."""
        live = [state.value for state in LIVE_STATES]
        statement = select(transfers.c.key, transfers.c.source).where(transfers.c.state.in_(live)).distinct()
        return await self._store.query(lambda c: [(row.key, row.source) for row in c.execute(statement)])

    async def damaged(self) -> list[tuple[int, str, str]]:
        """Return number, key and fault of every archive that was found damaged and not made again."""
        return [(one.id, str(one.key), one.reason) for one in await self.in_state((ArchiveState.FAILED,))]

    async def retire(self) -> None:
        """Let damaged archives be done with where a sound one took their place: of the same version, or of a later one
        where the original stayed and grew. What a deleted original was lives on in its own version only. What was
        blocked gives way to a later one that was made."""
        sound = archives.alias()
        again = select(sound.c.id).where(
            sound.c.state == ArchiveState.VERIFIED,
            sound.c.entry_id == archives.c.entry_id,
            sound.c.location_id == archives.c.location_id,
            (sound.c.version_id == archives.c.version_id) | (archives.c.original == Original.KEPT),
        )
        damaged = update(archives).where(archives.c.state == ArchiveState.FAILED, again.exists())
        later = select(sound.c.id).where(
            sound.c.state == ArchiveState.VERIFIED,
            sound.c.entry_id == archives.c.entry_id,
            sound.c.location_id == archives.c.location_id,
            sound.c.id > archives.c.id,
        )
        blocked = update(archives).where(archives.c.state == ArchiveState.BLOCKED, later.exists())

        async def put(connection: AsyncConnection) -> None:
            await connection.execute(damaged.values(state=ArchiveState.REPLACED))
            given_up = {"state": ArchiveState.CANCELLED, "reason": "a later one was made", "code": None}
            await connection.execute(blocked.values(given_up))

        await self._store.write(put)

    async def same_version(self, entry_id: int, one: str | None, other: str | None) -> bool:
        """Return whether two hashes are known as those of one version of an entry: of its file or of a snapshot."""

        async def look(connection: AsyncConnection) -> bool:
            ids = [await version_id_of(connection, entry_id, sha256) for sha256 in (one, other) if sha256 is not None]
            return len(ids) == 2 and ids[0] is not None and ids[0] == ids[1]

        return await self._store.read(look)

    async def some(self, statement: Select[Any]) -> list[ArchiveRecord]:
        """Return the archives that a statement finds."""

        def look(connection: Connection) -> list[ArchiveRecord]:
            return [record_of(row) for row in connection.execute(statement)]

        return await self._store.query(look)


async def set_columns(connection: AsyncConnection, archive_id: int | None, **values: Any) -> None:
    """Change columns of an archive in the transaction at hand. A reason that comes without a code clears that of the
    one that it replaces."""
    if "reason" in values:
        values = {"code": None, **values}
    await connection.execute(update(archives).where(archives.c.id == archive_id).values(**values))


async def restand(connection: AsyncConnection, archive_id: int, at: float) -> None:
    """Let the archives at the place of one that changed stand, or not, for their entry."""
    place = select(archives.c.entry_id, archives.c.location_id).where(archives.c.id == archive_id)
    row = (await connection.execute(place)).one()
    sequence = await touch(connection, row.entry_id, at)
    await stand_anew(connection, sequence, at, row.entry_id, row.location_id)


async def note(connection: AsyncConnection, at: float, who: str, action: str, subject: str, detail: str) -> None:
    """Write an audit line in the transaction at hand: the act and its record are one."""
    row = {"at": at, "who": who, "action": action, "subject": subject, "detail": detail}
    await connection.execute(insert(audit).values(row))


def record_of(row: Any) -> ArchiveRecord:
    """Return a row as a value."""
    return ArchiveRecord(
        id=row.id,
        entry_id=row.entry_id,
        key=EntryKey(DataType(row.data_type), row.key_path, row.origin),
        location=row.name,
        path=row.path,
        root=row.root,
        codec=row.codec,
        state=ArchiveState(row.state),
        reason=row.reason,
        code=None if row.code is None else ArchiveCode(row.code),
        original_location=row.original_location,
        original_path=row.original_path,
        original=Original(row.original),
        delete_original=row.delete_original,
        sha256=row.sha256,
        fingerprint=row.fingerprint,
        size_bytes=row.size_bytes,
        archive_sha256=row.archive_sha256,
        archive_bytes=row.archive_bytes,
        mtime_ns=row.mtime_ns,
        inode=row.inode,
        temporaries=tuple((node, path) for node, path in json.loads(row.temporaries)),
        run=row.run,
        who=row.who,
        created_at=row.created_at,
        verified_at=row.verified_at,
    )


def _rows() -> Select[Any]:
    joined = select(*_ROW).join_from(archives, entries, entries.c.id == archives.c.entry_id)
    return joined.join(locations, locations.c.id == archives.c.location_id)


def _new_row(one: NewArchive, place: int, run: str, who: str, at: float) -> dict[str, Any]:
    return {
        "entry_id": one.entry_id,
        "location_id": place,
        "path": one.path,
        "root": one.root,
        "codec": one.codec,
        "state": ArchiveState.QUEUED.value,
        "reason": "",
        "original_location": one.original_location,
        "original_path": one.original_path,
        "original": Original.KEPT.value,
        "delete_original": one.delete_original,
        "size_bytes": one.size_bytes,
        "archive_bytes": 0,
        "mtime_ns": 0,
        "inode": 0,
        "temporaries": "[]",
        "run": run,
        "who": who,
        "created_at": at,
    }
