"""Builds the parts that a transfer needs from a fleet's own hosts file, as the engine does."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from config.load import load
from config.types import Policy
from engine.catalog.catalog import DataCatalog
from engine.clock import SystemClock
from engine.execution.executor import Executor
from engine.execution.progress import ProgressBoard
from engine.execution.recovery import Recovery
from engine.execution.runner import Runner
from engine.execution.tools import Tools
from engine.integrity.temporary import TemporaryNames
from engine.inventory.fleet import Fleet as KnownFleet
from engine.inventory.scanner import NodeScanner, ScanOutcome
from engine.model import DataEntry, EntryKey, SyncPriority, Transfer, TransferState, Transport
from engine.queue.queue import LEASE_SECONDS, NewTransfer, TransferQueue
from engine.remote.pool import SessionPool
from engine.remote.types import SshOptions
from engine.store.store import Store
from engine.transport.bandwidth.allocator import BandwidthAllocator
from engine.transport.delta import PageDeltas
from engine.transport.manager import TransportManager
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from tests.fleet import Fleet

ENGINE_ID = "0123abcd"


@dataclass
class World:
    """One engine's moving parts, without its loops."""

    known: KnownFleet
    store: Store
    catalog: DataCatalog
    queue: TransferQueue
    pool: SessionPool
    tools: Tools
    executor: Executor
    runner: Runner
    recovery: Recovery
    closed: dict[str, str]
    fleet: Fleet | None = None

    @property
    def nodes(self) -> Fleet:
        assert self.fleet is not None
        return self.fleet

    def use_policy(self, policy: Policy) -> None:
        self.known.apply_policy(policy)

    def limit(self, **engine_settings: Any) -> None:
        """Change engine settings of the running configuration."""
        policy = self.known.policy
        self.use_policy(replace(policy, engine=replace(policy.engine, **engine_settings)))

    async def scan(self, *names: str) -> dict[str, ScanOutcome]:
        scanner = NodeScanner(self.catalog, self.known, self.tools.clock)
        chosen = names or tuple(self.known.policy.nodes)
        return {name: await scanner.scan(name, await self.pool.get(name)) for name in chosen}

    async def ask(
        self,
        key: EntryKey,
        source: str,
        target: str,
        *chain: Transport,
        emergency: bool = False,
        may_fill: bool = False,
    ) -> int:
        new = NewTransfer(key, source, target, SyncPriority.NORMAL, "test", transport_preference=chain)
        new = replace(new, emergency=emergency, may_fill=may_fill)
        ids = await self.queue.enqueue([new])
        return ids[0]

    async def carry_out(self, transfer_id: int) -> Transfer:
        """Claim and run exactly this transfer; return what became of it."""
        claimed = await self.queue.claim(self.tools.names.run_id, LEASE_SECONDS, 1)
        assert [transfer.id for transfer in claimed] == [transfer_id]
        await self.executor.run(claimed[0])
        return await self.transfer(transfer_id)

    async def transfer(self, transfer_id: int) -> Transfer:
        found = await self.queue.get(transfer_id)
        assert found is not None
        return found

    async def entry(self, key: EntryKey) -> DataEntry:
        found = await self.catalog.get(key)
        assert found is not None
        return found

    async def states(self, transfer_id: int) -> list[TransferState]:
        return [edge.to_state for edge in await self.queue.history(transfer_id)]


@asynccontextmanager
async def open_world(
    nodes: Fleet, state_file: Path, run_id: str, *, settings: Mapping[str, Any] | None = None
) -> AsyncIterator[World]:
    """An engine on node-0 of a fleet, with its store at ``state_file``."""
    hosts = write_hosts(nodes)
    async with assemble(hosts, nodes.options(), state_file, run_id, settings=settings) as world:
        world.fleet = nodes
        yield world


def write_hosts(nodes: Fleet) -> Path:
    """Write a hosts file that lets the disk of the machine under test be as full as it is."""
    permissive = {"max_disk_usage_percent": 99, "target_disk_usage_percent": 98, "min_free_disk_percent": 1}
    return nodes.write_hosts(extra={"sync_routing": permissive})


@asynccontextmanager
async def assemble(
    hosts: Path,
    options: SshOptions,
    state_file: Path,
    run_id: str,
    *,
    settings: Mapping[str, Any] | None = None,
    queue_type: type[TransferQueue] = TransferQueue,
    catalog_type: type[DataCatalog] = DataCatalog,
) -> AsyncIterator[World]:
    """An engine on the node that a hosts file names, with its store at ``state_file``."""
    policy = load(hosts).policy
    if settings:
        policy = replace(policy, engine=replace(policy.engine, **settings))
    assert policy.engine.node_id is not None
    known = KnownFleet(policy, policy.engine.node_id)
    clock = SystemClock()
    store = await Store.open(state_file)
    pool = SessionPool(known.endpoint, options)
    servers = NodeDataServers(pool.get, options, pool.links, lambda: known.policy, clock)
    catalog, queue = catalog_type(store, clock), queue_type(store, clock)
    tools = Tools(
        queue=queue,
        catalog=catalog,
        transports=TransportManager(
            build_transports(pool.get, options, pool.links, clock, servers), clock, deltas=PageDeltas(pool.get, clock)
        ),
        agent_for=pool.get,
        endpoint_for=known.endpoint,
        policy=lambda: known.policy,
        names=TemporaryNames(ENGINE_ID, run_id),
        clock=clock,
        board=ProgressBoard(clock),
        bandwidth=BandwidthAllocator(clock, lambda: known.policy.engine),
        chance=random.Random(7),
    )
    executor = Executor(tools)
    closed: dict[str, str] = {}
    runner = Runner(tools, executor, lambda: closed)
    recovery = Recovery(tools, executor, LEASE_SECONDS)
    world = World(known, store, catalog, queue, pool, tools, executor, runner, recovery, closed)
    try:
        yield world
    finally:
        await runner.stop()
        await servers.close()
        await pool.close()
        await store.close()
