"""One engine's real parts over a model fleet; it is killed at any request, and started again from what it stored."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

from config.load import LoadedConfig
from engine.clock import ManualClock
from engine.errors import ErrorClass, SyncdeckError
from engine.inventory.scanner import NodeScanner
from engine.model import EntryKey, NodeState
from engine.queue.queue import LEASE_SECONDS
from engine.remote.types import NodeAgent
from engine.views import SyncRequest
from tests.model.agent import ModelAgent, lost
from tests.model.configuration import DRIVE, ROOT, Configuration
from tests.model.disk import EngineKilled, ModelFleet, ModelNode
from tests.model.one_run import Engine, assemble

NODES = ("vast-1", "vast-2", "nas-1", "mac-1")
DURABLE = ("nas-1", "mac-1")
DAY_SECONDS = 86_400.0


def new_fleet() -> ModelFleet:
    """Return four empty nodes: two rented ones, and two whose disks last, one with a drive."""
    clock = ManualClock()
    mounts = {"mac-1": {DRIVE: True}}
    nodes = {name: ModelNode(name, name in DURABLE, ROOT, clock, mounts.get(name, {})) for name in NODES}
    return ModelFleet(clock, nodes)


class ModelWorld:
    """A fleet, and the engine that runs now."""

    def __init__(self, fleet: ModelFleet, folder: Path) -> None:
        self.fleet = fleet
        self.configuration = Configuration(folder / "distributed_hosts.yaml")
        self.loaded = self.configuration.read()
        self.engine: Engine
        self.refused: list[str] = []
        """What the engine said it could not do, in its own words; never a fault of its own."""
        self._folder = folder
        self._task: asyncio.Task[Any] | None = None
        fleet.on_trap = self._spring

    async def start(self) -> None:
        """Start an engine on what the last one stored."""
        self.loaded = self.configuration.read()
        self.engine = await assemble(self, self._state_file, self._folder)
        await self.engine.nodes.rescues.restore()
        await self.engine.recovery.start()

    async def close(self) -> None:
        await self.engine.settler.stop()
        await self.engine.games.close()
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

    async def begin_emergency(self, request: SyncRequest) -> None:
        """Queue what an emergency moves, and watch over it."""
        await self.engine.requests.queue(request)
        await self.engine.nodes.rescues.begin_emergency(request)

    def follow(self) -> None:
        """Put into force what the configuration file says by now."""
        self.use(self.configuration.read())

    def use(self, changed: LoadedConfig) -> None:
        """Put another configuration into force."""
        self.loaded = changed
        self.engine.known.apply_policy(changed.policy)


async def _end(running: list[asyncio.Task[None]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


__all__ = ["DAY_SECONDS", "DURABLE", "NODES", "ModelWorld", "new_fleet"]
