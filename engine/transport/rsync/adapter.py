"""RsyncTransport: bytes by the system's rsync, proof by the agents of both ends.

rsync writes to our temporary name; the source's agent hashes the source meanwhile, the target's agent reads
back what was written. Only equal hashes make a verified temporary file.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from config.types import Address
from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError, TransferError
from engine.model import Transport
from engine.remote.diagnose import SSH_FAILED, diagnose, unreachable
from engine.remote.links import Links
from engine.remote.ssh import destination, ssh_options
from engine.remote.types import ContentInfo, Endpoint, NodeAgent, Progress, SshOptions, StreamOutcome
from engine.transport.errors import bad_source, source_changed
from engine.transport.rates import RateCap
from engine.transport.rsync.command import RsyncRun, build_command
from engine.transport.rsync.failures import explain
from engine.transport.rsync.features import RsyncFeatures, parse_version
from engine.transport.rsync.process import RsyncEnd, run_rsync
from engine.transport.rsync.reading_back import ReadBack
from engine.transport.rsync.relay import relay
from engine.transport.rsync.stall import StallWatch
from engine.transport.types import AgentFor, Capabilities, TransferJob

RSYNC_COST = 9
LOCAL_ADDRESS = Address("", 0)


class RsyncTransport:
    """Serves where one end is the engine's own node and both ends have a real rsync."""

    def __init__(self, agent_for: AgentFor, options: SshOptions, links: Links, clock: Clock) -> None:
        self._agent_for = agent_for
        self._options = options
        self._links = links
        self._clock = clock

    @property
    def name(self) -> Transport:
        """rsync."""
        return Transport.RSYNC

    @property
    def capabilities(self) -> Capabilities:
        """Only from or to the engine's node; resumes by comparing blocks."""
        return Capabilities(remote_to_remote=False, resume=True, cost=RSYNC_COST)

    async def unusable(self, source: Endpoint, target: Endpoint) -> str | None:
        """Return why not: two remote ends, no rsync, or one that cannot write in place."""
        if not (source.local or target.local):
            return "rsync needs one end on the engine's own node"
        for endpoint in (source, target):
            line = (await self._agent_for(endpoint.node_id)).info.rsync
            features = parse_version(line)
            if features is None:
                return f"{endpoint.node_id} has no rsync"
            if not features.writes_in_place:
                return f"{endpoint.node_id} has {line}, which cannot write to a temporary name of ours"
        return None

    async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
        """Leave a verified temporary file at the target; raise TransferError or NodeUnreachable."""
        started = self._clock.monotonic()
        source = await self._agent_for(job.source.node_id)
        target = await self._agent_for(job.target.node_id)
        # rsync writes wherever a name leads; only the target's agent can tell that it leads out of the root.
        await target.prepare(job.temp_path, job.target_root)
        partial = await target.stat(job.temp_path)
        resume = partial is not None and partial.size_bytes > 0
        proof = asyncio.get_running_loop().create_task(_prove_source(source, job))
        # A fresh copy is written in order; a continued one is compared in blocks.
        back = ReadBack(target, job, in_order=not resume)
        watch = StallWatch(job.source_path, job.stall_timeout_seconds, progress, self._clock)
        try:
            end = await watch.over(self._run(job, source, target, resume, watch.heard))
            await _check_end(end, job, source)
            proven = await proof
            written = await back.result()
        except SyncdeckError:
            await _tell_what_arrived(target, job, progress, watch.wire)
            raise
        finally:
            await _settle(proof)
            await back.end()
        await _compare(proven, written, job, source)
        on_wire = end.statistics.on_wire
        resumed = (end.statistics.matched or 0) if resume else 0
        return StreamOutcome(
            sha256=written.sha256,
            size_bytes=written.size_bytes,
            bytes_on_wire=on_wire if on_wire is not None else written.size_bytes,
            resumed_bytes=resumed,
            duration_seconds=self._clock.monotonic() - started,
            temp_stat=written.stat,
            fingerprint=proven.fingerprint,
        )

    async def _run(
        self, job: TransferJob, source: NodeAgent, target: NodeAgent, resume: bool, progress: Progress
    ) -> RsyncEnd:
        """Run rsync over the addresses of the remote end until one answers."""
        source_features, target_features = _features(source), _features(target)
        remote = job.target if job.source.local else job.source
        near, far = (source_features, target_features) if remote is job.target else (target_features, source_features)
        near_info, far_info = (source.info, target.info) if remote is job.target else (target.info, source.info)
        local_only = job.source.local and job.target.local
        addresses = (LOCAL_ADDRESS,) if local_only else self._links.addresses(remote)
        end: RsyncEnd | None = None
        run = RsyncRun(
            source_path=job.source_path,
            temp_path=job.temp_path,
            remote_host=None,
            source_is_remote=not job.source.local,
            shell_argv=(),
            resume=resume,
            is_sqlite=job.kind.value == "sqlite",
            stall_timeout_seconds=job.stall_timeout_seconds,
            program=near_info.rsync_path or "rsync",
            remote_program=far_info.rsync_path,
        )
        for address in addresses:
            if local_only:  # Within one node no link is used, so that there is nothing to pace.
                end = await run_rsync(build_command(run, near, far), lambda done: progress(done, done))
            else:
                there = replace(run, remote_host=destination(remote, address))
                end = await self._run_paced(there, near, far, remote, address, job.rate, progress)
            if end.status != SSH_FAILED:
                if not local_only:
                    self._links.answered(remote.node_id, address)
                return end
        if end is None:
            cause = f"{remote.node_id} has no address"
            raise TransferError("rsync", job.source_path, cause, "give the host an ssh_host", ErrorClass.CONFIG)
        self._links.failed(remote.node_id)
        raise unreachable("rsync with", remote.node_id, diagnose(remote.node_id, end.status, end.stderr))

    async def _run_paced(
        self,
        run: RsyncRun,
        near: RsyncFeatures,
        far: RsyncFeatures,
        remote: Endpoint,
        address: Address,
        rate: RateCap,
        progress: Progress,
    ) -> RsyncEnd:
        """Run rsync over one address of the remote end, through the relay that keeps it to its cap."""
        counts = {"done": 0, "wire": 0}

        def count(name: str, amount: int) -> None:
            counts[name] = max(counts[name], amount)
            progress(counts["done"], counts["wire"])

        await self._links.turn(remote)
        with self._links.slot(remote.node_id) as slot:
            ssh = ("ssh", *ssh_options(remote, address, self._options, slot=slot))
            async with relay(ssh, rate, lambda wire: count("wire", wire)) as shell:
                argv = build_command(replace(run, shell_argv=shell.argv), near, far)
                return await run_rsync(argv, lambda done: count("done", done), shell.pass_fds)


