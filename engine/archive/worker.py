"""The work of archiving, one copy at a time: made, verified, catalogued, and only then perhaps the original deleted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from config.types import Policy
from engine.archive.cold import cold_storage
from engine.archive.deleting import Deleter
from engine.archive.making import ArchiveMaker
from engine.archive.records import ArchiveRecords
from engine.archive.restoring import Restoring
from engine.archive.values import UNFINISHED, ArchiveCode, ArchiveRecord, ArchiveState, Original
from engine.clock import Clock
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.locations import node_of
from engine.remote.types import NodeAgent
from engine.transport.types import AgentFor

log = logging.getLogger(__name__)

AGAIN_SECONDS = 60.0
"""How long what could not be done because a node was lost waits for the next try."""
_AWAITS_DELETION = {"reason": "read back in full; the original goes next", "code": ArchiveCode.AWAITS_DELETION.value}
PASSING = (ErrorClass.TRANSIENT_NETWORK, ErrorClass.THROTTLED)


@dataclass
class Progress:
    """How far the archive being worked on is: bytes read, of the file and again of the archive."""

    archive_id: int
    bytes_done: int
    started_at: float


class ArchiveWorker:
    """Carries out what was asked for. Owned by the event loop."""

    def __init__(
        self,
        records: ArchiveRecords,
        maker: ArchiveMaker,
        deleter: Deleter,
        restoring: Restoring,
        agent_for: AgentFor,
        policy: Callable[[], Policy],
        clock: Clock,
        held_back: Callable[[str], bool],
        changed: Callable[[], None],
    ) -> None:
        """``held_back``: whether a node is paused or nothing may be done; ``changed`` is called after each step."""
        self._records = records
        self._maker = maker
        self._deleter = deleter
        self._restoring = restoring
        self._agent_for = agent_for
        self._policy = policy
        self._clock = clock
        self._held_back = held_back
        self._changed = changed
        self._wake = asyncio.Event()
        self._running: tuple[int, asyncio.Task[None]] | None = None
        self._later: dict[int, float] = {}
        self.progress: Progress | None = None

    def wake(self) -> None:
        """Look for work now."""
        self._wake.set()

    async def run(self) -> None:
        """Work for ever."""
        while True:
            self._wake.clear()
            if not await self.once():
                try:
                    async with asyncio.timeout(AGAIN_SECONDS):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def drain(self) -> None:
        """Do everything that can be done now."""
        while await self.once():
            continue

    async def once(self) -> bool:
        """Do the next piece of work; return whether there was one."""
        await self._take_up_deletions()
        await self._restoring.note_restored()
        record = await self._next()
        if record is None:
            return False
        task = asyncio.get_running_loop().create_task(self._do(record), name=f"archive {record.id}")
        self._running = (record.id, task)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                # It is the engine that stops: the work is taken up again at its next start.
                task.cancel()
                await asyncio.wait([task])
                raise
        finally:
            self._running, self.progress = None, None
            self._changed()
        return True

    async def cancel(self, archive_ids: tuple[int, ...]) -> int:
        """Stop what is being made or waits for it; return how many were."""
        count = 0
        for record in await self._records.of_ids(archive_ids):
            if record.state not in (*UNFINISHED, ArchiveState.BLOCKED):
                continue
            if self._running is not None and self._running[0] == record.id:
                task = self._running[1]
                task.cancel()
                await asyncio.wait([task])
            await self._records.change(record.id, state=ArchiveState.CANCELLED.value, reason="cancelled by an operator")
            count += 1
        return count

    async def _next(self) -> ArchiveRecord | None:
        now = self._clock.now()
        for record in await self._records.in_state(UNFINISHED):
            nodes = (node_of(record.location), node_of(record.original_location))
            if self._later.get(record.id, 0.0) <= now and not any(map(self._held_back, nodes)):
                return record
        for record in await self._records.in_state((ArchiveState.VERIFIED,)):
            held_back = self._held_back(node_of(record.original_location))
            if _awaits_deletion(record) and self._later.get(record.id, 0.0) <= now and not held_back:
                return record
        return None

    async def _take_up_deletions(self) -> None:
        """Have those that were cut short, by a kill or a lost node, begun again from a new proof."""
        for archive_id in await self._deleter.recover("engine"):
            await self._records.change(archive_id, **_AWAITS_DELETION)

    async def _do(self, record: ArchiveRecord) -> None:
        try:
            if record.state is not ArchiveState.VERIFIED:
                record = await self._make(record)
            if record.state is ArchiveState.VERIFIED and _awaits_deletion(record):
                await self._delete(record)
        except SyncdeckError as error:
            await self._note_failure(record, error)

    async def _make(self, record: ArchiveRecord) -> ArchiveRecord:
        cold = cold_storage(self._policy(), record.location)
        agent = await self._agent_for(cold.node_id)
        await self._maker.clean(record.id)
        if record.state is ArchiveState.WRITING and await self._adopted(record, agent):
            return await self._ready(record)
        if await self._twin(record):
            found = await self._records.get(record.id)
            assert found is not None
            return found
        codec = record.codec if agent.info.zstd else "gzip"
        root = cold.confines(await cold.status(agent))
        await self._records.change(record.id, state=ArchiveState.WRITING.value, reason="", codec=codec, root=root)
        self._changed()
        self.progress = Progress(record.id, 0, self._clock.monotonic())
        await self._maker.make(replace(record, codec=codec), cold, self._moved)
        return await self._ready(record)

    async def _ready(self, record: ArchiveRecord) -> ArchiveRecord:
        """Return the archive that was made; one whose original is to go says so, also after a kill."""
        if record.delete_original:
            await self._records.change(record.id, **_AWAITS_DELETION)
        found = await self._records.get(record.id)
        assert found is not None
        return found

    async def _adopted(self, record: ArchiveRecord, agent: NodeAgent) -> bool:
        """Take over the archive that a killed engine published and did not record; it is read back in full again."""
        if record.archive_sha256 is None or record.sha256 is None or await agent.stat(record.path) is None:
            return False
        try:
            read = await agent.verify_archive(record.path, record.root, record.codec, lambda _: None)
        except SyncdeckError as error:
            if error.error_class in PASSING:
                raise
            return False
        if (read.sha256, read.archive_sha256) != (record.sha256, record.archive_sha256):
            return False
        await self._maker.catalogue(record, read.sha256, read.stat)
        return True

    async def _twin(self, record: ArchiveRecord) -> bool:
        """Use the archive that the cold storage has of this copy's version already; return whether it has one."""
        entry = await self._deleter.catalog.get(record.key)
        here = next((r for r in entry.replicas if r.location == record.original_location), None) if entry else None
        for twin in await self._records.of_entry(record.entry_id):
            if twin.state is not ArchiveState.VERIFIED or twin.location != record.location:
                continue
            if here is None or here.changed or twin.sha256 != here.sha256:
                continue
            reason = f"archive {twin.id} holds it already"
            await self._records.change(record.id, state=ArchiveState.CANCELLED.value, reason=reason)
            if record.delete_original:
                of = {"original_location": record.original_location, "original_path": record.original_path}
                await self._records.change(twin.id, **of, **_AWAITS_DELETION, run=record.run)
            return True
        return False

    async def _delete(self, record: ArchiveRecord) -> None:
        run = await self._records.of_run(record.run)
        gone = sum(one.original is Original.DELETED for one in run if one.id != record.id)
        most = self._policy().engine.archive.max_deletions_per_run
        if gone >= most:
            reason = f"the original stays: {most} were deleted in this run (max_deletions_per_run)"
            await self._records.change(record.id, reason=reason)
            return
        try:
            # Until this is done the code says that it is to be: a killed engine goes on with it.
            await self._deleter.replace(record, record.who)
        except SyncdeckError as error:
            # The archive is good; the original stays, and why is written at the archive.
            self._later[record.id] = self._clock.now() + AGAIN_SECONDS
            await self._records.change(record.id, reason=f"the original stays: {error.cause}")
            log.warning("%s", error)

    async def _note_failure(self, record: ArchiveRecord, error: SyncdeckError) -> None:
        """Let what a lost node caused wait for it, and everything else for a person; the original is untouched."""
        if isinstance(error, NodeUnreachable) or error.error_class in PASSING:
            self._later[record.id] = self._clock.now() + AGAIN_SECONDS
            await self._records.change(record.id, reason=f"waits: {error.cause}")
            return
        reason = f"{error.cause}; {error.remedy}"
        await self._records.change(record.id, state=ArchiveState.BLOCKED.value, reason=reason)
        log.warning("archive %d: %s", record.id, error)

    def _moved(self, done: int) -> None:
        if self.progress is not None:
            self.progress.bytes_done = done
        self._changed()


def _awaits_deletion(record: ArchiveRecord) -> bool:
    return record.code is ArchiveCode.AWAITS_DELETION and record.original is not Original.DELETING
