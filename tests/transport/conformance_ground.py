"""Real ends for the checks of transports: a fleet, a scratch folder on each node, every adapter that is built."""

from __future__ import annotations

import random
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.load import load
from engine.clock import SystemClock
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, Progress, RateChanges, StreamJob, StreamOutcome
from engine.transport.agent import AgentTransport
from engine.transport.conformance.bench import Bench
from engine.transport.conformance.scratch import ScratchFolder, scratch_folder
from engine.transport.direct import DirectStreams, Relayed
from engine.transport.http import HttpTransport
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransportAdapter
from tests.fleet import Fleet
from tests.fleet_agent import ssh_agent

ENGINE = "engine"
DIRECT = "agent, from node to node"
FULL_BYTES = 16 << 20


@dataclass
class Ground:
    """A fleet, and a scratch folder on each of its nodes. ``small`` is one that holds less than ``FULL_BYTES``;
    ``others`` are http transports that only a server of somebody else's serves, by its name, and the agent's stream
    where nothing but the way past the engine will do."""

    adapters: tuple[TransportAdapter, ...]
    others: dict[str, TransportAdapter]
    pool: SessionPool
    places: dict[str, ScratchFolder]
    small: ScratchFolder | None

    def adapter(self, name: str) -> TransportAdapter:
        return self.others.get(name) or next(a for a in self.adapters if a.name.value == name)

    async def bench(self, transport: str, pair: tuple[str, str], seed: str) -> Bench | None:
        """Return the bench for a transport between two nodes, None where it says that it does not serve them."""
        source, target = (self.places[name] for name in pair)
        adapter = self.adapter(transport)
        reason = await adapter.unusable(source.endpoint, target.endpoint)
        if reason is not None:
            assert ENGINE not in pair and not adapter.capabilities.remote_to_remote, reason
            return None
        others = [
            a for a in self.adapters if a is not adapter and await a.unusable(source.endpoint, target.endpoint) is None
        ]
        small = self.small if self.small and self.small.endpoint.node_id == pair[1] else None
        chance = random.Random(zlib.crc32(seed.encode()))
        return Bench(adapter, source, target, self.pool.get, chance, others, small, FULL_BYTES)


class OnlyDirect(DirectStreams):
    """The real one, where being sent through the engine is a failure."""

    async def stream(
        self, source: Endpoint, target: Endpoint, job: StreamJob, progress: Progress, rate_changes: RateChanges
    ) -> StreamOutcome | Relayed:
        found = await super().stream(source, target, job, progress, rate_changes)
        assert isinstance(found, StreamOutcome), found
        return found


@asynccontextmanager
async def ground_on(
    fleet: Fleet, engine_root: Path, small: Path | None, foreign_ports: Mapping[str, int]
) -> AsyncIterator[Ground]:
    """Hold the ground. ``small`` is a folder on the first node for its small scratch folder; ``foreign_ports`` are
    those of servers that show everything that lies around the fleet, by their names."""
    options = fleet.options()
    endpoints = {node.name: node.endpoint for node in fleet.nodes} | {ENGINE: Endpoint(ENGINE, local=True)}
    roots = {node.name: str(node.root) for node in fleet.nodes} | {ENGINE: str(engine_root)}
    async with AsyncExitStack() as stack:
        pool = SessionPool(endpoints.__getitem__, options)
        stack.push_async_callback(pool.close)

        async def scratch(name: str, root: str) -> ScratchFolder:
            return await stack.enter_async_context(scratch_folder(endpoints[name], root, options, pool.links))

        def servers(http: dict[str, Any]) -> NodeDataServers:
            hosts = fleet.write_hosts(extra={"data_plane": {"http": http}})
            policy = load(hosts).policy
            made = NodeDataServers(pool.get, options, pool.links, lambda: policy, SystemClock())
            stack.push_async_callback(made.close)
            return made

        def foreign(port: int) -> TransportAdapter:
            item = {"node": "*", "port": port, "root": str(fleet.folder.parent), "prefer": True}
            taken = fleet[0].port  # By sshd: ours cannot listen there.
            http = {"servers": [item], "port": taken}
            return HttpTransport(pool.get, options, pool.links, servers(http), SystemClock())

        places = {name: await scratch(name, roots[name]) for name in endpoints}
        full = None if small is None else await scratch(fleet[0].name, str(small))
        adapters = build_transports(pool.get, options, pool.links, SystemClock(), servers({}))
        others = {name: foreign(port) for name, port in foreign_ports.items()}
        stack.enter_context(pytest.MonkeyPatch.context()).setenv(
            "SSH_AUTH_SOCK", stack.enter_context(ssh_agent(fleet.identity))
        )
        ssh = {"ssh": {"known_hosts": str(fleet.known_hosts), "forward_agent": True}}
        forwarding = load(fleet.write_hosts(extra={"data_plane": ssh})).policy
        direct = OnlyDirect(pool.get, lambda: forwarding, options, pool.links, SystemClock())
        others[DIRECT] = AgentTransport(pool.get, options, pool.links, direct=direct)
        yield Ground(adapters, others, pool, places, full)
