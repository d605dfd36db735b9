"""A running engine's parts, and what is done with all of them: taking over, a new configuration, closing."""

from __future__ import annotations

from dataclasses import dataclass, field

from config.load import LoadedConfig
from engine.archive.parts import ArchiveParts
from engine.audit import Audit
from engine.board import StatusBoard
from engine.catalog.catalog import DataCatalog
from engine.clock import Clock
from engine.execution.recovery import Recovery
from engine.execution.runner import Runner
from engine.games.sets import GameSets
from engine.health.notify import FindingNotifier
from engine.housekeeping import Housekeeping
from engine.inventory.fleet import Fleet
from engine.inventory.keeper import InventoryKeeper
from engine.inventory.settler import Settler
from engine.keeping.desk import KeepDesk
from engine.limits import OperatorLimits
from engine.locations import node_of
from engine.model import NodeState
from engine.pauses import Pauses
from engine.planning_loop import PlanningLoop
from engine.queue.queue import TransferQueue
from engine.reconcile import Reconciler
from engine.remote.pool import SessionPool
from engine.requests import Requests
from engine.rescue.desk import NodesDesk
from engine.rescue.rescues import Rescues
from engine.rules.desk import RulesDesk
from engine.shelf import Shelf
from engine.shielded import finish_anyway
from engine.status_maker import EngineFacts
from engine.store.store import Store
from engine.transport.bandwidth.allocator import BandwidthAllocator
from engine.transport.serving import NodeDataServers
from engine.transport_desk import TransportDesk


@dataclass
class Parts:
    """Everything of a running engine. Made by ``engine.assembling``."""

    loaded: LoadedConfig
    run_id: str
    run_started_at: float
    clock: Clock
    store: Store
    catalog: DataCatalog
    queue: TransferQueue
    fleet: Fleet
    pool: SessionPool
    servers: NodeDataServers
    keeper: InventoryKeeper
    reconciler: Reconciler
    planning: PlanningLoop
    runner: Runner
    recovery: Recovery
    requests: Requests
    shelf: Shelf
    transports: TransportDesk
    rules: RulesDesk
    pauses: Pauses
    rescues: Rescues
    games: GameSets
    nodes: NodesDesk
    bandwidth: BandwidthAllocator
    limits: OperatorLimits
    archive: ArchiveParts
    keeping: KeepDesk
    board: StatusBoard
    facts: EngineFacts
    notifier: FindingNotifier
    settler: Settler
    housekeeping: Housekeeping
    audit: Audit
    _known_up: set[str] = field(default_factory=set)

    @property
    def observing(self) -> bool:
        """Whether the engine only looks and plans."""
        return self.facts.observing

    @observing.setter
    def observing(self, value: bool) -> None:
        self.facts.observing = self.fleet.observing = value

    @property
    def paused(self) -> bool:
        """Whether everything is paused."""
        return self.fleet.everything_paused

    async def restore(self) -> None:
        """Take over what an earlier run knew: pauses, and when each node was last seen."""
        await self.pauses.restore()
        await self.limits.restore()
        await self.archive.allowances.restore()
        await self.rescues.restore()
        for node, record in (await self.catalog.load_nodes()).items():
            if node in self.fleet.policy.nodes and self.fleet.uses(node):
                self.fleet.restore_node(node, record.state, record.reason, record.remedy, record.last_seen_at)
        latest = await self.catalog.samples_since(self.clock.now() - 86_400.0)
        for location, samples in latest.items():
            if samples:
                self.fleet.restore_usage(location, samples[-1])
        for location, kept in (await self.catalog.load_locations()).items():
            self.fleet.restore_location(location, kept.state, kept.root_path)

    async def note_scanned(self, node_id: str) -> bool:
        """Keep a node's state; return whether it has just come up (back)."""
        status = self.fleet.status(node_id)
        known = status.state, status.reason, status.remedy
        # Though the engine ends right now: its next start must know that a node was silent before.
        await finish_anyway(self.catalog.save_node(node_id, *known, last_seen_at=status.last_seen_at))
        for location, held in list(self.fleet.locations.items()):
            if node_of(location) == node_id:
                await self.catalog.save_location(location, held.state, held.path, self.clock.now())
        if status.state is NodeState.UP:
            came_up = node_id not in self._known_up
            self._known_up.add(node_id)
            return came_up
        self._known_up.discard(node_id)
        return False

    def apply(self, loaded: LoadedConfig) -> None:
        """Put a new configuration into force."""
        self.loaded = loaded
        self.facts.lint = loaded.findings
        self.fleet.apply_policy(loaded.policy)
        self.transports.forget_others()
        self.facts.config_refused = None

    async def close(self) -> None:
        """Let go of everything, in the order in which parts depend on each other."""
        await self.keeper.stop()
        await self.settler.stop()
        await self.games.close()
        await self.servers.close()
        await self.pool.close()
        await self.notifier.close()
        await self.store.close()
