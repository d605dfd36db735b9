"""The agent stream as a transport: between any two nodes, chunked, resumable; binary, or base64 for text pipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.errors import ErrorClass, SyncdeckError, TransferError
from engine.model import Transport
from engine.remote.links import Links
from engine.remote.stream import run_stream
from engine.remote.types import Endpoint, Progress, SshOptions, StreamJob, StreamOutcome
from engine.transport.batching import copy_by_agents
from engine.transport.direct import DirectStreams, Relayed
from engine.transport.errors import bad_source
from engine.transport.types import AgentFor, BatchProgress, Capabilities, TransferJob

AGENT_COST = 10
BASE64_COST = 13
"""A third more bytes for the same content."""


class AgentTransport:
    """Moves a file as a stream from the source's agent to the target's: through the engine, or past it (``direct``)."""

    def __init__(
        self,
        agent_for: AgentFor,
        options: SshOptions,
        links: Links,
        base64: bool = False,
        direct: DirectStreams | None = None,
    ) -> None:
        self._agent_for = agent_for
        self._direct = direct
        self._options = options
        self._links = links
        self._base64 = base64

    @property
    def name(self) -> Transport:
        """``base64`` when frames are text, else ``agent``."""
        return Transport.BASE64 if self._base64 else Transport.AGENT

    @property
    def capabilities(self) -> Capabilities:
        """Any pair of nodes, resumable; live databases too."""
        cost = BASE64_COST if self._base64 else AGENT_COST
        return Capabilities(remote_to_remote=True, universal=True, resume=True, cost=cost, live=True, batches=True)

    async def unusable(self, source: Endpoint, target: Endpoint) -> str | None:
        """Return None: an agent runs wherever the engine can look at files at all."""
        return None

    async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
        """Leave a verified temporary file at the target; raise TransferError or NodeUnreachable."""
        stream = StreamJob(
            source_path=job.source_path,
            temp_path=job.temp_path,
            size_bytes=job.size_bytes,
            content_id=job.content_id,
            kind=job.kind,
            source_stat=None if job.live else job.source_stat,
            bytes_per_second=job.rate.bytes_per_second,
            encoding="base64" if self._base64 else "binary",
            compress=not (job.source.local and job.target.local),
            stall_timeout_seconds=job.stall_timeout_seconds,
            check_source=job.check_source and not job.live,
            root=job.target_root,
            sha256=job.sha256,
            live=job.live,
        )
        try:
            outcome = await self._stream(job, stream, progress)
        except TransferError as error:
            if stream.check_source and error.error_class is ErrorClass.CHECKSUM_MISMATCH:
                await self._blame_source_if_damaged(job)
            raise
        if job.live:
            await self._check_arrived(job)
        return outcome

    async def copy_batch(
        self, jobs: Sequence[TransferJob], progress: BatchProgress
    ) -> Sequence[StreamOutcome | SyncdeckError]:
        """Move many small files in one stream; see ``BatchTransport``."""
        encoding = "base64" if self._base64 else "binary"
        return await copy_by_agents(jobs, progress, self._options, self._links, encoding)

    async def _stream(self, job: TransferJob, stream: StreamJob, progress: Progress) -> StreamOutcome:
        """Go straight where that may be and works, else through the engine; what arrived either way is resumed."""
        way, changes = Relayed(), job.rate.subscribe
        if self._direct is not None:
            found = await self._direct.stream(job.source, job.target, stream, progress, changes)
            if isinstance(found, StreamOutcome):
                return found
            way = found
        outcome = await run_stream(
            job.source, job.target, stream, self._options, progress, links=self._links, rate_changes=changes
        )
        return replace(outcome, way=way.words)

    async def _check_arrived(self, job: TransferJob) -> None:
        """What was read in place is checked where it arrived: at its source it does not lie as one file."""
        agent = await self._agent_for(job.target.node_id)
        result = await agent.check(job.temp_path, job.kind)
        if not result.ok:
            await agent.discard([job.temp_path])
            raise TransferError(
                "check",
                job.source_path,
                f"what was read of the live database does not pass its check: {result.detail}",
                f"check it on {job.source.node_id} (PRAGMA integrity_check), and free room for a snapshot there",
                ErrorClass.CHECKSUM_MISMATCH,
            )

    async def _blame_source_if_damaged(self, job: TransferJob) -> None:
        """A mismatch may come from either end; only a check of the file itself may call the source damaged."""
        agent = await self._agent_for(job.source.node_id)
        result = await agent.check(job.source_path, job.kind)
        if not result.ok:
            raise bad_source(job.source_path, result.detail)
