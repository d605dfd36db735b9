"""The one transport of the model fleet: bytes from disk to disk, verified, and broken off where a trap says so."""

from __future__ import annotations

from engine.errors import ErrorClass
from engine.model import Transport
from engine.remote.types import Endpoint, Progress, StreamOutcome
from engine.transport.types import AgentFor, Capabilities, TransferJob
from tests.model.agent import ModelAgent, failure, fingerprint_of
from tests.model.disk import digest


class ModelTransport:
    """A ``TransportAdapter``."""

    def __init__(self, agent_for: AgentFor) -> None:
        self._agent_for = agent_for

    @property
    def name(self) -> Transport:
        return Transport.AGENT

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(remote_to_remote=True, universal=True, resume=False, cost=10)

    async def unusable(self, source: Endpoint, target: Endpoint) -> str | None:
        return None

    async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
        """Leave a verified temporary file at the target; half of it when the way breaks."""
        source, target = await self._agent_for(job.source.node_id), await self._agent_for(job.target.node_id)
        assert isinstance(source, ModelAgent) and isinstance(target, ModelAgent)
        await source.edge(job.source_path)
        file = source.existing("read", job.source_path)
        await target.prepare(job.temp_path, job.target_root)
        target.node.write(job.temp_path, file.data[: len(file.data) // 2])
        progress(len(file.data) // 2, len(file.data) // 2)
        await target.edge(job.temp_path)
        source.ensure_alive()
        now = source.existing("read", job.source_path)
        if job.source_stat is not None and not now.stat.same_content_as(job.source_stat):
            raise failure("read", job.source_path, "it changed while it was read", ErrorClass.SOURCE_CHANGED)
        written = target.node.write(job.temp_path, now.data, checked=False)
        sha256 = digest(written.data)
        if sha256 != digest(now.data) or (job.sha256 is not None and sha256 != job.sha256):
            del target.node.files[job.temp_path]
            raise failure("verify", job.temp_path, "it is not what was read", ErrorClass.CHECKSUM_MISMATCH)
        await target.edge(job.temp_path)
        size, fingerprint = len(now.data), fingerprint_of(now.data, job.kind)
        return StreamOutcome(sha256, size, size, 0, 1.0, written.stat, fingerprint=fingerprint)
