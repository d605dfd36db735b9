"""Real ends with a faulty way between them: bytes go through the proxy, control goes beside it."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import pytest_asyncio

from config.load import load
from config.types import Address, Policy
from engine.clock import SystemClock
from engine.remote.links import Links
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, SshOptions
from engine.transport.agent import AgentTransport
from engine.transport.conformance.bench import Bench
from engine.transport.conformance.scratch import ScratchFolder, scratch_folder
from engine.transport.direct import DirectStreams
from engine.transport.fetch_types import Served
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransferJob, TransportAdapter
from tests.faults.proxy import Proxy
from tests.fleet import Fleet, FleetNode, openssh_fleet
from tests.fleet_agent import ssh_agent

ENGINE = "engine"
PUT, GET, BETWEEN = (ENGINE, "node-0"), ("node-0", ENGINE), ("node-0", "node-1")
DIRECT = "agent, from node to node"
"""The agent's stream where the source's own ssh reaches the target, with the operator's ssh-agent."""
OVER_SSH = ("rsync", "agent", "base64", DIRECT)
"""Their bytes go through sshd; those of all others through a data server."""
CONNECT_SECONDS = 2


@dataclass
class Ground:
    """Two ends with scratch folders; ``adapters`` move bytes through the proxy only. ``node`` is the end behind it."""

    adapters: tuple[TransportAdapter, ...]
    bench: Bench
    proxy: Proxy
    node: FleetNode
    by_ssh: bool

    def through(self, job: TransferJob) -> TransferJob:
        """Return the job with the node at the proxy's port."""
        return replace(job, source=self._behind(job.source), target=self._behind(job.target))

    def _behind(self, endpoint: Endpoint) -> Endpoint:
        if endpoint.node_id != self.node.name or not self.by_ssh:
            return endpoint
        return replace(endpoint, addresses=(Address("127.0.0.1", self.proxy.port),))


class ServersBehind(NodeDataServers):
    """The real data servers, whose URLs lead through a proxy: what is signed does not name the address."""

    proxy: Proxy

    async def urls(self, endpoint: Endpoint, served: Served, reader: Endpoint) -> tuple[str, ...]:
        found = []
        for url in await super().urls(endpoint, served, reader):
            parts = urlsplit(url)
            assert parts.port is not None
            self.proxy.to_port = parts.port
            found.append(urlunsplit(parts._replace(netloc=f"127.0.0.1:{self.proxy.port}")))
        return tuple(found)


@dataclass
class Ends:
    """What all tests of a module share: nodes, sessions that lead to them directly, scratch folders, data servers."""

    fleet: Fleet
    known_hosts: Path
    options: SshOptions
    pool: SessionPool
    places: dict[str, ScratchFolder]
    servers: ServersBehind
    forwarding: Policy

    @property
    def direct(self) -> AgentTransport:
        """One that has refused nothing yet."""
        links = Links()
        ways = DirectStreams(self.pool.get, lambda: self.forwarding, self.options, links, SystemClock())
        return AgentTransport(self.pool.get, self.options, links, direct=ways)

    @asynccontextmanager
    async def ground(self, seed: str, transport: str, pair: tuple[str, str] = PUT) -> AsyncIterator[Ground]:
        """Hold a ground on which a transport's bytes go from the first node of a pair to the second by a proxy."""
        source, target = pair
        node = self.fleet[source if target == ENGINE else target]
        number = zlib.crc32(seed.encode())
        with Proxy(node.port, seed=number) as proxy:
            key = f"[127.0.0.1]:{proxy.port} {node.server.host_public_key()}\n"
            self.known_hosts.write_text(self.known_hosts.read_text() + key)
            self.servers.proxy = proxy
            adapters = build_transports(self.pool.get, self.options, Links(), SystemClock(), self.servers)
            chosen = self.direct if transport == DIRECT else next(a for a in adapters if a.name.value == transport)
            chance = random.Random(number)
            bench = Bench(chosen, self.places[source], self.places[target], self.pool.get, chance)
            try:
                yield Ground(adapters, bench, proxy, node, transport in OVER_SSH)
            finally:
                await asyncio.gather(*(place.clear() for place in self.places.values()))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("faults"), count=2) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ends(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ends]:
    folder = tmp_path_factory.mktemp("ends")
    known = folder / "known_hosts"
    known.write_text(fleet.known_hosts.read_text())
    (folder / "control").mkdir()
    (folder / "engine root").mkdir()
    options = SshOptions(
        control_dir=folder / "control",
        known_hosts=str(known),
        connect_timeout_seconds=CONNECT_SECONDS,
        multiplex=False,
    )
    endpoints = {ENGINE: Endpoint(ENGINE, local=True)} | {node.name: node.endpoint for node in fleet.nodes}
    roots = {ENGINE: str(folder / "engine root")} | {node.name: str(node.root) for node in fleet.nodes}
    async with AsyncExitStack() as stack:
        # Sessions share their connection: control is quick, and what the matrix tries is the way of the bytes.
        pool = SessionPool(endpoints.__getitem__, fleet.options())
        stack.push_async_callback(pool.close)
        places = {
            name: await stack.enter_async_context(scratch_folder(endpoint, roots[name], fleet.options()))
            for name, endpoint in endpoints.items()
        }
        policy = load(fleet.write_hosts()).policy
        ssh = {"ssh": {"known_hosts": str(known), "forward_agent": True}}
        forwarding = load(fleet.write_hosts(folder / "forwarding.yaml", extra={"data_plane": ssh})).policy
        agent = stack.enter_context(ssh_agent(fleet.identity))
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("SSH_AUTH_SOCK", agent)
        servers = ServersBehind(pool.get, options, Links(), lambda: policy, SystemClock())
        stack.push_async_callback(servers.close)
        yield Ends(fleet, known, options, pool, places, servers, forwarding)
