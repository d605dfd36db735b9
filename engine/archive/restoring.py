"""Restoring: an archive becomes the source of a normal transfer, to where its original was or to another location."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.types import Policy
from engine.archive.proofs import USED
from engine.archive.records import ArchiveRecords
from engine.archive.values import ArchiveError, ArchiveRecord, ArchiveState, Original
from engine.catalog.roots import roots_of
from engine.clock import Clock
from engine.errors import ErrorClass
from engine.execution.places import Packed
from engine.inventory.fleet import Fleet
from engine.locations import node_of
from engine.model import LIVE_STATES, SyncPriority, TransferState
from engine.queue.claims import RESTORE
from engine.queue.entrance import enqueue
from engine.queue.values import NewTransfer
from engine.store.schema import archives, locations, proofs, restores, transfers, versions
from engine.store.store import Store

_TARGET_OF_RESTORE = (
    select(transfers.c.target)
    .join(restores, restores.c.transfer_id == transfers.c.id)
    .where(restores.c.archive_id == archives.c.id)
    .order_by(transfers.c.id.desc())
    .limit(1)
    .correlate(archives)
    .scalar_subquery()
)
_LAST_DELETION = (
    select(func.coalesce(func.max(proofs.c.finished_at), 0.0))
    .where(proofs.c.archive_id == restores.c.archive_id, proofs.c.state == USED)
    .correlate(restores)
    .scalar_subquery()
)
_LIVE = [state.value for state in LIVE_STATES]


class Restoring:
    """Queues restores, and tells the executor which archive a transfer is read from."""

    def __init__(
        self, store: Store, records: ArchiveRecords, fleet: Fleet, policy: Callable[[], Policy], clock: Clock
    ) -> None:
        self._store = store
        self._records = records
        self._fleet = fleet
        self._policy = policy
        self._clock = clock

    async def queue(self, archives: Sequence[ArchiveRecord], location: str | None) -> list[int]:
        """Queue a transfer for each archive; return their numbers. Raises ArchiveError for what cannot be restored."""
        chosen = [(archive, location or archive.original_location) for archive in archives]
        for archive, target in chosen:
            self._check(archive, target)

        async def put(connection: AsyncConnection) -> list[int]:
            ids = []
            for archive, target in chosen:
                await _ensure_free(connection, archive, target)
                new = NewTransfer(
                    key=archive.key,
                    source=archive.location,
                    target=target,
                    priority=SyncPriority.HIGH,
                    reason=f"restore of archive {archive.id}",
                    rule=RESTORE,
                    bytes_total=archive.size_bytes,
                )
                (number,) = await enqueue(connection, [new], self._clock.now())
                await connection.execute(insert(restores).values(transfer_id=number, archive_id=archive.id))
                ids.append(number)
            return ids

        return await self._store.write(put)

    async def packed(self, transfer_id: int) -> Packed | None:
        """Return the archive that a transfer is read from, or None. Raises ArchiveError for one that is not sound."""
        archive = await self.archive_of(transfer_id)
        if archive is None:
            return None
        if archive.state is not ArchiveState.VERIFIED:
            cause = f"the archive is {archive.state.value}: {archive.reason}"
            raise ArchiveError("restore", archive.path, cause, "restore another copy", ErrorClass.CONFIG)
        return await self.packed_of(archive)

    async def archive_of(self, transfer_id: int) -> ArchiveRecord | None:
        """Return the archive that a transfer is read from, or None, in whatever state it is."""
        statement = select(restores.c.archive_id).where(restores.c.transfer_id == transfer_id)
        number = await self._store.query(lambda c: c.execute(statement).scalar_one_or_none())
        return None if number is None else await self._records.get(number)

    async def transfers_of(self, archive_ids: Sequence[int]) -> list[int]:
        """Return the live transfers that restore some archives."""
        statement = (
            select(restores.c.transfer_id)
            .join(transfers, transfers.c.id == restores.c.transfer_id)
            .where(restores.c.archive_id.in_(list(archive_ids)), transfers.c.state.in_(_LIVE))
        )
        return list(await self._store.query(lambda c: c.execute(statement).scalars().all()))

    async def packed_of(self, archive: ArchiveRecord) -> Packed:
        """Return an archive as what is unpacked. Raises ArchiveError while its location was never looked at."""
        statement = select(versions.c.mtime).where(
            versions.c.entry_id == archive.entry_id, versions.c.sha256 == archive.sha256
        )
        mtime: Any = await self._store.query(lambda c: c.execute(statement).scalar_one_or_none())
        scratch, root = self.scratch(archive.location)
        assert archive.sha256 is not None
        return Packed(
            location=archive.location,
            path=archive.path,
            root=archive.root,
            codec=archive.codec,
            sha256=archive.sha256,
            size_bytes=archive.size_bytes,
            mtime_ns=round((mtime or self._clock.now()) * 1e9),
            scratch=scratch,
            scratch_root=root,
        )

    async def note_restored(self) -> None:
        """Note of archives whose original is back that it is: it may be replaced again, one for one."""
        done = select(restores.c.archive_id).join(transfers, transfers.c.id == restores.c.transfer_id)
        since = (transfers.c.state == TransferState.DONE.value, transfers.c.finished_at >= _LAST_DELETION)
        back = archives.c.id.in_(done.where(*since))
        gone = archives.c.original == Original.DELETED.value
        here = archives.c.original_location == _TARGET_OF_RESTORE

        async def put(connection: AsyncConnection) -> None:
            await connection.execute(update(archives).where(back, gone, here).values(original=Original.KEPT.value))

        found = select(archives.c.id).where(back, gone, here).limit(1)
        if await self._store.query(lambda c: c.execute(found).first()) is not None:
            await self._store.write(put)

    async def undone(self, entry_id: int, location: str, original: tuple[str, str]) -> frozenset[str]:
        """Return what the verified archives at a location hold whose original went for them once and is back since.

        ``original`` is where that lies: location and path. Their SHA-256 are returned.
        """
        at, path = original
        went = select(proofs.c.archive_id).where(proofs.c.state == USED, proofs.c.location == at, proofs.c.path == path)
        place = select(locations.c.id).where(locations.c.name == location).scalar_subquery()
        statement = select(archives.c.sha256).where(
            archives.c.entry_id == entry_id,
            archives.c.location_id == place,
            archives.c.state == ArchiveState.VERIFIED.value,
            archives.c.original == Original.KEPT.value,
            archives.c.original_location == at,
            archives.c.original_path == path,
            archives.c.id.in_(went),
        )
        return await self._store.query(lambda c: frozenset(c.execute(statement).scalars()))

    def scratch(self, location: str) -> tuple[str, str]:
        """Return a folder of a location that every scan looks at, and its root: what a kill leaves there is swept."""
        roots = [r for r in roots_of(self._policy(), node_of(location)) if r.location == location]
        seen = self._fleet.locations.get(location)
        known = seen.path if seen is not None and seen.path else None
        path = self._fleet.root_paths.get((location, roots[0].root), known) if roots else None
        if path is None:
            cause = "its folder was not looked at yet"
            raise ArchiveError("unpack at", location, cause, "wait for the next scan", ErrorClass.TRANSIENT_NETWORK)
        folder = roots[0].scan_folders[0]
        return (f"{path}/{folder}" if folder else path), path

    def _check(self, archive: ArchiveRecord, target: str) -> None:
        if archive.state is not ArchiveState.VERIFIED:
            cause, remedy = f"the archive is {archive.state.value}", "`syncdeck archive list` says why"
            raise ArchiveError("restore", f"archive {archive.id}", cause, remedy, ErrorClass.CONFIG)
        node = node_of(target)
        known = {root.location for root in roots_of(self._policy(), node)}
        if target not in known or not self._policy().nodes[node].ready:
            cause, remedy = "it is no location of a host in use", "name another with --location"
            raise ArchiveError("restore to", target, cause, remedy, ErrorClass.CONFIG)


async def _ensure_free(connection: AsyncConnection, archive: ArchiveRecord, target: str) -> None:
    live = select(transfers.c.id, transfers.c.state, transfers.c.reason).where(
        transfers.c.key == str(archive.key), transfers.c.target == target, transfers.c.state.in_(_LIVE)
    )
    found = (await connection.execute(live)).one_or_none()
    if found is None:
        return
    if found.state == TransferState.BLOCKED.value:
        cause = f"transfer {found.id} to there is blocked: {found.reason}"
        remedy = (
            f"mend that, then `syncdeck transfers retry {found.id}`; or `syncdeck transfers cancel {found.id}` first"
        )
    else:
        cause = f"transfer {found.id} is on its way there"
        remedy = f"wait until it is done, or `syncdeck transfers cancel {found.id}`"
    raise ArchiveError("restore to", target, cause, remedy, ErrorClass.CONFIG)
