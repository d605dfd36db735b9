"""Keeping the inventory fresh: each node is looked at in its own rhythm, a silent one less and less often."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from engine.catalog.catalog import DataCatalog
from engine.clock import Clock
from engine.errors import NodeUnreachable, SyncdeckError
from engine.identity import misplaced_loopback_nodes
from engine.inventory.fleet import Fleet
from engine.inventory.rhythm import Turn, next_turn
from engine.inventory.scanner import NodeScanner, ScanOutcome
from engine.model import NodeState
from engine.remote.types import NodeAgent

log = logging.getLogger(__name__)

OLD_DAEMONS = ("unified_data_sync", "s3_backup", "auto_sync")
SCANS_AT_ONCE = 8

AgentFor = Callable[[str], Awaitable[NodeAgent]]
OnScanned = Callable[[str, ScanOutcome | None], Awaitable[None]]
OnDown = Callable[[str, BaseException], None]
"""Told which loop ended by a fault of ours, and by which."""


class InventoryKeeper:
    """Looks at nodes, now and again and when told to."""

    def __init__(
        self,
        catalog: DataCatalog,
        fleet: Fleet,
        agent_for: AgentFor,
        clock: Clock,
        on_scanned: OnScanned,
        on_down: OnDown,
    ) -> None:
        self._catalog = catalog
        self._fleet = fleet
        self._agent_for = agent_for
        self._clock = clock
        self._on_scanned = on_scanned
        self._on_down = on_down
        self._scanner = NodeScanner(catalog, fleet, clock)
        self._slots = asyncio.Semaphore(SCANS_AT_ONCE)
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._random = random.Random()
        self._looks: dict[str, tuple[NodeAgent, int | None]] = {}
        """By node: the session of the newest look, and the number of the last one that was taken whole."""

    async def look(self, node_id: str, for_changes: bool = False) -> ScanOutcome | None:
        """Scan one node now; None when it could not be reached. Its state says why.

        ``for_changes``: only what changed since the look before, where that is possible.
        """
        up_before = self._fleet.status(node_id).state is NodeState.UP
        async with self._slots:
            if node_id in misplaced_loopback_nodes(self._fleet.policy, self._fleet.own_node):
                self._misplaced(node_id)
                return None
            try:
                agent = await self._agent_for(node_id)
                outcome = await self._changes(node_id, agent) if for_changes else None
                if outcome is None:
                    outcome = await self._scanner.scan(node_id, agent)
                    await self._look_for_old_daemons(node_id, agent)
                self._looks[node_id] = (agent, outcome.look)
            except NodeUnreachable as error:
                state = NodeState(error.state)
                self._fleet.node_down(node_id, state, error.cause, error.remedy, self._clock.now())
                log.warning("%s is %s: %s", node_id, state.value, error.cause)
                outcome = None
            except SyncdeckError as error:
                self._fleet.node_down(node_id, NodeState.ERROR, str(error), error.remedy, self._clock.now())
                log.error("%s; remedy: %s", error, error.remedy)
                outcome = None
            else:
                self._fleet.node_up(node_id, self._clock.now())
        if outcome is None or outcome.whole or outcome.touched or not up_before:
            await self._on_scanned(node_id, outcome)
        return outcome

    async def _changes(self, node_id: str, agent: NodeAgent) -> ScanOutcome | None:
        """Return what changed since the look that was last taken whole; None where only a scan can tell."""
        before, number = self._looks.get(node_id, (None, None))
        if before is not agent or number is None:
            return None
        return await self._scanner.changes(node_id, agent, number)

    async def look_at_all(self) -> None:
        """Scan every used node once, several at a time."""
        used = [node for node in self._fleet.policy.nodes if self._fleet.uses(node)]
        await asyncio.gather(*(self.look(node) for node in used))

    def start(self) -> None:
        """Give every used node its loop, and end the loops of those that left. Call again after a new policy."""
        used = {node for node in self._fleet.policy.nodes if self._fleet.uses(node)}
        for gone in set(self._loops) - used:
            self._loops.pop(gone).cancel()
            self._looks.pop(gone, None)
            self._wake.pop(gone, None)
        for node in used - set(self._loops):
            self._wake[node] = asyncio.Event()
            self._loops[node] = asyncio.get_running_loop().create_task(self._keep(node), name=f"scan of {node}")
            self._loops[node].add_done_callback(self._ended)

    def wake(self, nodes: Sequence[str] = ()) -> int:
        """Look at nodes (all when none is named) now instead of at their next turn; return how many."""
        chosen = [node for node in (nodes or self._wake) if node in self._wake]
        for node in chosen:
            self._wake[node].set()
        return len(chosen)

    async def stop(self) -> None:
        """End all loops."""
        tasks = list(self._loops.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._loops.clear()
        self._wake.clear()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._on_down(task.get_name(), error)

    async def _keep(self, node_id: str) -> None:
        failures, turn = 0, Turn(0.0, 0.0)
        while True:
            started = self._clock.monotonic()
            # Before the look: whoever asks for one during this one may mean what it has passed already.
            wake = self._wake[node_id]
            wake.clear()
            outcome = await self.look(node_id, for_changes=started < turn.scan_at)
            failures = 0 if outcome is not None else failures + 1
            now = self._clock.monotonic()
            turn = next_turn(turn, outcome, failures, self._interval(node_id), started, now)
            try:
                async with asyncio.timeout(turn.changes_at - now):
                    await wake.wait()
                    turn = Turn(0.0, 0.0)  # Whoever asks for a look wants to know what is gone, too.
            except TimeoutError:
                continue

    def _interval(self, node_id: str) -> float:
        """Return the seconds between two scans of a node, a little different each time so that none keep in step."""
        engine = self._fleet.policy.engine
        interval = engine.manifest_refresh_interval_seconds
        if self._fleet.policy.nodes[node_id].ephemeral:
            interval = min(interval, engine.ephemeral_snapshot_interval_seconds)
        return interval * (1.0 + 0.1 * self._random.random())

    def _misplaced(self, node_id: str) -> None:
        self._fleet.node_down(
            node_id,
            NodeState.ERROR,
            f"its address is localhost, but this engine runs on {self._fleet.own_node}",
            "give the host its real ssh_host or a tailscale_ip, or set data_plane.node_id if the engine runs there",
            self._clock.now(),
        )

    async def _look_for_old_daemons(self, node_id: str, agent: NodeAgent) -> None:
        found = await agent.processes(OLD_DAEMONS)
        names = tuple(sorted({name for name in OLD_DAEMONS for _, command in found if name in command}))
        status = self._fleet.status(node_id)
        self._fleet.nodes[node_id] = replace(status, old_daemons=names, last_scan_at=self._clock.now())
