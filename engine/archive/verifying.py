"""Reading archives back in full: on demand, and as drills that restore a sample into scratch space."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import case

from config.classify import classify
from engine.archive.cold import available, root_of
from engine.archive.records import ArchiveRecords
from engine.archive.restoring import Restoring
from engine.archive.values import ArchiveRecord, ArchiveState
from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError
from engine.execution.archived import DAMAGE, as_unpacked
from engine.execution.tools import Tools
from engine.locations import node_of
from engine.model import FileKind, LocationView
from engine.planner.obstacles import obstacle
from engine.store.schema import archives
from engine.store.store import Store
from engine.views import CheckResult

LAST_DRILL = "archive-drill"
DRILL_SECONDS = 7 * 86_400.0


class Verifier:
    """Finds out whether archives hold what was archived. One that does not counts for nothing from then on."""

    def __init__(
        self,
        tools: Tools,
        store: Store,
        records: ArchiveRecords,
        restoring: Restoring,
        locations: Callable[[], Mapping[str, LocationView]],
        chance: random.Random,
    ) -> None:
        self._tools = tools
        self._store = store
        self._records = records
        self._restoring = restoring
        self._locations = locations
        self._chance = chance

    @property
    def _clock(self) -> Clock:
        return self._tools.clock

    async def verify(self, chosen: Sequence[ArchiveRecord]) -> tuple[int, list[ArchiveRecord]]:
        """Read archives in full; return how many are good, and those that are not. Raises when a node is lost."""
        good, failed = 0, []
        for record in chosen:
            if await self.verify_one(record):
                good += 1
            else:
                failed.append(record)
        return good, failed

    async def verify_one(self, record: ArchiveRecord) -> bool:
        """Read one archive in full and record what it is worth. Raises SyncdeckError when its node cannot be asked."""
        if record.state not in (ArchiveState.VERIFIED, ArchiveState.FAILED):
            return False
        agent = await self._tools.agent_for(node_of(record.location))
        try:
            read = await agent.verify_archive(record.path, record.root, record.codec, lambda _: None)
        except SyncdeckError as error:
            await self._judge(record, error)
            return False
        if read.sha256 != record.sha256:
            await self.fail(record, "it holds another content than was archived")
            return False
        await self._records.settle(
            record.id,
            state=ArchiveState.VERIFIED.value,
            # What is still to be done with an archive is not done by reading it once more.
            reason=case((archives.c.code.is_(None), "read back in full"), else_=archives.c.reason),
            code=archives.c.code,
            verified_at=self._clock.now(),
            archive_bytes=read.stat.size_bytes,
            mtime_ns=read.stat.mtime_ns,
            inode=read.stat.inode,
        )
        return True

    async def doubt(self, transfer_id: int) -> None:
        """Read the archive that a transfer could not be read from in full, and record what it is worth. Raises as
        ``verify_one``."""
        record = await self._restoring.archive_of(transfer_id)
        if record is not None:
            await self.verify_one(record)

    async def _judge(self, record: ArchiveRecord, error: SyncdeckError) -> None:
        """Fail an archive for what was found wrong with it; raise what says nothing about it, as of a lost drive."""
        if error.error_class not in DAMAGE:
            raise error
        if error.error_class is ErrorClass.NOT_FOUND:
            agent = await self._tools.agent_for(node_of(record.location))
            await available(agent, root_of(record))
        await self.fail(record, error.cause)

    async def fail(self, record: ArchiveRecord, cause: str) -> None:
        """Record that an archive is damaged: it counts for nothing from now on, and is moved aside for inspection."""
        await self._records.settle(record.id, state=ArchiveState.FAILED.value, reason=cause)
        agent = await self._tools.agent_for(node_of(record.location))
        if not record.path.endswith(f".failed-{record.id}") and await agent.stat(record.path) is not None:
            aside = f"{record.path}.failed-{record.id}"
            await agent.quarantine(record.path, aside)
            await self._records.change(record.id, path=aside)

    async def drill(self, count: int) -> CheckResult:
        """Unpack a random sample of what is at hand beside the archives, compare, check and remove it.

        The outcome is kept, unless there was nothing to unpack.
        """
        sound = await self.at_hand()
        if not sound:
            return CheckResult(0, "no verified archive is at hand")
        sample = self._chance.sample(sound, min(count, len(sound)))
        good, failed = 0, []
        for record in sample:
            try:
                await self._rehearse(record)
                good += 1
            except SyncdeckError as error:
                await self._judge(record, error)
                failed.append(record)
        result = checked(
            good, failed, f"{good} of {len(sample)} archives were restored into scratch space and compared"
        )
        await self._store.meta_set(LAST_DRILL, f"{self._clock.now()} {result.message}")
        return result

    async def at_hand(self) -> list[ArchiveRecord]:
        """Return the verified archives that can be looked at now: not those on drives and nodes that are away."""
        views = self._locations()
        sound = await self._records.in_state((ArchiveState.VERIFIED,))
        return [one for one in sound if obstacle(views.get(one.location), one.location) is None]

    async def last_drill(self) -> tuple[float | None, str]:
        """Return when the last drill was, and what it came to."""
        kept = await self._store.meta_get(LAST_DRILL)
        if kept is None:
            return None, ""
        at, _, message = kept.partition(" ")
        return float(at), message

    async def _rehearse(self, record: ArchiveRecord) -> None:
        packed = await self._restoring.packed_of(record)
        agent = await self._tools.agent_for(node_of(record.location))
        kind = FileKind(classify(record.key.path).kind)
        async with as_unpacked(self._tools, agent, 0, record.key, packed, kind):
            return


def checked(good: int, failed: Sequence[ArchiveRecord], message: str) -> CheckResult:
    """Return what reading archives came to; the message names those that failed."""
    ids = tuple(one.id for one in failed)
    return CheckResult(good, f"{message}; failed: {', '.join(map(str, ids))}" if ids else message, ids)
