"""The last steps at the target: is the place free for this version, then rename, then record."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from config.classify import classify
from engine.catalog.catalog import DataCatalog
from engine.clock import Clock
from engine.errors import ErrorClass
from engine.execution.keeping import record_kept
from engine.execution.places import Target, replica_at
from engine.execution.verdicts import Refused
from engine.integrity.guard import Decision, Verdict, decide
from engine.integrity.kept import AUTHOR, KEPT, kept_path, may_lack
from engine.model import DataEntry, EntryKey, FileKind, FileStat, Replica, ReplicaState, Version
from engine.remote.types import NodeAgent, PublishRequest, PublishResult

log = logging.getLogger(__name__)

MOST_LOOKS = 3
"""A target that shows other content at every look is being written by somebody: an operator must see that."""


@dataclass(frozen=True)
class Landing:
    """Decides about, and publishes at, one target."""

    catalog: DataCatalog
    agent: NodeAgent
    clock: Clock
    key: EntryKey
    target: Target

    async def decide(self, new: Version | None, new_size_bytes: int) -> Decision:
        """Return ALLOW or ALREADY. Unknown content there is hashed and recorded first; raises Refused."""
        for _ in range(MOST_LOOKS):
            found = await self.agent.stat(self.target.path)
            known = replaced_at(await self.catalog.get(self.key), self.target)
            decision = decide(found, known, new, new_size_bytes)
            if decision.verdict is Verdict.REFUSE:
                raise refused(self.target, decision)
            if decision.verdict is not Verdict.HASH_FIRST:
                return decision
            await self.judge_what_is_there()
        raise self._restless()

    async def judge_what_is_there(self) -> ReplicaState:
        """Hash the file at the target and record what it is worth."""
        kind = FileKind(classify(self.target.path).kind)
        content = await self.agent.hash(self.target.path, kind)
        version = Version(content.sha256, content.size_bytes, content.stat.mtime_ns / 1e9, None, content.fingerprint)
        return await self.catalog.record_content(
            self.key, self.target.location, self.target.path, version, content.stat, self.clock.now()
        )

    async def publish(
        self, temp_path: str, temp_stat: FileStat | None, version: Version, mtime_ns: int, expected: FileStat | None
    ) -> PublishResult:
        """Rename the verified temporary file into place, deciding again while the target holds something else.

        What it takes the place of stays as an entry of its own where it holds what the new version lacks. Returns
        ``published`` or ``already``; raises Refused when a guard rule forbids it.
        """
        for _ in range(MOST_LOOKS):
            entry = await self.catalog.get(self.key) if expected is not None else None
            replaced = replaced_at(entry, self.target)
            request = PublishRequest(
                temp_path=temp_path,
                final_path=self.target.path,
                sha256=version.sha256,
                size_bytes=version.size_bytes,
                mtime_ns=mtime_ns,
                temp_stat=temp_stat,
                expected=expected,
                root=self.target.root.path,
                kept_path=stays_as(replaced),
            )
            result = await self.agent.publish(request)
            await self.remember_kept(entry, replaced, result)
            if result.outcome != "conflict":
                return result
            decision = await self.decide(version, version.size_bytes)
            if decision.verdict is Verdict.ALREADY:
                await self.agent.discard([temp_path])
                return PublishResult("already", decision.expected)
            expected = decision.expected
        raise self._restless()

    async def remember_kept(self, entry: DataEntry | None, replaced: Replica | None, result: PublishResult) -> None:
        """Record what stayed of an earlier version, if anything did: it is data like any other from now on."""
        if entry is None or replaced is None or replaced.sha256 is None or result.kept is None:
            return
        path = await record_kept(self.catalog, entry, replaced, result.kept, self.clock.now())
        await self.catalog.audit(AUTHOR, KEPT, str(self.key), f"{path} on {self.target.node_id}")
        log.warning("%s began anew without all of what it held: %s stays on %s", self.key, path, self.target.node_id)

    def _restless(self) -> Refused:
        return Refused(
            "publish",
            self.target.path,
            "somebody writes to the copy at the target: it changed at every look, or holds commits in a -wal",
            f"stop what writes to {self.target.path} on {self.target.node_id}, then retry",
            ErrorClass.CONFIG,
        )


def refused(target: Target, decision: Decision) -> Refused:
    """Return a decision against a target's file as the error that it is."""
    return Refused("publish", target.path, decision.reason, decision.remedy, code=decision.code)


def replaced_at(entry: DataEntry | None, target: Target) -> Replica | None:
    """Return the known copy whose place a new version takes, None where nothing is known there."""
    known = replica_at(entry, target.location)
    return known if known is not None and known.path == target.path else None


def stays_as(replaced: Replica | None) -> str:
    """Return where a copy stays if the version that takes its place lacks some of it, "" where none can."""
    if replaced is None or replaced.sha256 is None or not may_lack(replaced.path):
        return ""
    return kept_path(replaced.path, replaced.sha256)
