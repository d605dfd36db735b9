"""The http transport: the target's agent fetches ranges from a data server of the source's node."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError, TransferError
from engine.model import Transport
from engine.remote.links import Links
from engine.remote.types import Endpoint, Progress, SshOptions, StreamOutcome
from engine.transport.errors import BadSource
from engine.transport.fetch_types import (
    MANIFEST_CHUNK_BYTES,
    FetchHandle,
    Fetching,
    FetchJob,
    FetchSource,
    connections_under,
)
from engine.transport.fetching import AgentFetching
from engine.transport.http.batches import HttpBatches
from engine.transport.http.foreign import ForeignServers
from engine.transport.http.proof import SourceProof
from engine.transport.http.ways import Way, ways_of
from engine.transport.serving import NodeDataServers
from engine.transport.types import AgentFor, BatchProgress, Capabilities, TransferJob

HTTP_COST = 10
LOOK_SECONDS = 0.5
MOST_REFUSED_URLS = 2
"""How often a URL that was refused is signed anew, before the refusal is believed."""
WAY_FAILURES = frozenset({ErrorClass.TRANSIENT_NETWORK, ErrorClass.THROTTLED, ErrorClass.UNSUPPORTED})
FOREIGN_FAILURES = WAY_FAILURES | {ErrorClass.NOT_FOUND, ErrorClass.SOURCE_CHANGED, ErrorClass.CHECKSUM_MISMATCH}
"""A server of somebody else's may hold another file than the node itself."""


class HttpTransport:
    """Fetches from one source; between any two nodes that share a network in which plain HTTP may be used."""

    def __init__(
        self, agent_for: AgentFor, options: SshOptions, links: Links, servers: NodeDataServers, clock: Clock
    ) -> None:
        self._agent_for = agent_for
        self._servers = servers
        self._fetching: Fetching = AgentFetching(options, links)
        self._batches = HttpBatches(agent_for, servers, options, links)
        self._clock = clock
        self._foreign = ForeignServers(servers.reach)

    @property
    def name(self) -> Transport:
        """http."""
        return Transport.HTTP

    @property
    def capabilities(self) -> Capabilities:
        """Any pair that can reach each other, resumable; small files in batches."""
        return Capabilities(remote_to_remote=True, resume=True, cost=HTTP_COST, batches=True)

    async def unusable(self, source: Endpoint, target: Endpoint) -> str | None:
        """Return why the target cannot fetch from the source, or None. Raises NodeUnreachable."""
        refusal = await self._servers.refusal(source, target)
        if refusal is not None and await self._foreign.answering(source, target):
            return None
        return refusal

    async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
        """Leave a verified temporary file at the target; raise TransferError or NodeUnreachable."""
        if job.source_stat is None:
            job = replace(job, source_stat=await SourceProof(job, self._agent_for, self._servers).stat())
        ways = await ways_of(job, self._servers, self._foreign)
        for way in ways[:-1]:
            try:
                return await self._copy_by(way, job, progress)
            except TransferError as error:
                if isinstance(error, BadSource) or error.error_class not in _failures_of(way):
                    raise
        return await self._copy_by(ways[-1], job, progress)

    async def copy_batch(
        self, jobs: Sequence[TransferJob], progress: BatchProgress
    ) -> Sequence[StreamOutcome | SyncdeckError]:
        """Move many small files in one stream; see ``BatchTransport``. Foreign servers have none."""
        return await self._batches.copy(jobs, progress)

    async def _copy_by(self, way: Way, job: TransferJob, progress: Progress) -> StreamOutcome:
        proof = SourceProof(job, self._agent_for, self._servers)
        with_manifest = job.sha256 is None or (not way.ours and job.size_bytes > MANIFEST_CHUNK_BYTES)
        try:
            outcome = await _Fetch(self._fetching, self._clock, self._servers, job, way).run(
                proof, progress, with_manifest
            )
        except TransferError as error:
            if isinstance(error, BadSource):
                raise
            await self._explain(error, proof, job)
            raise
        if job.sha256 is None:
            await proof.ensure_unchanged()
        return outcome

    async def _explain(self, error: TransferError, proof: SourceProof, job: TransferJob) -> None:
        """Raise what the source's own agent has to say of a failure, if it knows better."""
        if error.error_class is ErrorClass.TRANSIENT_NETWORK:
            self._servers.failed(job.source, job.target)
            self._foreign.failed(job.source, job.target)
        elif error.error_class is ErrorClass.CHECKSUM_MISMATCH:
            await proof.ensure_unchanged()
            if job.check_source:
                # A mismatch may come from either end; only a check of the file itself may call the source damaged.
                await proof.check()
        elif error.error_class is ErrorClass.UNSUPPORTED:
            # A refused URL: the file may be unreadable for the node's user.
            await proof.readable()


