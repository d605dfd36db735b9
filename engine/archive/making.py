"""Making one archive: the copy brought to the cold storage, compressed and read back there, published, catalogued.

Every act is written down before it. The original is only read here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from engine.archive.cold import SHARED, NodeColdStorage, archive_name
from engine.archive.records import ArchiveRecords
from engine.archive.values import ArchiveError, ArchiveRecord, ArchiveState
from engine.catalog.versions import version_id_of
from engine.errors import ErrorClass, SyncdeckError
from engine.execution.content import Content, as_file, as_snapshot, look
from engine.execution.jobs import build_job
from engine.execution.places import Source, Target, find_source
from engine.execution.tools import Tools
from engine.integrity.guard import Decision, Verdict
from engine.model import FileStat, ReplicaState, SyncPriority, Transfer, TransferState, Version
from engine.remote.archive_types import Archived, ArchiveJob
from engine.remote.types import NodeAgent, PublishRequest, RootStatus
from engine.shielded import finish_anyway
from engine.store.store import Store
from engine.transport.discarding import discard_or_leave

ARCHIVE_MODE = 0o444
"""Nobody writes into an archive."""

Moved = Callable[[int], None]


@dataclass
class _Work:
    """One archive being made. ``owner`` stands for a transfer's number in names, space and bandwidth."""

    record: ArchiveRecord
    source: Source
    source_agent: NodeAgent
    agent: NodeAgent
    cold: NodeColdStorage
    status: RootStatus
    owner: int


