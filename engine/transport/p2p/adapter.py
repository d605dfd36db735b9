"""P2PTransport: chunks of one content from every holder and from everybody who fetches it too."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import Any

from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError, TransferError
from engine.model import Transport
from engine.remote.types import Endpoint, Progress, StreamOutcome
from engine.transport.errors import BadSource
from engine.transport.fetch_types import DataServers, FetchHandle, Fetching, FetchJob, connections_under
from engine.transport.http.proof import SourceProof
from engine.transport.p2p.swarm import Swarm
from engine.transport.types import AgentFor, Capabilities, TransferJob

P2P_COST = 10
"""The bytes of the content, and no more."""
CONNECTIONS = 8


class P2PTransport:
    """Fetches with the target's agent; the engine tells the fetchers of one content of each other."""

    def __init__(self, agent_for: AgentFor, fetching: Fetching, servers: DataServers, clock: Clock) -> None:
        self._agent_for = agent_for
        self._fetching = fetching
        self._servers = servers
        self._clock = clock
        self._swarms: dict[str, Swarm] = {}
        self._numbers = itertools.count(1)

    @property
    def name(self) -> Transport:
        """p2p."""
        return Transport.P2P

    @property
    def capabilities(self) -> Capabilities:
        """Any two nodes that reach each other; resumable; reads every holder."""
        return Capabilities(remote_to_remote=True, resume=True, cost=P2P_COST, many_sources=True)

    async def unusable(self, source: Endpoint, target: Endpoint) -> str | None:
        """Return why the target cannot fetch from the source's node. Alone, it is a fetch from one source."""
        return await self._servers.refusal(source, target)

    async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
        """Leave a verified temporary file at the target; raise TransferError or NodeUnreachable."""
        proof = SourceProof(job, self._agent_for, self._servers)
        if job.source_stat is None:
            job = replace(job, source_stat=await proof.stat())
            proof = SourceProof(job, self._agent_for, self._servers)
        swarm = self._swarms.get(job.content_id)
        if swarm is None:
            swarm = self._swarms[job.content_id] = Swarm(job.size_bytes, self._servers, self._agent_for, self._clock)
        number = next(self._numbers)
        finished = False
        try:
            outcome = await self._fetch(swarm, number, job, proof, progress)
            finished = True
        except TransferError as error:
            await self._explain(error, swarm, proof, job)
            raise
        finally:
            swarm.leave(number, finished)
            if not swarm.fetching:
                del self._swarms[job.content_id]
                await swarm.close()
        if job.sha256 is None:
            await proof.ensure_unchanged()
        return outcome

    async def _fetch(
        self, swarm: Swarm, number: int, job: TransferJob, proof: SourceProof, progress: Progress
    ) -> StreamOutcome:
        member, sources = await swarm.join(number, job)
        fetch = FetchJob(
            target=job.target,
            temp_path=job.temp_path,
            root=job.target_root,
            size_bytes=job.size_bytes,
            sha256=job.sha256,
            sources=sources,
            connections=connections_under(job.rate.bytes_per_second, CONNECTIONS),
            rate=job.rate,
            stall_timeout_seconds=job.stall_timeout_seconds,
            rarest_first=True,
        )
        member.handle = await self._fetching.start(fetch, progress)
        return await self._see_through(swarm, job, member.handle, proof)

    async def _see_through(
        self, swarm: Swarm, job: TransferJob, handle: FetchHandle, proof: SourceProof
    ) -> StreamOutcome:
        """Return the outcome; meanwhile have the manifest told, and the source checked. Whatever fails ends all."""
        loop = asyncio.get_running_loop()
        fetch = loop.create_task(handle.result(), name="fetch")
        beside = [loop.create_task(self._tell_manifest(swarm, job, handle), name="manifest")]
        if job.check_source:
            beside.append(loop.create_task(proof.check(), name="check the source"))
        try:
            await asyncio.wait([fetch, *beside], return_when=asyncio.FIRST_EXCEPTION)
            for task in (*beside[1:], fetch, beside[0]):
                if task.done():
                    task.result()
            return await fetch
        finally:
            # A task that is cancelled before its first step would never end the child.
            await asyncio.shield(_ended(fetch, *beside))

    async def _tell_manifest(self, swarm: Swarm, job: TransferJob, handle: FetchHandle) -> None:
        try:
            handle.manifest(await swarm.manifest(job))
        except SyncdeckError:
            if job.sha256 is None:
                raise
            # The promise of the whole is enough; only nothing can be served to others before it is kept.
            handle.manifest(None)

    async def _explain(self, error: TransferError, swarm: Swarm, proof: SourceProof, job: TransferJob) -> None:
        """Raise what the source's own agent has to say of a failure, if it knows better."""
        if isinstance(error, BadSource):
            return
        if error.error_class is ErrorClass.CHECKSUM_MISMATCH:
            swarm.distrust()
            await proof.ensure_unchanged()
            if job.check_source:
                await proof.check()
        elif error.error_class is ErrorClass.UNSUPPORTED:
            await proof.readable()


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