def _features(agent: NodeAgent) -> RsyncFeatures:
    features = parse_version(agent.info.rsync)
    if features is None:
        raise TransferError(
            "rsync with", agent.info.node_id, "it has no rsync", "install rsync there", ErrorClass.UNSUPPORTED
        )
    return features


async def _prove_source(agent: NodeAgent, job: TransferJob) -> ContentInfo:
    """Hash, and once per content check, the source while rsync reads it: the second reader finds it cached."""
    content = await agent.hash(job.source_path, job.kind)
    if job.check_source:
        result = await agent.check(job.source_path, job.kind)
        if not result.ok:
            raise bad_source(job.source_path, result.detail)
    return content


async def _check_end(end: RsyncEnd, job: TransferJob, source: NodeAgent) -> None:
    if end.status == 0:
        return
    failure = explain(end.status, end.stderr)
    if failure.error_class is ErrorClass.NOT_FOUND and await source.stat(job.source_path) is not None:
        # The target's folder is missing and its rsync is too old to make it: another transport can.
        raise TransferError(
            "rsync to", job.temp_path, failure.cause, "update rsync on the target", ErrorClass.UNSUPPORTED
        )
    raise TransferError("rsync", job.source_path, failure.cause, failure.remedy, failure.error_class)


async def _compare(proven: ContentInfo, written: ContentInfo, job: TransferJob, source: NodeAgent) -> None:
    now = await source.stat(job.source_path)
    before = job.source_stat if job.source_stat is not None else proven.stat
    if now is None or not now.same_content_as(before) or not proven.stat.same_content_as(before):
        raise source_changed(job.source_path)
    expected = job.sha256 if job.sha256 is not None else proven.sha256
    if written.sha256 != proven.sha256 or proven.sha256 != expected:
        raise TransferError(
            "verify",
            job.temp_path,
            f"the target read back {written.sha256[:12]}, the source holds {proven.sha256[:12]}"
            + (f", the catalog expects {expected[:12]}" if expected != proven.sha256 else ""),
            "it is hashed and sent once more; if that fails too, check memory and disk of both nodes",
            ErrorClass.CHECKSUM_MISMATCH,
        )


async def _tell_what_arrived(target: NodeAgent, job: TransferJob, progress: Progress, wire: int) -> None:
    """rsync tells its progress once a second; what it left at the target shows how far a broken run came."""
    with contextlib.suppress(SyncdeckError):  # The run's own failure is the one to tell.
        partial = await target.stat(job.temp_path)
        if partial is not None:
            progress(min(partial.size_bytes, job.size_bytes), wire)


async def _settle(task: asyncio.Task[ContentInfo]) -> None:
    """End a task that may still run; an error of rsync goes before one of the hashing beside it."""
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
