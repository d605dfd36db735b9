"""One engine's real parts over a model fleet; it is killed at any request, and started again from what it stored."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Coroutine
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.archive_settings import ArchiveSettings
from config.types import Policy
from engine.archive.parts import ArchiveParts, build_archive_parts
from engine.catalog.catalog import DataCatalog
from engine.clock import ManualClock
from engine.errors import ErrorClass, SyncdeckError
from engine.execution.executor import Executor
from engine.execution.progress import ProgressBoard
from engine.execution.recovery import Recovery
from engine.execution.tools import Tools
from engine.integrity.temporary import TemporaryNames
from engine.inventory.fleet import Fleet
from engine.inventory.hasher import Hasher
from engine.inventory.scanner import NodeScanner
from engine.inventory.settler import Settler
from engine.model import EntryKey, NodeState
from engine.queue.queue import LEASE_SECONDS, TransferQueue
from engine.reconcile import Reconciler
from engine.remote.types import NodeAgent
from engine.store.store import Store
from engine.transport.bandwidth.allocator import BandwidthAllocator
from engine.transport.manager import TransportManager
from tests.model.agent import ModelAgent, lost
from tests.model.disk import EngineKilled, ModelFleet, ModelNode
from tests.model.transport import ModelTransport
from tests.planner.worlds import node, policy

ENGINE_ID = "0123abcd"
ROOT = "/root/data"
DRIVE = "/Volumes/Drive"
DRIVE_LOCATION = f"mac-1:{DRIVE}"
NODES = ("vast-1", "vast-2", "nas-1", "mac-1")
DURABLE = ("nas-1", "mac-1")
DAY_SECONDS = 86_400.0


def policies() -> tuple[Policy, ...]:
    """Return the configurations that an operator changes between: targets, and where archives go."""
    nodes = [
        node("vast-1", ephemeral=True, root=ROOT),
        node("vast-2", ephemeral=True, root=ROOT),
        node("nas-1", root=ROOT),
        node("mac-1", root=ROOT, drives=(DRIVE,)),
    ]
    wanted = ((2, DRIVE_LOCATION), (1, "nas-1"), (3, "nas-1"), (1, "vast-2"))
    return tuple(
        policy(nodes, target=target, archive=ArchiveSettings(location=location, codec="gzip", max_deletions_per_run=9))
        for target, location in wanted
    )


def new_fleet() -> ModelFleet:
    """Return four empty nodes: two rented ones, and two whose disks last, one with a drive."""
    clock = ManualClock()
    mounts = {"mac-1": {DRIVE: True}}
    nodes = {name: ModelNode(name, name in DURABLE, ROOT, clock, mounts.get(name, {})) for name in NODES}
    return ModelFleet(clock, nodes)


@dataclass
class Engine:
    """The parts of one run."""

    store: Store
    tools: Tools
    known: Fleet
    executor: Executor
    recovery: Recovery
    hasher: Hasher
    settler: Settler
    reconciler: Reconciler
    archive: ArchiveParts


class ModelWorld:
    """A fleet, and the engine that runs now."""

    def __init__(self, fleet: ModelFleet, folder: Path) -> None:
        self.fleet = fleet
        self.policy = policies()[0]
        self.engine: Engine
        self.refused: list[str] = []
        """What the engine said it could not do, in its own words; never a fault of its own."""
        self._folder = folder
        self._task: asyncio.Task[Any] | None = None
        fleet.on_trap = self._spring

    async def start(self) -> None:
        """Start an engine on what the last one stored."""
        self.engine = await self._assemble(self._state_file)
        await self.engine.recovery.start()

    async def close(self) -> None:
        await self.engine.settler.stop()
        await self.engine.store.close()

    async def run(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Let the engine do something to its end, or until a trap ends it; return whether it came to its end."""
        self.fleet.sprung = None
        self._task = asyncio.get_running_loop().create_task(work)
        try:
            await self._task
            return True
        except EngineKilled:
            return False
        except asyncio.CancelledError:
            assert self.fleet.sprung == "cancel", "nobody cancelled this"
            return False
        except SyncdeckError as error:
            assert error.error_class is not ErrorClass.BUG, error
            self.refused.append(str(error))
            return False
        finally:
            self._task = None
            if self.fleet.sprung == "kill":
                await self._start_again()

    async def restart(self) -> None:
        """Kill the engine between two acts."""
        self._kill()
        await self._start_again()

    @property
    def _state_file(self) -> Path:
        return self._folder / f"state-{self.fleet.run}.db"

    async def _start_again(self) -> None:
        await self.close()
        await self.start()

    def _kill(self) -> None:
        """Keep what is stored at this moment; whatever the dying run still writes goes into its own file."""
        before = self._state_file
        self.fleet.run += 1
        with closing(sqlite3.connect(before)) as old, closing(sqlite3.connect(self._state_file)) as new:
            old.backup(new)

    def _spring(self, kind: str, where: ModelNode, path: str) -> None:
        if kind == "kill":
            self._kill()
        elif kind == "lose":
            where.up = False
        elif kind == "cancel" and self._task is not None:
            self._task.cancel()

    async def agent_for(self, node_id: str) -> NodeAgent:
        """Return a session with a node. Raises NodeUnreachable."""
        await asyncio.sleep(0)
        where = self.fleet.nodes[node_id]
        if not where.up:
            raise lost(node_id, NodeState.TIMED_OUT)
        return ModelAgent(self.fleet, where)

    async def _assemble(self, state_file: Path) -> Engine:
        run, clock = self.fleet.run, self.fleet.clock
        store = await Store.open(state_file)
        known = Fleet(self.policy, "mac-1")
        known.apply_policy(self.policy)
        catalog, queue = DataCatalog(store, clock), TransferQueue(store, clock)

        async def agent_for(node_id: str) -> NodeAgent:
            if run != self.fleet.run:
                raise EngineKilled
            return await self.agent_for(node_id)

        chance = random.Random(run)
        tools = Tools(
            queue=queue,
            catalog=catalog,
            transports=TransportManager([ModelTransport(agent_for)], clock, chance=chance),
            agent_for=agent_for,
            endpoint_for=known.endpoint,
            policy=lambda: known.policy,
            names=TemporaryNames(ENGINE_ID, f"{run:08x}"),
            clock=clock,
            board=ProgressBoard(clock),
            bandwidth=BandwidthAllocator(clock, lambda: known.policy.engine),
            chance=chance,
        )
        executor = Executor(tools)
        hasher = Hasher(catalog, agent_for, tools.names, clock)
        settler = Settler(hasher, clock, lambda room_again: None)
        reconciler = Reconciler(catalog, queue, known, settler, clock)
        archive = build_archive_parts(tools, store, known, reconciler.failing)
        archive.verifier._chance = chance
        recovery = Recovery(tools, executor, LEASE_SECONDS)
        return Engine(store, tools, known, executor, recovery, hasher, settler, reconciler, archive)

    # What an engine does, one piece at a time.

    async def look(self) -> None:
        """Scan every node, and remove what earlier runs left."""
        engine, now = self.engine, self.fleet.clock.now()
        scanner = NodeScanner(engine.tools.catalog, engine.known, self.fleet.clock)
        for name in NODES:
            try:
                agent = await engine.tools.agent_for(name)
                found = await scanner.scan(name, agent)
                engine.known.node_up(name, now)
                await engine.recovery.sweep(name, [one.path for one in found.temporaries])
            except SyncdeckError as error:
                assert error.error_class is not ErrorClass.BUG, error
                engine.known.node_down(name, NodeState.LOST, error.cause, error.remedy, now)

    async def plan(self) -> None:
        """Hash what must be known, and queue what the rules want."""
        await self.engine.reconciler.reconcile(None)
        if await self.engine.settler.idle():
            await self.engine.reconciler.reconcile(None)

    async def move(self, most: int) -> None:
        """Claim transfers and carry them out side by side."""
        engine = self.engine
        closed = engine.known.closed_nodes()
        claimed = await engine.tools.queue.claim(engine.tools.names.run_id, LEASE_SECONDS, most, closed)
        running = [asyncio.get_running_loop().create_task(engine.executor.run(one)) for one in claimed]
        try:
            await asyncio.gather(*running)
        except EngineKilled:
            await _end(running)
            raise
        except asyncio.CancelledError:
            # As the runner does it: first stopped, then recorded.
            await _end(running)
            await engine.tools.queue.cancel([one.id for one in claimed])
            raise

    async def settle(self, key: EntryKey) -> None:
        """Hash the copies of one entry."""
        entry = await self.engine.tools.catalog.get(key)
        if entry is not None:
            await self.engine.hasher.settle(entry)

    def use(self, changed: Policy) -> None:
        """Put another configuration into force."""
        self.policy = changed
        self.engine.known.apply_policy(changed)


async def _end(running: list[asyncio.Task[None]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


__all__ = ["DAY_SECONDS", "DRIVE", "DRIVE_LOCATION", "NODES", "ROOT", "ModelWorld", "new_fleet", "policies"]
