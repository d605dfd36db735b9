"""Batches of small files over plain HTTP: from an agent at the source, which its node's data server connects us to."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import ErrorClass, SyncdeckError, TransferError
from engine.remote.links import Links
from engine.remote.types import SshOptions, StreamOutcome
from engine.transport.batching import copy_by_agents
from engine.transport.serving import NodeDataServers
from engine.transport.types import AgentFor, BatchProgress, TransferJob

SOURCE_PLATFORM = "linux"
"""Only there can one process hand a connection to another that it did not start (``agent/handover.py``)."""


class HttpBatches:
    """Moves batches between nodes of which the target can reach the source's data server."""

    def __init__(self, agent_for: AgentFor, servers: NodeDataServers, options: SshOptions, links: Links) -> None:
        self._agent_for = agent_for
        self._servers = servers
        self._options = options
        self._links = links

    async def copy(
        self, jobs: Sequence[TransferJob], progress: BatchProgress
    ) -> Sequence[StreamOutcome | SyncdeckError]:
        """Return what each file came to, as ``BatchTransport`` has it; raises TransferError where there is no way."""
        source, target = jobs[0].source, jobs[0].target
        refusal = await self._servers.refusal(source, target)
        if refusal is not None:
            raise _no_way(source.node_id, refusal)
        platform = (await self._agent_for(source.node_id)).info.platform
        if not platform.startswith(SOURCE_PLATFORM):
            raise _no_way(source.node_id, f"it runs {platform}, and batches are served on Linux only")

        async def offer(name: str, word: str) -> str:
            url, refusal = await self._servers.batch_url(source, name, word, target)
            if url is None:
                raise _no_way(source.node_id, str(refusal))
            return url

        results = await copy_by_agents(jobs, progress, self._options, self._links, offer=offer)
        if any(isinstance(one, TransferError) and one.error_class in WAY_FAILURES for one in results):
            self._servers.failed(source, target)  # Probed again before it is used the next time.
        return results


WAY_FAILURES = (ErrorClass.TRANSIENT_NETWORK, ErrorClass.UNSUPPORTED)


def _no_way(node_id: str, cause: str) -> TransferError:
    return TransferError("serve from", node_id, cause, "another transport is tried by itself", ErrorClass.UNSUPPORTED)
