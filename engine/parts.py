"""The engine's parts, put together for one configuration file and one state directory."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from config.editing.history import History
from config.load import LoadedConfig
from engine.archive.parts import ArchiveParts, build_archive_parts
from engine.audit import Audit
from engine.board import StatusBoard
from engine.catalog.catalog import DataCatalog
from engine.catalog.kept_figures import KeptFigures
from engine.catalog.outlines import Outlines
from engine.clock import Clock
from engine.execution.executor import Executor
from engine.execution.progress import ProgressBoard
from engine.execution.recovery import Recovery
from engine.execution.runner import Runner
from engine.execution.tools import Tools
from engine.games.sets import GameSets
from engine.health.notify import FindingNotifier
from engine.housekeeping import Housekeeping
from engine.identity import own_node_id, user_name
from engine.integrity.temporary import TemporaryNames
from engine.inventory.fleet import Fleet
from engine.inventory.hasher import Hasher
from engine.inventory.keeper import InventoryKeeper, OnDown, OnScanned
from engine.inventory.settler import Settler
from engine.keeping.desk import KeepDesk
from engine.keeping.parts import build_keeping
from engine.limits import OperatorLimits
from engine.locations import node_of
from engine.model import NodeState
from engine.pauses import Pauses
from engine.planning_loop import PlanningLoop
from engine.queue.queue import LEASE_SECONDS, TransferQueue
from engine.queue.transport_history import TransportHistory
from engine.reconcile import Reconciler
from engine.remote.pool import SessionPool
from engine.remote.types import SshOptions
from engine.requests import Requests
from engine.rescue.assembling import assemble_nodes
from engine.rescue.desk import NodesDesk
from engine.rescue.rescues import Rescues
from engine.rules.desk import RulesDesk
from engine.rules.saving import Saver
from engine.rules.standing import StandingOf
from engine.rules.trial import Trials
from engine.shelf import Shelf
from engine.shielded import finish_anyway
from engine.status_maker import EngineFacts, StatusMaker
from engine.store.peek import ENGINE_ID, STORE_NAME
from engine.store.store import Store
from engine.transport.bandwidth.allocator import BandwidthAllocator
from engine.transport.delta import PageDeltas
from engine.transport.manager import TransportManager
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport_desk import TransportDesk

EDITS = "edits"
"""Folder of the state directory with what was edited in the configuration, before and after."""
GAMES_FOLDER = "games"


@dataclass
class Parts:
    """Everything of a running engine. Made by ``assemble``."""

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


async def assemble(
    loaded: LoadedConfig, state_dir: Path, clock: Clock, mode: str, on_scanned: OnScanned, on_down: OnDown
) -> Parts:
    """Return the parts over an open store; raises StoreError."""
    store = await Store.open(state_dir / STORE_NAME)
    engine_id = await _engine_id(store)
    run_id = secrets.token_hex(4)
    policy = loaded.policy
    fleet = Fleet(policy, own_node_id(policy, os.environ))
    fleet.apply_policy(policy)
    catalog, queue = DataCatalog(store, clock), TransferQueue(store, clock)
    options = SshOptions(
        control_dir=state_dir / "ssh",
        known_hosts=policy.engine.ssh.known_hosts,
        config_file=policy.engine.ssh.config,
    )
    pool = SessionPool(fleet.endpoint, options)
    names = TemporaryNames(engine_id, run_id)
    hasher = Hasher(catalog, pool.get, names, clock)
    progress = ProgressBoard(clock)
    bandwidth = BandwidthAllocator(clock, lambda: fleet.policy.engine)
    history = TransportHistory(store, clock)
    servers = NodeDataServers(pool.get, options, pool.links, lambda: fleet.policy, clock)
    transports = TransportManager(
        build_transports(pool.get, options, pool.links, clock, servers),
        clock,
        own_node=fleet.own_node,
        on_decision=history.add_decision,
        deltas=PageDeltas(pool.get, clock),
    )
    tools = Tools(
        queue, catalog, transports, pool.get, fleet.endpoint, lambda: fleet.policy, names, clock, progress, bandwidth
    )
    executor = Executor(tools)
    runner = Runner(tools, executor, fleet.closed_nodes)
    settler = Settler(hasher, clock, lambda room_again: parts.planning.wake(full=room_again))
    reconciler = Reconciler(catalog, queue, fleet, settler, clock)
    facts = EngineFacts(mode, clock.now())
    figures = KeptFigures(store)
    maker = StatusMaker(fleet, catalog, figures, queue, progress, reconciler, facts, clock, bandwidth.fleet_limit)
    notifier = FindingNotifier(clock, lambda: board.touch())
    maker.telling_failure = notifier.failure
    board = StatusBoard(maker.make, clock, lambda findings: maker.announce(findings, notifier), maker.is_behind)

    def planned(_queued: int) -> None:
        runner.wake()
        board.touch()

    planning = PlanningLoop(reconciler, clock, lambda: not facts.observing, planned)
    maker.planning = planning

    async def audit(action: str, subject: str, detail: str) -> None:
        await catalog.audit(user_name(), action, subject, detail)

    async def stop_paused() -> int:
        closed, stopped = fleet.closed_nodes(), 0
        held: dict[str, list[int]] = {}
        for transfer in await queue.running():
            ends = (node_of(transfer.source), node_of(transfer.target))
            node = next((end for end in ends if fleet.is_paused(end)), None)
            if node is not None:
                held.setdefault(closed.get(node, f"{node} is paused"), []).append(transfer.id)
        for reason, ids in held.items():
            stopped += await runner.hold(ids, reason)
        return stopped

    desk = TransportDesk(transports, history, catalog, queue, fleet, clock, audit)
    maker.tripped = desk.tripped

    def work_again() -> None:
        planning.wake(full=True)
        runner.wake()

    def kept_beside() -> None:
        planning.wake()
        planned(0)

    keeper = InventoryKeeper(catalog, fleet, pool.get, clock, on_scanned, on_down)
    nodes = assemble_nodes(
        store=store,
        catalog=catalog,
        figures=figures,
        queue=queue,
        fleet=fleet,
        reconciler=reconciler,
        runner=runner,
        progress=progress,
        clock=clock,
        audit=audit,
        may_move=lambda: not (facts.observing or facts.offline or fleet.everything_paused),
        wake=work_again,
        look_at=keeper.wake,
    )
    games = GameSets(
        state_dir / GAMES_FOLDER,
        store,
        pool.get,
        places=reconciler.places,
        open_nodes=fleet.open_nodes,
        enabled=lambda: fleet.policy.engine.count_games,
        clock=clock,
        on_change=board.touch,
    )
    nodes.games_of_node, nodes.games_of_keys = games.of_node, games.of_keys
    archive = build_archive_parts(
        tools,
        store,
        fleet,
        reconciler.failing,
        held_back=lambda node: facts.observing or facts.offline or node in fleet.closed_nodes(),
        changed=board.touch,
        audit=audit,
        may_act=lambda: not (facts.observing or facts.offline or fleet.everything_paused),
    )
    archive.desk.who = user_name
    maker.failed_archives = archive.records.damaged
    maker.archiving_failure = lambda: archive.automatic.failure
    archive.surveyor.games, maker.orphan_games = games.proof, games.orphans
    parts = Parts(
        loaded=loaded,
        run_id=run_id,
        run_started_at=clock.now(),
        clock=clock,
        store=store,
        catalog=catalog,
        queue=queue,
        fleet=fleet,
        pool=pool,
        servers=servers,
        keeper=keeper,
        reconciler=reconciler,
        planning=planning,
        runner=runner,
        recovery=Recovery(tools, executor, LEASE_SECONDS),
        requests=Requests(reconciler, queue, fleet, nodes.exposed.in_order),
        games=games,
        shelf=Shelf(catalog, queue, fleet, reconciler, progress, clock, games),
        transports=desk,
        rules=RulesDesk(
            lambda: parts.loaded,
            Saver(History(state_dir / EDITS), user_name, clock.now),
            Trials(Outlines(store, clock), catalog, reconciler, fleet, clock),
            catalog,
            reconciler,
            clock,
            audit,
            StandingOf(transports, queue).of,
        ),
        pauses=Pauses(store, fleet, audit, stop_paused),
        rescues=nodes.rescues,
        nodes=nodes,
        bandwidth=bandwidth,
        limits=OperatorLimits(store, fleet, bandwidth, clock, user_name, audit),
        archive=archive,
        keeping=build_keeping(
            tools, fleet, reconciler.locations, lambda: planning.refused, archive, audit, kept_beside
        ),
        board=board,
        facts=facts,
        notifier=notifier,
        settler=settler,
        housekeeping=Housekeeping(catalog, queue, clock),
        audit=audit,
    )
    return parts


async def _engine_id(store: Store) -> str:
    """Return this state directory's engine id: 8 hex digits, made once."""
    kept = await store.meta_get(ENGINE_ID)
    if kept is None:
        kept = await asyncio.to_thread(secrets.token_hex, 4)
        await store.meta_set(ENGINE_ID, kept)
    return kept
