"""The data servers of all nodes: started when first needed, one per node, stopped when idle. Implements DataServers."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

from config.types import Policy
from engine.clock import Clock
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError, TransferError
from engine.remote.agent.serving_urls import Grant, batch_url, data_url, health_url
from engine.remote.links import Links
from engine.remote.types import ChunkHashes, Endpoint, ProbeResult, SshOptions
from engine.remote.wire import stat_to
from engine.transport.errors import source_changed
from engine.transport.fetch_types import MANIFEST_CHUNK_BYTES, ChunkManifest, Served
from engine.transport.reach import LOOPBACK, TrustedNetworks, bracketed
from engine.transport.reach_probe import Reach
from engine.transport.serving_child import ServerJob, ServingChild, start_server
from engine.transport.types import AgentFor

log = logging.getLogger(__name__)

URL_SECONDS = 3600
"""A URL holds for an hour: long enough for most files, and whoever needs it longer has it signed anew."""
PROBE_URL_SECONDS = 60
IDLE_SECONDS = 60.0
WATCH_SECONDS = 1.0


class NodeDataServers:
    """One per engine; owned by the event loop. ``policy`` is asked anew each time: the configuration may change."""

    def __init__(
        self,
        agent_for: AgentFor,
        options: SshOptions,
        links: Links,
        policy: Callable[[], Policy],
        clock: Clock,
        idle_seconds: float = IDLE_SECONDS,
        url_seconds: int = URL_SECONDS,
    ) -> None:
        self.reach = Reach(agent_for, policy, clock)
        self.url_seconds = url_seconds
        self.policy = policy
        self._agent_for = agent_for
        self._options = options
        self._links = links
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._servers: dict[str, tuple[ServerJob, ServingChild]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._limits: dict[str, int | None] = {}
        self._watching: asyncio.Task[None] | None = None
        self._closed = False

    async def urls(self, endpoint: Endpoint, served: Served, reader: Endpoint) -> tuple[str, ...]:
        """Return signed URLs under which ``reader`` can fetch a file, best first; empty where none can be reached.

        Raises NodeUnreachable, TransferError.
        """
        host, server, _ = await self._way(endpoint, reader)
        if host is None or server is None or not served.root:
            return ()
        expires_at = int(self._clock.now()) + self.url_seconds
        grant = Grant(served.path, served.root, expires_at, stat_to(served.stat))
        return (_origin(host, server) + data_url(server.secret, grant),)

    async def batch_url(
        self, endpoint: Endpoint, name: str, word: str, reader: Endpoint
    ) -> tuple[str | None, str | None]:
        """Return a signed URL that connects ``reader`` to the agent that awaits it under ``name``, or why not.

        Raises NodeUnreachable, TransferError.
        """
        host, server, refusal = await self._way(endpoint, reader)
        if host is None or server is None:
            return None, refusal
        expires_at = int(self._clock.now()) + PROBE_URL_SECONDS
        return _origin(host, server) + batch_url(server.secret, name, word, expires_at), None

    async def refusal(self, endpoint: Endpoint, reader: Endpoint) -> str | None:
        """Return why ``reader`` cannot fetch from this node, in an operator's words, else None.

        Raises NodeUnreachable when one of the two cannot be talked to at all.
        """
        try:
            _, _, refusal = await self._way(endpoint, reader)
        except NodeUnreachable:
            raise
        except SyncdeckError as error:
            return str(error)
        return refusal

    async def manifest(self, endpoint: Endpoint, served: Served) -> ChunkManifest:
        """Return the chunk hashes of a file, computed on its node. Raises SyncdeckError."""
        hashes = await self.hashes(endpoint, served)
        return ChunkManifest(hashes.id, hashes.size_bytes, hashes.chunk_bytes, hashes.sha256s, hashes.sha256)

    async def hashes(self, endpoint: Endpoint, served: Served) -> ChunkHashes:
        """Return the hashes of a file and of its chunks. Raises SyncdeckError, source-changed for another file."""
        agent = await self._agent_for(endpoint.node_id)
        hashes = await agent.manifest(served.path, MANIFEST_CHUNK_BYTES)
        if served.stat is not None and not hashes.stat.same_content_as(served.stat):
            raise source_changed(served.path)
        return hashes

    def limit(self, node_id: str, bytes_per_second: int | None) -> None:
        """Cap what a node's server sends in all, from now on; None: as the configuration has it."""
        self._limits[node_id] = bytes_per_second
        self._adjust(node_id)

    def sent_bytes(self, node_id: str) -> int:
        """Return what a node's server has sent since it started, as it last said; 0 where none runs."""
        known = self._servers.get(node_id)
        return known[1].wire if known is not None else 0

    def failed(self, endpoint: Endpoint, reader: Endpoint) -> None:
        """Probe this pair again before it is used the next time."""
        self.reach.forget(endpoint.node_id, reader.node_id)

    async def close(self) -> None:
        """Stop all servers; none starts afterwards."""
        self._closed = True
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await asyncio.gather(*(self._stop(node_id) for node_id in list(self._turns)))

    async def _way(self, endpoint: Endpoint, reader: Endpoint) -> tuple[str | None, ServingChild | None, str | None]:
        """Return the address that answers the reader and the server, or why there is none."""
        hosts, refusal = await self.reach.hosts(endpoint, reader)
        if refusal is not None:
            return None, None, refusal
        server = await self._server(endpoint)
        target = health_url(server.secret, int(self._clock.now()) + PROBE_URL_SECONDS)
        host, refusal = await self.reach.first_answering(
            endpoint.node_id, reader.node_id, hosts, server.port, target, _is_ours
        )
        server.touch()
        return host, server, None if host is not None else refusal

    async def _server(self, endpoint: Endpoint) -> ServingChild:
        """Return the node's running server, started now if need be."""
        node_id = endpoint.node_id
        job = await self._job(endpoint)
        async with self._turns[node_id]:
            known = self._servers.get(node_id)
            if (
                known is not None
                and known[1].alive
                and (known[0].addresses, known[0].port)
                == (
                    job.addresses,
                    job.port,
                )
            ):
                known[1].touch()
                return known[1]
            if known is not None:
                del self._servers[node_id]
                await known[1].close()
            if self._closed:
                raise TransferError(
                    "serve from", node_id, "the engine is stopping", "start it again", ErrorClass.TRANSIENT_NETWORK
                )
            server = await start_server(endpoint, self._options, self._links, self._clock, job)
            self._servers[node_id] = (job, server)
            log.info("data server of %s listens on port %d", node_id, server.port)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch(), name="data servers")
        return server

    async def _job(self, endpoint: Endpoint) -> ServerJob:
        """Listen at loopback, and at those addresses of the node that lie in trusted networks: nowhere else."""
        settings = self.reach.settings
        trusted = TrustedNetworks(settings.networks)
        numeric = await self.reach.numeric(self.reach.ways(endpoint))
        addresses = [ip for found in numeric.values() for ip in found if ip in trusted]
        rate = self._rate(endpoint.node_id)
        return ServerJob(tuple(dict.fromkeys([LOOPBACK, *addresses])), settings.port, rate)

    def _rate(self, node_id: str) -> int | None:
        written = self.policy().engine.node_bandwidth_bytes_per_second.get(node_id)
        ordered = self._limits.get(node_id)
        return ordered if ordered is not None else written

    def _adjust(self, node_id: str) -> None:
        known = self._servers.get(node_id)
        if known is not None and known[1].alive:
            known[1].set_rate(self._rate(node_id))

    async def _watch(self) -> None:
        """Stop servers that nobody uses, let go of those that ended, and keep rates as they are ordered."""
        while self._servers:
            await asyncio.sleep(WATCH_SECONDS)
            for node_id, (_, server) in list(self._servers.items()):
                if not server.alive or server.idle_seconds >= self._idle_seconds:
                    await self._stop(node_id, server)
                else:
                    self._adjust(node_id)

    async def _stop(self, node_id: str, only: ServingChild | None = None) -> None:
        async with self._turns[node_id]:
            known = self._servers.get(node_id)
            if known is None or (only is not None and (known[1] is not only or _in_use(only, self._idle_seconds))):
                return
            del self._servers[node_id]
            await known[1].close()


def _origin(host: str, server: ServingChild) -> str:
    return f"http://{bracketed(host)}:{server.port}"


def _in_use(server: ServingChild, idle_seconds: float) -> bool:
    return server.alive and server.idle_seconds < idle_seconds


def _is_ours(result: ProbeResult) -> str | None:
    """A server that is not the one we started does not know its secret."""
    if result.status == 204:
        return None
    return f"another server answered there ({result.status} {result.reason})"
