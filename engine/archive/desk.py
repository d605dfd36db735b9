"""What an operator may ask of the archive: previews first, then the same thing queued."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from config.types import Policy
from engine.archive.candidates import Sight, durable, holding_any, row_of
from engine.archive.cold import NodeColdStorage, cold_storage
from engine.archive.records import ArchiveRecords
from engine.archive.restoring import Restoring
from engine.archive.surveying import Surveyor
from engine.archive.values import ArchiveError, ArchiveRecord, ArchiveState, NewArchive, Original
from engine.archive.verifying import Verifier, checked
from engine.archive.worker import ArchiveWorker
from engine.catalog.catalog import DataCatalog
from engine.catalog.keys import parse_key
from engine.clock import Clock
from engine.errors import ErrorClass
from engine.execution.places import replica_at
from engine.model import DataEntry, Replica, ReplicaState
from engine.views import ActionResult, CheckResult
from engine.views_archive import (
    ArchivePage,
    ArchivePreview,
    ArchiveRequest,
    ArchiveRow,
    ArchiveStep,
    CandidatePage,
    CandidateRow,
    RestoreRequest,
)

USUAL_RATIO = 0.35
"""What zstd makes of games databases: 0.2 to 0.5 were measured on the users' own kind."""

Audit = Callable[[str, str], Awaitable[None]]


