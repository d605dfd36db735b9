"""Real ends with a faulty way between them: bytes go through the proxy, control goes beside it."""

from __future__ import annotations

import random
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from config.load import load
from config.types import Address
from engine.clock import SystemClock
from engine.remote.links import Links
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, SshOptions
from engine.transport.conformance.bench import Bench
from engine.transport.conformance.scratch import scratch_folder
from engine.transport.fetch_types import Served
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransferJob, TransportAdapter
from tests.faults.proxy import Proxy
from tests.fleet import Fleet, FleetNode, openssh_fleet

ENGINE = "engine"
OVER_SSH = ("rsync", "agent", "base64")
"""Their bytes go through sshd; those of all others through a data server."""
CONNECT_SECONDS = 2
STALL_SECONDS = 3.0


@dataclass
class Ground:
    """An engine's node and a node, with scratch folders; ``adapters`` reach the node through the proxy only."""

    adapters: tuple[TransportAdapter, ...]
    bench: Bench
    proxy: Proxy
    node: FleetNode
    by_ssh: bool

    def adapter(self, name: str) -> TransportAdapter:
        return next(a for a in self.adapters if a.name.value == name)

    def through(self, job: TransferJob) -> TransferJob:
        """Return the job with the node at the proxy's port, and small limits."""
        return replace(
            job,
            source=self._behind(job.source),
            target=self._behind(job.target),
            stall_timeout_seconds=STALL_SECONDS,
        )

    def _behind(self, endpoint: Endpoint) -> Endpoint:
        if endpoint.local or not self.by_ssh:
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


def options_behind(fleet: Fleet, node: FleetNode, proxy: Proxy, folder: Path) -> SshOptions:
    """Return options that trust the node's key at the proxy's port as well."""
    known = folder / "known_hosts"
    key = node.server.host_public_key()
    known.write_text(fleet.known_hosts.read_text() + f"[127.0.0.1]:{proxy.port} {key}\n")
    control = folder / "control"
    control.mkdir()
    return SshOptions(
        control_dir=control, known_hosts=str(known), connect_timeout_seconds=CONNECT_SECONDS, multiplex=False
    )


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("faults"), count=1) as running:
        yield running


@asynccontextmanager
async def ground_on(fleet: Fleet, folder: Path, seed: str, transport: str, put: bool = True) -> AsyncIterator[Ground]:
    """Hold a ground on which a transport's bytes go to the node (``put``), or come from it, through the proxy."""
    node = fleet[0]
    number = zlib.crc32(seed.encode())
    async with AsyncExitStack() as stack:
        proxy = stack.enter_context(Proxy(node.port, seed=number))
        options = options_behind(fleet, node, proxy, folder)
        endpoints = {ENGINE: Endpoint(ENGINE, local=True), node.name: node.endpoint}
        # Sessions share their connection: control is quick, and what the matrix tries is the way of the bytes.
        pool = SessionPool(endpoints.__getitem__, fleet.options())
        stack.push_async_callback(pool.close)
        root = folder / "engine root"
        root.mkdir()
        near = await stack.enter_async_context(scratch_folder(endpoints[ENGINE], str(root), options))
        far = await stack.enter_async_context(scratch_folder(node.endpoint, str(node.root), fleet.options()))
        policy = load(fleet.write_hosts()).policy
        servers = ServersBehind(pool.get, options, Links(), lambda: policy, SystemClock())
        servers.proxy = proxy
        stack.push_async_callback(servers.close)
        adapters = build_transports(pool.get, options, Links(), SystemClock(), servers)
        source, target = (near, far) if put else (far, near)
        chosen = next(a for a in adapters if a.name.value == transport)
        bench = Bench(chosen, source, target, pool.get, random.Random(number))
        yield Ground(adapters, bench, proxy, node, transport in OVER_SSH)
