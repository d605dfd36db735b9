"""Carrying out one claimed transfer, edge by edge; every edge is in the queue before its act."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.execution.archived import RestoreLanding, as_unpacked, packed_source
from engine.execution.content import Content, as_file, as_snapshot, look
from engine.execution.jobs import build_job
from engine.execution.landing import Landing
from engine.execution.outcomes import Outcomes
from engine.execution.places import Source, Target, find_source, find_target
from engine.execution.tools import Tools
from engine.execution.verdicts import Ending, Superseded
from engine.integrity.guard import Decision, Verdict
from engine.integrity.temporary import content_id
from engine.locations import node_of
from engine.model import DataEntry, ReplicaState, Transfer, TransferState, Transport, Version
from engine.remote.types import NodeAgent, Progress, PublishResult, StreamOutcome
from engine.shielded import finish_anyway
from engine.transport.discarding import discard_or_leave
from engine.transport.manager import Delivery


@dataclass
class Work:
    """One attempt at one transfer, as it goes along."""

    transfer: Transfer
    entry: DataEntry | None
    source: Source
    target: Target
    source_agent: NodeAgent
    target_agent: NodeAgent
    temp_paths: set[str] = field(default_factory=set)
    delivery: Delivery | None = None


class Executor:
    """Runs claimed transfers; holds nothing of them between attempts."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._outcomes = Outcomes(tools)
        self._temporaries: dict[int, set[str]] = {}
        self._kept: dict[int, set[str]] = {}
        """Partial files that wait for a retry, or the end of a pause, to continue them."""
        self._keeping: set[int] = set()
        """Transfers whose partial files outlast their cancellation: they are paused, not given up."""

    def live_temporaries(self) -> frozenset[str]:
        """Return the temporary files in use by running transfers, for the sweep to spare."""
        used = (*self._temporaries.values(), *self._kept.values())
        return frozenset(path for paths in used for path in paths) | self._tools.snapshots.paths()

    async def run(self, transfer: Transfer) -> None:
        """Carry a claimed transfer to done, retry, blocked, failed or cancelled. Raises only CancelledError.

        When cancelled, nothing of it stays at the target, unless ``keep`` was called for it before; the caller
        records what the cancellation means.
        """
        self._outcomes.start(transfer)
        self._keeping.discard(transfer.id)
        work: Work | None = None
        try:
            work = await self._prepare(transfer)
            self._temporaries[transfer.id] = work.temp_paths
            await self._carry_out(work)
            self._kept.pop(transfer.id, None)
        except asyncio.CancelledError:
            # What an earlier try left stays spared until this one has come to it.
            if work is not None and work.temp_paths:
                if transfer.id in self._keeping and not work.source.live:
                    self._kept[transfer.id] = work.temp_paths
                else:
                    self._kept.pop(transfer.id, None)
                    await self._clean(work)
            raise
        except SyncdeckError as error:
            await self._fail(transfer, work, error)
        finally:
            self._outcomes.end(transfer)
            self._temporaries.pop(transfer.id, None)
            self._tools.space.release(transfer.id)
            self._tools.bandwidth.end(transfer.id)
            self._keeping.discard(transfer.id)
            self._tools.board.forget(transfer.id)

    def spare(self, transfer_id: int, paths: set[str]) -> None:
        """Name the temporary files of a running batch, led by this transfer; none ends that."""
        if paths:
            self._temporaries[transfer_id] = paths
        else:
            self._temporaries.pop(transfer_id, None)

    def keep(self, transfer_id: int) -> None:
        """Let the partial file of a running transfer stay when it is cancelled next: it will be continued."""
        self._keeping.add(transfer_id)

    async def abandon(self, transfer: Transfer) -> None:
        """Remove the partial file of a transfer that will not be retried. Raises SyncdeckError."""
        paths = self._kept.pop(transfer.id, None)
        if paths:
            agent = await self._tools.agent_for(node_of(transfer.target))
            await agent.discard(sorted(paths))

    async def _fail(self, transfer: Transfer, work: Work | None, error: SyncdeckError) -> None:
        verdict = self._outcomes.judge(transfer, error)
        if work is not None and work.temp_paths:
            if verdict.ending is Ending.RETRY and _resumable(error, work):
                self._kept[transfer.id] = work.temp_paths
            else:
                self._kept.pop(transfer.id, None)
                await self._clean(work)
        elif verdict.ending not in (Ending.RETRY, Ending.BLOCK):
            self._kept.pop(transfer.id, None)
        await self._outcomes.failed(transfer, error, work.delivery if work is not None else None, verdict)

    async def _prepare(self, transfer: Transfer) -> Work:
        tools = self._tools
        known = tools.policy().nodes
        gone = [n for n in (node_of(transfer.source), node_of(transfer.target)) if n not in known]
        if gone:
            cause = f"{gone[0]} is not in the configuration any more"
            raise Superseded("find", str(transfer.key), cause, "it is planned anew")
        entry = await tools.catalog.get(transfer.key)
        packed = await tools.packed.ask(transfer.id)
        if packed is None:
            source = find_source(entry, transfer.key, transfer.source)
        else:
            source = packed_source(packed, transfer.key)
        source_agent, target_agent = await asyncio.gather(
            tools.agent_for(source.node_id), tools.agent_for(node_of(transfer.target))
        )
        target = await find_target(tools.policy(), target_agent, transfer.key, transfer.target, packed is not None)
        return Work(transfer, entry, source, target, source_agent, target_agent)

    async def _carry_out(self, work: Work) -> None:
        async with await self._content(work) as content:
            landing = self._landing(work)
            known = self._known_version(work, content)
            decision = await landing.decide(known, content.size_bytes)
            if decision.verdict is Verdict.ALREADY and known is not None and decision.expected is not None:
                await self._record(work, known.sha256, PublishResult("already", decision.expected))
                return
            outcome = await self._move(work, content, decision)
        await self._verify_and_publish(work, landing, content, outcome)

    async def _content(self, work: Work) -> AbstractAsyncContextManager[Content]:
        """Give what is sent; room for it is reserved at the target first."""
        transfer, source = work.transfer, work.source
        stat = source.replica.stat if source.packed is not None else await look(work.source_agent, source)
        self._tools.space.reserve_target(
            transfer.id,
            work.target.node_id,
            work.target.root,
            stat.size_bytes + (stat.wal_size_bytes if source.live else 0),
            self._tools.policy().thresholds,
            transfer.may_fill,
        )
        if source.packed is not None:
            await self._outcomes.enter(transfer, TransferState.SNAPSHOTTING, f"unpacked on {source.node_id}")
            packed, kind = source.packed, source.kind
            return as_unpacked(self._tools, work.source_agent, transfer.id, transfer.key, packed, kind)
        if not source.live:
            return as_file(transfer.key, source, stat)
        await self._outcomes.enter(transfer, TransferState.SNAPSHOTTING, f"snapshot on {source.node_id}")
        return as_snapshot(self._tools, work.source_agent, transfer.id, transfer.key, source, stat)

    def _known_version(self, work: Work, content: Content) -> Version | None:
        """Return the version to be sent where it is known before it is read."""
        if content.sha256 is None or work.source.replica.state is not ReplicaState.CURRENT:
            return None
        return content.version(content.sha256, None)

    async def _move(self, work: Work, content: Content, decision: Decision) -> StreamOutcome:
        tools, transfer = self._tools, work.transfer
        temp_path = self._temp_path(work, content)
        await self._drop_other_partials(work, temp_path)
        rate = tools.bandwidth.start(transfer, work.source.node_id, work.target.node_id)
        job = await build_job(
            tools, work.entry, work.source, work.source_agent, work.target, content, decision, temp_path, rate
        )

        async def announce(transport: Transport, passed_over: Sequence[str]) -> None:
            await self._outcomes.enter(
                transfer,
                TransferState.TRANSFERRING,
                f"{work.source.node_id} -> {work.target.node_id} by {transport.value}"
                + (", read in place: no room for a snapshot" if content.live else ""),
                "; ".join(passed_over),
                transport=transport,
                temp_path=temp_path,
                final_path=work.target.path,
                bytes_total=content.size_bytes,
            )

        work.temp_paths.add(temp_path)
        try:
            work.delivery = await tools.transports.deliver(
                job, transfer.transport_preference, self._progress(transfer.id), announce
            )
        finally:
            tools.bandwidth.end(transfer.id)
        if work.delivery.outcome is None:
            assert work.delivery.error is not None
            raise work.delivery.error
        outcome = work.delivery.outcome
        tools.checked.add(content.content_id)
        tools.checked.add(outcome.sha256)
        moved = outcome.size_bytes - outcome.resumed_bytes
        await tools.catalog.record_link(transfer.source, transfer.target, moved, outcome.duration_seconds)
        return outcome

    def _temp_path(self, work: Work, content: Content) -> str:
        """Return where the content arrives: a partial that was begun before its hash was known goes on as it is."""
        names, transfer = self._tools.names, work.transfer
        hashless = content_id(transfer.key, content.source_stat, None)
        begun = names.part(work.target.path, transfer.id, hashless)
        if not work.source.live and transfer.temp_path == begun:
            return begun
        return names.part(work.target.path, transfer.id, content.content_id)

    async def _drop_other_partials(self, work: Work, temp_path: str) -> None:
        """A partial of an earlier content of this transfer is of no more use."""
        earlier = work.transfer.temp_path
        if earlier is not None and earlier != temp_path:
            await work.target_agent.discard([earlier])

    async def _verify_and_publish(self, work: Work, landing: Landing, content: Content, outcome: StreamOutcome) -> None:
        tools, transfer, source = self._tools, work.transfer, work.source
        evidence = f"sha256 {outcome.sha256} of {outcome.size_bytes} bytes read back at the target"
        evidence += f"; they came {outcome.way}" if outcome.way else ""
        await self._outcomes.enter(
            transfer, TransferState.VERIFYING, "may it replace what is there?", evidence, sha256=outcome.sha256
        )
        version = content.arrived(outcome)
        # Before publishing: a copy that a killed engine published is then known as a version, never as diverged.
        state = ReplicaState.CURRENT
        if source.packed is None:
            state = await tools.catalog.record_content(
                transfer.key, source.location, source.path, version, content.source_stat, tools.clock.now()
            )
        if state is not ReplicaState.CURRENT:
            cause = f"{source.location} holds a {state.value} version by now"
            raise Superseded("verify", str(transfer.key), cause, "it is planned anew from the current version")
        decision = await landing.decide(version, version.size_bytes)
        temp_path = next(iter(work.temp_paths))
        if decision.verdict is Verdict.ALREADY:
            await self._clean(work)
            await self._record(work, version.sha256, PublishResult("already", decision.expected))
            return
        await finish_anyway(self._publish(work, landing, content, version, outcome, temp_path))

    async def _publish(
        self, work: Work, landing: Landing, content: Content, version: Version, outcome: StreamOutcome, temp_path: str
    ) -> None:
        decision = await landing.decide(version, version.size_bytes)
        await self._outcomes.enter(
            work.transfer,
            TransferState.PUBLISHING,
            "rename into place",
            f"{temp_path} becomes {work.target.path}, sha256 {version.sha256}",
            temp_path=temp_path,
            final_path=work.target.path,
            sha256=version.sha256,
        )
        result = await landing.publish(temp_path, outcome.temp_stat, version, content.mtime_ns, decision.expected)
        await self._record(work, version.sha256, result)

    async def _record(self, work: Work, sha256: str, result: PublishResult) -> None:
        """Tell the catalog what the target holds now, then end the transfer."""
        tools, transfer = self._tools, work.transfer
        stat = result.stat if result.stat is not None else await work.target_agent.stat(work.target.path)
        if stat is None:
            cause = "the published file is gone"
            raise SyncdeckError("record", work.target.path, cause, "it is tried again", ErrorClass.SOURCE_CHANGED)
        await tools.catalog.mark_synced(
            transfer.key, work.target.location, work.target.path, sha256, stat, tools.clock.now()
        )
        await self._outcomes.done(transfer, sha256, stat.size_bytes, result.outcome, work.delivery)

    def _landing(self, work: Work) -> Landing:
        tools = self._tools
        kind = Landing if work.source.packed is None else RestoreLanding
        return kind(tools.catalog, work.target_agent, tools.clock, work.transfer.key, work.target)

    def _progress(self, transfer_id: int) -> Progress:
        def take(done: int, wire: int) -> None:
            self._tools.board.update(transfer_id, done, wire)
            self._tools.bandwidth.moved(transfer_id, wire)
            self._tools.space.written(transfer_id, done)

        return take

    async def _clean(self, work: Work) -> None:
        """Remove what this attempt left at the target, even while being cancelled."""
        if not work.temp_paths:
            return
        await finish_anyway(discard_or_leave(work.target_agent, sorted(work.temp_paths)))


def _resumable(error: SyncdeckError, work: Work) -> bool:
    """A partial of a quiet file is kept for the retry; a snapshot's is not, for the next one is another content."""
    broken = error.error_class in (ErrorClass.TRANSIENT_NETWORK, ErrorClass.THROTTLED)
    return not work.source.live and (broken or isinstance(error, NodeUnreachable))