class ArchiveDesk:
    """Answers questions about the archive, and queues what is asked for."""

    def __init__(
        self,
        catalog: DataCatalog,
        records: ArchiveRecords,
        surveyor: Surveyor,
        worker: ArchiveWorker,
        restoring: Restoring,
        verifier: Verifier,
        policy: Callable[[], Policy],
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._records = records
        self._surveyor = surveyor
        self._worker = worker
        self._restoring = restoring
        self._verifier = verifier
        self._policy = policy
        self._clock = clock
        self.who: Callable[[], str] = lambda: "operator"
        """Returns who asks; put in by the engine."""

    async def candidates(self, location: str | None, offset: int, count: int, text: str) -> CandidatePage:
        """Return a window onto the candidates: those that may go first, largest first; then the protected ones."""
        survey = await self._surveyor.survey(location, text)
        rows = (*survey.may_go, *survey.protected)[offset : offset + count]
        return CandidatePage(survey.at, survey.total, offset, rows, round(survey.bytes * (1 - USUAL_RATIO)))

    async def page(self, offset: int, count: int, text: str) -> ArchivePage:
        """Return a window onto the archives."""
        await self._restoring.note_restored()
        total, found = await self._records.page(offset, count, text)
        return ArchivePage(self._clock.now(), total, offset, tuple(map(self._row, found)))

    async def preview(self, request: ArchiveRequest) -> ArchivePreview:
        """Return what a request would do, doing nothing. Raises SyncdeckError for a key or place that cannot be."""
        return (await self._choose(request))[0]

    async def run(self, request: ArchiveRequest) -> ActionResult:
        """Queue what the preview shows."""
        preview, new = await self._choose(request)
        run = secrets.token_hex(4)
        ids = await self._records.add(new, run, self.who()) if new else []
        self._worker.wake()
        refused = f"; {len(preview.refused)} refused" if preview.refused else ""
        word = "copy" if len(ids) == 1 else "copies"
        return ActionResult(len(ids), f"{len(ids)} {word} will be archived at {preview.destination}{refused}")

    async def cancel(self, archive_ids: tuple[int, ...]) -> tuple[int, list[int]]:
        """Stop archives being made; return how many, and the transfers that restore others of them."""
        return await self._worker.cancel(archive_ids), await self._restoring.transfers_of(archive_ids)

    async def restore(self, request: RestoreRequest) -> ActionResult:
        """Queue restores as transfers."""
        if request.path is not None:
            cause, remedy = "a place other than the key's own is not offered", "leave the path out"
            raise ArchiveError("restore to", request.path, cause, remedy, ErrorClass.UNSUPPORTED)
        found = await self._named(request.archive_ids)
        ids = await self._restoring.queue(found, request.location)
        numbers = ", ".join(map(str, ids))
        return ActionResult(len(ids), f"{len(ids)} restore{'' if len(ids) == 1 else 's'} queued: transfer {numbers}")

    async def undo(self) -> ActionResult:
        """Queue the restores of what was archived and deleted last."""
        await self._restoring.note_restored()
        run = await self._records.last_run()
        done = [] if run is None else await self._records.of_run(run)
        gone = [one for one in done if one.original is Original.DELETED and one.state is ArchiveState.VERIFIED]
        if not gone:
            return ActionResult(0, "nothing to undo: the last run deleted no original")
        ids = await self._restoring.queue(gone, None)
        return ActionResult(len(ids), f"{len(ids)} restore{'' if len(ids) == 1 else 's'} queued")

    async def verify(self, archive_ids: tuple[int, ...]) -> CheckResult:
        """Read archives back in full, now; all verified ones when none is named."""
        if archive_ids:
            chosen = await self._named(archive_ids)
        else:
            chosen = await self._records.in_state((ArchiveState.VERIFIED, ArchiveState.FAILED))
        good, failed = await self._verifier.verify(chosen)
        if failed:
            await self.repair()
        return checked(good, failed, f"{good} of {len(chosen)} archives hold what was archived")

    async def blocked(self) -> frozenset[tuple[str, str]]:
        """Return (key, location) of the copies whose archiving waits for a person."""
        found = await self._records.in_state((ArchiveState.BLOCKED,))
        return frozenset((str(one.key), one.original_location) for one in found)

    async def repair(self) -> int:
        """Archive again, from another copy, what a damaged archive held; return how many such copies there are.

        The damaged one stays damaged until that is done; what is in its way is tried again each time.
        """
        await self._records.retire()
        count = 0
        for record in await self._records.in_state((ArchiveState.FAILED,)):
            source = await self._another_copy(record)
            if source is None:
                continue
            count += 1
            for later in await self._records.of_entry(record.entry_id):
                if later.id > record.id and later.location == record.location and later.state is ArchiveState.BLOCKED:
                    await self._records.change(later.id, state=ArchiveState.QUEUED.value, reason="")
            await self._records.add([_again(record, source)], record.run, "engine")
        if count:
            self._worker.wake()
        return count

    async def _another_copy(self, record: ArchiveRecord) -> Replica | None:
        """Return a file that holds what an archive held; of an original that was kept its present version will do."""
        entry = await self._catalog.get(record.key)
        for replica in entry.replicas if entry is not None else ():
            if replica.state is not ReplicaState.CURRENT:
                continue
            kept = record.original is Original.KEPT
            if kept or await self._records.same_version(record.entry_id, record.sha256, replica.sha256):
                return replica
        return None

    async def drill(self, count: int) -> CheckResult:
        """Restore a sample into scratch space, compare, and remove it again."""
        return await self._verifier.drill(count)

    async def pin(self, text: str, reason: str) -> ActionResult:
        """Let no copy of an entry go until it is unpinned. Raises SyncdeckError for a key that nothing has."""
        key = parse_key(text)
        if await self._catalog.get(key) is None:
            cause, remedy = "nothing has such a key", "see `syncdeck catalog ls`"
            raise ArchiveError("pin", text, cause, remedy, ErrorClass.NOT_FOUND)
        new = await self._records.pin(key, self.who(), reason)
        self._surveyor.forget()
        message = f"{key} is pinned: no copy of it is archived away or deleted"
        return ActionResult(int(new), message if new else f"{key} was pinned already")

    async def pin_too(self, text: str, other: str) -> None:
        """Pin a second entry if the first one is pinned: it holds what that one held."""
        if str(parse_key(text)) in await self._records.pinned():
            await self.pin(other, f"as {text} is, beside which it was kept")

    async def unpin(self, text: str) -> ActionResult:
        """Take the pin of an entry away. Raises SyncdeckError for what is no key."""
        key = parse_key(text)
        gone = await self._records.unpin(key, self.who())
        self._surveyor.forget()
        return ActionResult(int(gone), f"{key} is no longer pinned" if gone else f"{key} was not pinned")

    async def _named(self, ids: tuple[int, ...]) -> list[ArchiveRecord]:
        found = await self._records.of_ids(ids)
        missing = sorted(set(ids) - {one.id for one in found})
        if missing:
            cause, remedy = "there is no such archive", "`syncdeck archive list`"
            raise ArchiveError("find", f"archive {missing[0]}", cause, remedy, ErrorClass.CONFIG)
        return found

    async def _choose(self, request: ArchiveRequest) -> tuple[ArchivePreview, list[NewArchive]]:
        await self._restoring.note_restored()
        cold = cold_storage(self._policy(), request.destination)
        sight = await self._surveyor.sight(request.destination)
        refused: list[tuple[str, str, str]] = []
        steps: list[ArchiveStep] = []
        new: list[NewArchive] = []
        for row in await self._asked(request, sight, refused):
            before, after, objection = await self._counted(row, sight, cold)
            if row.protected is not None:
                refused.append((row.key, row.protected, "leave it, or take the protection away first"))
                continue
            if request.delete_original and objection:
                refused.append((row.key, objection, "archive it elsewhere (--to), or keep the original"))
                continue
            first = next((step.location for step in steps if step.key == row.key), None)
            if first is not None:
                why = f"its copy at {first} goes in this run: one archive takes the place of one copy"
                refused.append((row.key, why, "ask again when that is done, with --to another place"))
                continue
            if not request.delete_original:
                after = max(before, after)
            proof = "nothing is deleted" if not request.delete_original else f"the archive at {cold.location}"
            steps.append(ArchiveStep(row.key, row.location, row.size_bytes, before, after, proof))
            new.append(_new(row, cold, request))
        total = sum(step.size_bytes for step in steps)
        packed = round(total * USUAL_RATIO)
        freed = total - packed if request.delete_original else -packed
        preview = ArchivePreview(request, tuple(steps), total, packed, freed, cold.location, None, tuple(refused))
        return preview, new

    async def _asked(
        self, request: ArchiveRequest, sight: Sight, refused: list[tuple[str, str, str]]
    ) -> list[CandidateRow]:
        """Return the copies that a request names; without keys all candidates of its location."""
        if not request.keys:
            return list((await self._surveyor.survey(request.location)).may_go)
        rows = []
        for text in request.keys:
            key = parse_key(text)
            entry = await self._catalog.get(key)
            entry_id = await self._records.entry_id(key)
            found = []
            if entry is not None and entry_id is not None:
                files = [r for r in entry.replicas if r.state is not ReplicaState.ARCHIVED]
                here = [r for r in files if request.location in (None, r.location)]
                found = [row_of(entry_id, entry, replica, sight) for replica in here]
            if not found:
                where = f" at {request.location}" if request.location else ""
                refused.append((text, f"there is no file of it{where}", "see `syncdeck catalog where`"))
            rows += found if request.location is not None else [row for row in found if row.reasons] or found[:1]
        return rows

    async def _counted(self, row: CandidateRow, sight: Sight, cold: NodeColdStorage) -> tuple[int, int, str]:
        """Return the verified durable copies before and after, and what forbids deleting the original."""
        entry = await self._catalog.get(parse_key(row.key))
        assert entry is not None
        now = durable(entry, sight)
        view = sight.locations.get(row.location)
        if entry.current is None and view is not None and view.durable:
            now = now | {row.location}
        # An undone pair is what the original alone was before: its archive takes its place once more.
        undone = {cold.location} if await self._undone(row, entry, cold.location) else set()
        there = sight.locations.get(cold.location)
        new = {cold.location} if there is not None and there.durable else set()
        leaves = {row.location} - {cold.location}
        now = now - undone
        after = now - leaves | new
        if not after:
            return len(now), 0, f"{cold.location} is not durable: no safe copy would be left"
        if len(after) < len(now) and not new:
            return len(now), len(after), f"{cold.location} is not durable: an archive there counts as no copy"
        if len(after) < len(now):
            return len(now), len(after), f"{cold.location} holds a copy already, and a location counts once"
        held = now | holding_any(entry, sight) - undone
        if len(held - leaves | new) < len(held):
            objection = f"{cold.location} holds another version already, and a location counts once"
            return len(now), len(after), objection
        return len(now), len(after), ""

    async def _undone(self, row: CandidateRow, entry: DataEntry, cold: str) -> bool:
        """Return whether all that the cold storage has of a copy is the archive that it was restored from."""
        here, there = replica_at(entry, row.location), replica_at(entry, cold)
        if here is None or there is None or there.state is not ReplicaState.ARCHIVED:
            return False
        return here.sha256 in await self._restoring.undone(row.entry_id, cold, (row.location, row.path))

    def _row(self, record: ArchiveRecord) -> ArchiveRow:
        progress = self._worker.progress
        mine = progress is not None and progress.archive_id == record.id
        seconds = max(self._clock.monotonic() - progress.started_at, 0.001) if mine and progress else 1.0
        return ArchiveRow(
            id=record.id,
            key=str(record.key),
            location=record.location,
            path=record.path,
            original_location=record.original_location,
            original_path=record.original_path,
            original=record.original.value,
            size_bytes=record.size_bytes,
            archive_bytes=record.archive_bytes,
            codec=record.codec,
            sha256=record.sha256 or "",
            created_at=record.created_at,
            verified_at=record.verified_at,
            state=record.state.value,
            reason=record.reason,
            bytes_done=progress.bytes_done if mine and progress else 0,
            bytes_per_second=progress.bytes_done / seconds if mine and progress else None,
            code=record.code.value if record.code else None,
        )


def _again(record: ArchiveRecord, source: Replica) -> NewArchive:
    return NewArchive(
        entry_id=record.entry_id,
        key=record.key,
        location=record.location,
        path="",
        root="",
        codec=record.codec,
        original_location=source.location,
        original_path=source.path,
        delete_original=False,
        size_bytes=source.stat.size_bytes,
    )


def _new(row: CandidateRow, cold: NodeColdStorage, request: ArchiveRequest) -> NewArchive:
    return NewArchive(
        entry_id=row.entry_id,
        key=parse_key(row.key),
        location=cold.location,
        path="",
        root="",
        codec=request.codec,
        original_location=row.location,
        original_path=row.path,
        delete_original=request.delete_original,
        size_bytes=row.size_bytes,
    )
