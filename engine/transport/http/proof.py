"""What the source's own agent says of a file while its bytes travel: its hashes, and whether it is sound."""

from __future__ import annotations

import asyncio

from engine.errors import ErrorClass, TransferError
from engine.model import FileKind, FileStat
from engine.transport.errors import bad_source, source_changed
from engine.transport.fetch_types import DataServers, FetchHandle, Served
from engine.transport.types import AgentFor, TransferJob


class SourceProof:
    """The proof of one job's source."""

    def __init__(self, job: TransferJob, agent_for: AgentFor, servers: DataServers) -> None:
        self._job = job
        self._agent_for = agent_for
        self._servers = servers

    async def give(self, handle: FetchHandle, with_manifest: bool) -> None:
        """Tell a running fetch what the chunks must hash to, and check the source; raises SyncdeckError."""
        wanted = []
        if with_manifest:
            wanted.append(self._manifest(handle))
        if self._job.check_source:
            wanted.append(self.check())
        tasks = [asyncio.ensure_future(work) for work in wanted]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def check(self) -> None:
        """Raise BadSource when the file is not sound for its kind, SyncdeckError when it cannot be read."""
        agent = await self._agent_for(self._job.source.node_id)
        result = await agent.check(self._job.source_path, self._job.kind)
        if not result.ok:
            raise bad_source(self._job.source_path, result.detail)

    async def readable(self) -> None:
        """Raise SyncdeckError when the node's user cannot open the file."""
        agent = await self._agent_for(self._job.source.node_id)
        await agent.check(self._job.source_path, FileKind.PLAIN)

    async def stat(self) -> FileStat:
        """Return the file's stat; raises TransferError where it is gone."""
        agent = await self._agent_for(self._job.source.node_id)
        found = await agent.stat(self._job.source_path)
        if found is None:
            cause = f"it is not on {self._job.source.node_id} any more"
            remedy = "the next scan finds what is there now"
            raise TransferError("fetch", self._job.source_path, cause, remedy, ErrorClass.NOT_FOUND)
        return found

    async def ensure_unchanged(self) -> None:
        """Raise source-changed when the file is not what was planned: what arrived may be of two versions."""
        found = await self.stat()
        planned = self._job.source_stat
        if planned is not None and not found.same_content_as(planned):
            raise source_changed(self._job.source_path)

    async def _manifest(self, handle: FetchHandle) -> None:
        job = self._job
        manifest = await self._servers.manifest(job.source, Served(job.source_path, job.source_root, job.source_stat))
        if job.sha256 is not None and manifest.sha256 not in (None, job.sha256):
            raise TransferError(
                "verify",
                job.source_path,
                f"the source holds {str(manifest.sha256)[:12]}, the catalog expects {job.sha256[:12]}",
                "it is hashed and sent once more; if that fails too, check memory and disk of the source",
                ErrorClass.CHECKSUM_MISMATCH,
            )
        handle.manifest(manifest)