def _failures_of(way: Way) -> frozenset[ErrorClass]:
    return WAY_FAILURES if way.ours else FOREIGN_FAILURES


class _Fetch:
    """One fetch by one way; ``run`` is called once."""

    def __init__(self, fetching: Fetching, clock: Clock, servers: NodeDataServers, job: TransferJob, way: Way) -> None:
        self._fetching = fetching
        self._clock = clock
        self._servers = servers
        self._job = job
        self._way = way

    async def run(self, proof: SourceProof, progress: Progress, with_manifest: bool) -> StreamOutcome:
        """Return the outcome once fetch and proof are done; the first failure of either ends both."""
        source = await self._way.source(0)
        if source is None:
            cause = f"{self._job.source.node_id} is out of reach for {self._job.target.node_id} by now"
            raise TransferError(
                "fetch", self._job.source_path, cause, "another transport is tried", ErrorClass.UNSUPPORTED
            )
        handle = await self._fetching.start(self._fetch_job(source, with_manifest), progress)
        fetched = asyncio.create_task(handle.result(), name="fetch")
        tasks: list[asyncio.Task[StreamOutcome] | asyncio.Task[None]] = [fetched]
        try:
            # A task that is cancelled before its first step would never end the child.
            await asyncio.sleep(0)
            proven = asyncio.create_task(proof.give(handle, with_manifest), name="proof")
            renewing = asyncio.create_task(self._renew(handle, source), name="renew")
            tasks += [proven, renewing]
            await asyncio.wait((fetched, proven), return_when=asyncio.FIRST_EXCEPTION)
            if proven.done() and not proven.cancelled() and proven.exception() is not None:
                proven.result()
            outcome = await fetched
            await proven
            return outcome
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled():
                    task.exception()

    def _fetch_job(self, source: FetchSource, with_manifest: bool) -> FetchJob:
        job = self._job
        return FetchJob(
            target=job.target,
            temp_path=job.temp_path,
            root=job.target_root,
            size_bytes=job.size_bytes,
            sha256=job.sha256,
            sources=(source,),
            connections=connections_under(job.rate.bytes_per_second, self._servers.reach.settings.connections),
            rate=job.rate,
            stall_timeout_seconds=job.stall_timeout_seconds,
            hash_chunks=with_manifest,
        )

    async def _renew(self, handle: FetchHandle, source: FetchSource) -> None:
        """Sign URLs anew before they expire, and when one was refused or its server ended, which is started again by
        that; say so when that does not help."""
        refused = 0
        signed_at = self._clock.monotonic()
        while self._way.ours and refused <= MOST_REFUSED_URLS:
            await asyncio.sleep(LOOK_SECONDS)
            failed = source.id in handle.failures
            if not failed and self._clock.monotonic() - signed_at < self._servers.url_seconds / 2:
                continue
            refused += failed
            try:
                # Under the same name, what is under way goes on; one that was given up needs another.
                fresh = await self._way.source(refused)
            except SyncdeckError:
                break  # The fetch itself tells what went wrong.
            if fresh is None:
                break
            source, signed_at = fresh, self._clock.monotonic()
            handle.offer([source])
        handle.final()
