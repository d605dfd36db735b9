"""Proofs and holds: written down before a file goes, in the transaction that looks at everything that forbids it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.archive.records import note, set_columns
from engine.archive.values import UNFINISHED, ArchiveError, ArchiveRecord, ArchiveState, Original, Proof, Witness
from engine.catalog.part import touch
from engine.catalog.standing_in import stand_in
from engine.clock import Clock
from engine.errors import ErrorClass
from engine.model import LIVE_STATES, FileStat, Replica, ReplicaState
from engine.store.dialect import upsert
from engine.store.schema import archives, holds, locations, pins, proofs, readings, replicas, transfers
from engine.store.store import Store

ALIVE, USED, BROKEN = "alive", "used", "broken"
PROOF_SECONDS = 600.0
"""How long a proof holds its witnesses; the file is hashed within it."""


class Proofs:
    """Keeps proofs. All methods raise StoreError."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def give(
        self,
        archive: ArchiveRecord,
        replica: Replica,
        witnesses: Sequence[Witness],
        counts: tuple[int, int],
        who: str,
    ) -> Proof:
        """Mark a copy DELETING with a proof, unless something forbids it by now: then raises ArchiveError.

        What forbids: a live transfer that reads it, a pin, a proof that names it as a witness, a witness that is
        being deleted itself, an archive that is not verified any more, a copy that is not what was looked at.
        """

        async def mark(connection: AsyncConnection) -> Proof:
            now = self._clock.now()
            await expire(connection, now)
            place = (
                await connection.execute(select(locations.c.id).where(locations.c.name == replica.location))
            ).scalar_one()
            same = (replicas.c.entry_id == archive.entry_id, replicas.c.location_id == place)
            await _ensure_free(connection, archive, replica, same, witnesses)
            row = {
                "entry_id": archive.entry_id,
                "archive_id": archive.id,
                "location": replica.location,
                "path": replica.path,
                "state": ALIVE,
                "reason": "",
                "who": who,
                "copies_before": counts[0],
                "copies_after": counts[1],
                "replica_state": replica.state.value,
                "created_at": now,
                "expires_at": now + PROOF_SECONDS,
            }
            number = (await connection.execute(insert(proofs).values(row).returning(proofs.c.id))).scalar_one()
            await connection.execute(insert(holds), [_hold(number, witness) for witness in witnesses])
            sequence = await touch(connection, archive.entry_id, now)
            going = {"state": ReplicaState.DELETING.value, "sequence": sequence}
            await connection.execute(update(replicas).where(*same).values(**going))
            originals = update(archives).where(archives.c.id == archive.id)
            await connection.execute(originals.values(original=Original.DELETING.value))
            return Proof(
                number,
                archive.entry_id,
                archive.id,
                replica.location,
                replica.path,
                replica.state,
                counts[0],
                counts[1],
                now + PROOF_SECONDS,
                tuple(witnesses),
            )

        return await self._store.write(mark)

    async def alive(self, proof_id: int) -> bool:
        """Return whether a proof is stored and not expired."""
        now = self._clock.now()
        statement = select(proofs.c.id).where(
            proofs.c.id == proof_id, proofs.c.state == ALIVE, proofs.c.expires_at > now
        )
        return await self._store.query(lambda c: c.execute(statement).first() is not None)

    async def used(self, proof: Proof, subject: str, detail: str, who: str) -> None:
        """Take the deleted copy out of the catalog, with its audit line: the proof has done its work."""

        async def end(connection: AsyncConnection) -> None:
            now = self._clock.now()
            place = await _place_of(connection, proof.location)
            gone = replicas.c.path == proof.path, replicas.c.state == ReplicaState.DELETING.value
            same = (replicas.c.entry_id == proof.entry_id, replicas.c.location_id == place)
            await connection.execute(delete(replicas).where(*same, *gone))
            sequence = await touch(connection, proof.entry_id, now)
            await stand_in(connection, sequence, now, entry=proof.entry_id, location=place)
            await _close(connection, proof, USED, detail, now)
            await set_columns(connection, proof.archive_id, original=Original.DELETED.value, reason="")
            await note(connection, now, who, "delete", subject, detail)

        await self._store.write(end)

    async def broken(self, proof: Proof, subject: str, reason: str, who: str) -> None:
        """Set the copy back to what it was: nothing was deleted."""

        async def end(connection: AsyncConnection) -> None:
            now = self._clock.now()
            place = await _place_of(connection, proof.location)
            same = (replicas.c.entry_id == proof.entry_id, replicas.c.location_id == place)
            sequence = await touch(connection, proof.entry_id, now)
            back = update(replicas).where(*same, replicas.c.state == ReplicaState.DELETING.value)
            await connection.execute(back.values(state=proof.replica_state.value, sequence=sequence))
            await _close(connection, proof, BROKEN, reason, now)
            stays = f"the original stays: {reason}"
            await set_columns(connection, proof.archive_id, original=Original.KEPT.value, reason=stays)
            await note(connection, now, who, "delete refused", subject, reason)

        await self._store.write(end)

    async def unfinished(self) -> list[Proof]:
        """Return the proofs that an earlier run left alive, expired or not: each has a copy that is DELETING."""

        def look(connection: Connection) -> list[Proof]:
            rows = connection.execute(select(proofs).where(proofs.c.state == ALIVE).order_by(proofs.c.id)).all()
            return [
                _proof(row, connection.execute(select(holds).where(holds.c.proof_id == row.id)).all()) for row in rows
            ]

        return await self._store.query(look)

    async def reading(self, location: str, path: str, stat: FileStat) -> tuple[str, float] | None:
        """Return (SHA-256, when) of the last full reading of a file that still looks as it did then."""
        looks = (
            readings.c.size_bytes == stat.size_bytes,
            readings.c.mtime_ns == stat.mtime_ns,
            readings.c.inode == stat.inode,
        )
        statement = select(readings).where(readings.c.location == location, readings.c.path == path, *looks)
        row = await self._store.query(lambda c: c.execute(statement).one_or_none())
        return None if row is None else (row.sha256, row.read_at)

    async def holder(self, location: str, path: str) -> str | None:
        """Return what an archive or a deletion that is under way has to do with a file, None when nothing has."""
        named = (holds.c.location == location, holds.c.path == path)
        going = (proofs.c.location == location, proofs.c.path == path, proofs.c.state == ALIVE)
        busy = (archives.c.original_location == location, archives.c.original_path == path)

        def look(connection: Connection) -> str | None:
            if connection.execute(select(holds.c.proof_id).where(*named).limit(1)).first() is not None:
                return "it is the witness of a deletion that is under way"
            if connection.execute(select(proofs.c.id).where(*going).limit(1)).first() is not None:
                return "it is being deleted, with a proof"
            unfinished = archives.c.state.in_(UNFINISHED)
            if connection.execute(select(archives.c.id).where(*busy, unfinished).limit(1)).first() is not None:
                return "it is being archived"
            return None

        return await self._store.query(look)

    async def note_reading(self, location: str, path: str, sha256: str, stat: FileStat) -> None:
        """Remember that a file was read in full just now."""
        row = {
            "location": location,
            "path": path,
            "sha256": sha256,
            "size_bytes": stat.size_bytes,
            "mtime_ns": stat.mtime_ns,
            "inode": stat.inode,
            "read_at": self._clock.now(),
        }
        unique = ("location", "path")
        statement = upsert(readings, row, unique, [name for name in row if name not in unique])

        async def put(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._store.write(put)


async def expire(connection: AsyncConnection, now: float) -> None:
    """Let go of the holds of proofs whose time is over and which nothing is under way for."""
    over = select(proofs.c.id).where(proofs.c.state != ALIVE)
    await connection.execute(delete(holds).where(holds.c.proof_id.in_(over)))


async def sources_in_use(connection: AsyncConnection, key: str, location: str) -> int:
    """Return how many queued or running transfers read an entry at a location."""
    live = [state.value for state in LIVE_STATES]
    statement = select(func.count()).select_from(transfers)
    reads = (transfers.c.key == key, transfers.c.source == location, transfers.c.state.in_(live))
    return int((await connection.execute(statement.where(*reads))).scalar_one())


async def _ensure_free(
    connection: AsyncConnection, archive: ArchiveRecord, replica: Replica, same: Any, witnesses: Sequence[Witness]
) -> None:
    key, subject = str(archive.key), f"{archive.key} at {replica.location}"

    def refuse(cause: str, remedy: str) -> ArchiveError:
        return ArchiveError("delete", subject, cause, remedy, ErrorClass.SOURCE_CHANGED)

    row = (await connection.execute(select(replicas).where(*same))).one_or_none()
    now = (row.state, row.path, row.size_bytes, row.mtime_ns, row.inode) if row is not None else None
    stat = replica.stat
    if now != (replica.state.value, replica.path, stat.size_bytes, stat.mtime_ns, stat.inode):
        raise refuse("it changed since it was looked at", "it is looked at again by itself")
    if await sources_in_use(connection, key, replica.location):
        raise refuse("a transfer reads it", "wait until it is done: `syncdeck transfers`")
    if (await connection.execute(select(pins.c.key).where(pins.c.key == key))).first() is not None:
        raise refuse("it is pinned", "take its pin away first")
    held = select(holds.c.proof_id).where(holds.c.location == replica.location, holds.c.path == replica.path)
    if (await connection.execute(held)).first() is not None:
        raise refuse("it is the witness of another deletion that is under way", "try again in some minutes")
    sound = select(archives.c.id).where(archives.c.id == archive.id, archives.c.state == ArchiveState.VERIFIED.value)
    if (await connection.execute(sound)).first() is None:
        raise refuse("its archive is not verified any more", "`syncdeck archive list` says why")
    for witness in witnesses:
        going = (proofs.c.location == witness.location, proofs.c.path == witness.path, proofs.c.state == ALIVE)
        if (await connection.execute(select(proofs.c.id).where(*going))).first() is not None:
            raise refuse(f"its witness at {witness.location} is being deleted", "try again in some minutes")


async def _place_of(connection: AsyncConnection, location: str) -> int:
    return int((await connection.execute(select(locations.c.id).where(locations.c.name == location))).scalar_one())


async def _close(connection: AsyncConnection, proof: Proof, state: str, reason: str, now: float) -> None:
    ended = update(proofs).where(proofs.c.id == proof.id)
    await connection.execute(ended.values(state=state, reason=reason, finished_at=now))
    await connection.execute(delete(holds).where(holds.c.proof_id == proof.id))


def _hold(proof_id: int, witness: Witness) -> dict[str, Any]:
    return {
        "proof_id": proof_id,
        "location": witness.location,
        "path": witness.path,
        "archive_id": witness.archive_id,
        "sha256": witness.sha256,
        "verified_at": witness.verified_at,
    }


def _proof(row: Any, held: Sequence[Any]) -> Proof:
    return Proof(
        row.id,
        row.entry_id,
        row.archive_id,
        row.location,
        row.path,
        ReplicaState(row.replica_state),
        row.copies_before,
        row.copies_after,
        row.expires_at,
        tuple(Witness(h.location, h.path, h.sha256, h.verified_at, h.archive_id) for h in held),
    )