class ArchiveMaker:
    """Makes archives, one at a time."""

    def __init__(self, tools: Tools, store: Store, records: ArchiveRecords) -> None:
        self._tools = tools
        self._store = store
        self._records = records

    async def make(self, record: ArchiveRecord, cold: NodeColdStorage, moved: Moved) -> None:
        """Leave a verified archive in the catalog, and no temporary file. Raises SyncdeckError; may be cancelled."""
        tools = self._tools
        source = find_source(await tools.catalog.get(record.key), record.key, record.original_location)
        agent = await tools.agent_for(cold.node_id)
        status = await cold.status(agent)
        source_agent = await tools.agent_for(source.node_id)
        work = _Work(record, source, source_agent, agent, cold, status, -record.id)
        try:
            await self._make(work, moved)
        finally:
            tools.space.release(work.owner)
            await finish_anyway(self.clean(record.id))

    async def clean(self, archive_id: int) -> None:
        """Remove the temporary files that a record names; those on a lost node stay named, and are tried again."""
        record = await self._records.get(archive_id)
        left = []
        for node, path in record.temporaries if record is not None else ():
            try:
                await discard_or_leave(await self._tools.agent_for(node), [path])
            except SyncdeckError:
                # The node cannot be reached: the next start of the engine asks it again.
                left.append((node, path))
        if record is not None and record.temporaries:
            await self._records.change(archive_id, temporaries=json.dumps(left))

    async def _make(self, work: _Work, moved: Moved) -> None:
        tools, record, source = self._tools, work.record, work.source
        stat = await look(work.source_agent, source)
        size = stat.size_bytes + stat.wal_size_bytes
        elsewhere = source.node_id != work.cold.node_id
        tools.space.reserve_target(
            work.owner,
            work.cold.node_id,
            work.status,
            size * (2 if elsewhere else 1),
            tools.policy().thresholds,
            may_fill=True,
        )
        async with AsyncExitStack() as stack:
            if source.live:
                taking = as_snapshot(tools, work.source_agent, 0, record.key, source, stat)
            else:
                taking = as_file(record.key, source, stat)
            content = await stack.enter_async_context(taking)
            if content.live:
                cause = "there is no room for a snapshot of it"
                remedy = f"free space on {source.node_id}"
                raise ArchiveError("archive", source.path, cause, remedy, ErrorClass.NO_SPACE)
            path, read_stat = content.path, content.read_stat
            if elsewhere:
                path, read_stat = await self._bring(work, content)
            made, temp_path = await self._pack(work, path, read_stat, content.content_id, moved)
        version = await self._known(work, content, made)
        await self._publish(work, made, version, temp_path)

    async def _bring(self, work: _Work, content: Content) -> tuple[str, FileStat]:
        """Have the content brought to the cold storage as a verified temporary file."""
        tools, record = self._tools, work.record
        temp_path = tools.names.part(self._place(work), 0, f"{record.id}in{content.content_id}")
        await self._intend(record.id, work.cold.node_id, temp_path)
        target = Target(work.cold.node_id, work.cold.location, temp_path, work.status)
        carried = _as_transfer(work)
        rate = tools.bandwidth.start(carried, work.source.node_id, work.cold.node_id)
        try:
            nothing_there = Decision(Verdict.ALLOW, "a temporary file")
            job = await build_job(
                tools, None, work.source, work.source_agent, target, content, nothing_there, temp_path, rate
            )
            delivery = await tools.transports.deliver(
                job, (), lambda done, wire: tools.bandwidth.moved(work.owner, wire)
            )
        finally:
            tools.bandwidth.end(work.owner)
        if delivery.outcome is None:
            assert delivery.error is not None
            raise delivery.error
        return temp_path, delivery.outcome.temp_stat

    async def _pack(
        self, work: _Work, path: str, stat: FileStat, content_id: str, moved: Moved
    ) -> tuple[Archived, str]:
        record = work.record
        temp_path = self._tools.names.part(self._place(work), 0, f"{record.id}out{content_id}")
        await self._intend(record.id, work.cold.node_id, temp_path)
        job = ArchiveJob(path, stat, work.source.kind, temp_path, work.cold.confines(work.status), record.codec)
        return await work.agent.archive(job, moved), temp_path

    async def _known(self, work: _Work, content: Content, made: Archived) -> Version:
        """Have the catalog judge what was read; return it. Raises ArchiveError for what is no current version."""
        version = Version(made.sha256, made.size_bytes, content.mtime_ns / 1e9, content.games_count, made.fingerprint)
        state = await self._tools.catalog.record_content(
            work.record.key,
            work.source.location,
            work.source.path,
            version,
            content.source_stat,
            self._tools.clock.now(),
        )
        if state is not ReplicaState.CURRENT:
            cause = f"the copy at {work.source.location} is {state.value}"
            remedy = "only current versions are archived: see `syncdeck catalog where`"
            raise ArchiveError("archive", str(work.record.key), cause, remedy, ErrorClass.SOURCE_CHANGED)
        return version

    async def _publish(self, work: _Work, made: Archived, version: Version, temp_path: str) -> None:
        record = work.record
        folder = work.cold.folder(work.status)
        final_path = f"{folder}/{archive_name(record.key, version.sha256, record.codec)}"
        # Before the name is given: a killed engine finds what it was about to publish, and under which name.
        await self._records.change(
            record.id,
            path=final_path,
            sha256=made.sha256,
            fingerprint=made.fingerprint,
            size_bytes=made.size_bytes,
            archive_sha256=made.archive_sha256,
            archive_bytes=made.stat.size_bytes,
        )
        request = PublishRequest(
            temp_path=temp_path,
            final_path=final_path,
            sha256=made.archive_sha256,
            size_bytes=made.stat.size_bytes,
            mtime_ns=round(version.mtime * 1e9),
            temp_stat=made.stat,
            expected=None,
            mode=ARCHIVE_MODE,
            root=work.cold.confines(work.status),
        )
        result = await work.agent.publish(request)
        if result.outcome == "conflict" or result.stat is None:
            raise ArchiveError(
                "publish",
                final_path,
                "another file is there, and archives are never overwritten",
                f"look at it on {work.cold.node_id} and move it away",
                ErrorClass.CONFIG,
            )
        await self.catalogue(record, made.sha256, result.stat)

    async def catalogue(self, record: ArchiveRecord, sha256: str, stat: FileStat) -> None:
        """Record a published archive that was read back in full just now."""
        version_id = await self._store.read(lambda c: version_id_of(c, record.entry_id, sha256))
        if version_id is None:
            cause = "its content is no version of the entry any more"
            raise ArchiveError("record", record.path, cause, "archive it again", ErrorClass.SOURCE_CHANGED)
        await self._records.settle(
            record.id,
            state=ArchiveState.VERIFIED.value,
            reason="read back in full",
            version_id=version_id,
            archive_bytes=stat.size_bytes,
            mtime_ns=stat.mtime_ns,
            inode=stat.inode,
            verified_at=self._tools.clock.now(),
        )
        await self._records.retire()

    async def _intend(self, archive_id: int, node: str, path: str) -> None:
        """Write down a temporary file before it is made."""
        record = await self._records.get(archive_id)
        assert record is not None
        await self._records.change(archive_id, temporaries=json.dumps([*record.temporaries, (node, path)]))

    def _place(self, work: _Work) -> str:
        return f"{work.cold.folder(work.status)}/{work.record.key.origin or SHARED}/{work.record.key.path}"


def _as_transfer(work: _Work) -> Transfer:
    """Return what the sharing out of bandwidth must know of the way to the cold storage."""
    return Transfer(
        id=work.owner,
        key=work.record.key,
        source=work.source.location,
        target=work.cold.location,
        state=TransferState.TRANSFERRING,
        reason="to the cold storage",
        priority=SyncPriority.BACKGROUND,
        bytes_total=work.record.size_bytes,
    )
