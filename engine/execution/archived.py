"""Transfers whose source is an archive: it is unpacked beside itself, and that temporary file is what travels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from config.classify import classify
from engine.errors import ErrorClass, SyncdeckError
from engine.execution.content import Content
from engine.execution.landing import Landing
from engine.execution.places import Packed, Source, replica_at
from engine.execution.tools import Tools
from engine.execution.verdicts import Refused
from engine.integrity.guard import Decision, Verdict
from engine.locations import node_of
from engine.model import EntryKey, FileKind, FileStat, Replica, ReplicaState, Version
from engine.remote.archive_types import RestoreJob
from engine.remote.types import NodeAgent
from engine.shielded import finish_anyway
from engine.transport.discarding import discard_or_leave

DAMAGE = (ErrorClass.CHECKSUM_MISMATCH, ErrorClass.NOT_FOUND)
"""What an archive fails with that is not what was archived, or not there."""


def packed_source(packed: Packed, key: EntryKey) -> Source:
    """Return an archive as the source of a transfer."""
    stat = FileStat(packed.size_bytes, packed.mtime_ns)
    replica = Replica(packed.location, f"{packed.scratch}/{key.path}", ReplicaState.ARCHIVED, stat, packed.sha256)
    kind = FileKind(classify(key.path).kind)
    return Source(node_of(packed.location), packed.location, replica, kind, False, packed)


@asynccontextmanager
async def as_unpacked(
    tools: Tools, agent: NodeAgent, transfer_id: int, key: EntryKey, packed: Packed, kind: FileKind
) -> AsyncIterator[Content]:
    """Give the content of an archive as a verified temporary file on its node; it is removed afterwards.

    Raises SyncdeckError: checksum-mismatch for an archive that does not hold what was archived.
    """
    base = key.path.rsplit("/", 1)[-1]
    temp_path = tools.names.part(f"{packed.scratch}/{base}", 0, f"{transfer_id}un{packed.sha256}")
    job = RestoreJob(
        archive_path=packed.path,
        archive_root=packed.root,
        codec=packed.codec,
        temp_path=temp_path,
        root=packed.scratch_root,
        sha256=packed.sha256,
        size_bytes=packed.size_bytes,
        kind=kind,
    )
    try:
        try:
            restored = await agent.restore_archive(job, lambda done: None)
        except SyncdeckError as error:
            if error.error_class in DAMAGE:
                await tools.packed.doubt(transfer_id)
            raise
        stat = restored.stat
        source_stat = FileStat(restored.size_bytes, packed.mtime_ns)
        yield Content(temp_path, restored.size_bytes, packed.sha256, restored.sha256, source_stat, stat)
    finally:
        await finish_anyway(discard_or_leave(agent, [temp_path]))


@dataclass(frozen=True)
class RestoreLanding(Landing):
    """A restored file takes no other one's place, not even an earlier version's."""

    async def decide(self, new: Version | None, new_size_bytes: int) -> Decision:
        """Return ALLOW where nothing is, ALREADY where just this content is; raises Refused."""
        found = await self.agent.stat(self.target.path)
        if found is None:
            return Decision(Verdict.ALLOW, "nothing is there")
        known = replica_at(await self.catalog.get(self.key), self.target.location)
        if known is None or known.path != self.target.path or not known.stat.same_content_as(found):
            await self.judge_what_is_there()
            known = replica_at(await self.catalog.get(self.key), self.target.location)
        if new is not None and known is not None and known.sha256 == new.sha256 and not known.changed:
            return Decision(Verdict.ALREADY, "it is there already", expected=found)
        raise Refused(
            "restore",
            self.target.path,
            "another file is there, and nothing is restored over something different",
            f"move {self.target.path} away on {self.target.node_id}, or restore to another location",
            ErrorClass.CONFIG,
        )
