"""Puts a running engine together for one configuration file and one state directory."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

from config.editing.history import History
from config.load import LoadedConfig
from engine.archive.parts import build_archive_parts
from engine.board import StatusBoard
from engine.catalog.catalog import DataCatalog
from engine.catalog.kept_figures import KeptFigures
from engine.catalog.outlines import Outlines
from engine.clock import Clock
from engine.codes import TransferCode
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
from engine.keeping.parts import build_keeping
from engine.limits import OperatorLimits
from engine.locations import node_of
from engine.parts import Parts
from engine.pauses import Pauses
from engine.planning_loop import PlanningLoop
from engine.queue.queue import LEASE_SECONDS, TransferQueue
from engine.queue.transport_history import TransportHistory
from engine.reconcile import Reconciler
from engine.remote.pool import SessionPool
from engine.remote.types import SshOptions
from engine.requests import Requests
from engine.rescue.assembling import assemble_nodes
from engine.rules.desk import RulesDesk
from engine.rules.saving import Saver
from engine.rules.standing import StandingOf
from engine.rules.trial import Trials
from engine.shelf import Shelf
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


async def assemble(
    loaded: LoadedConfig, state_dir: Path, clock: Clock, mode: str, on_scanned: OnScanned, on_down: OnDown
) -> Parts:
    """Return the parts over an open store; raises StoreError."""
    store = await Store.open(state_dir / STORE_NAME)
    names = TemporaryNames(await _engine_id(store), secrets.token_hex(4))
    assembly = _Assembly(loaded, state_dir, clock, store, names, mode)
    assembly.build_transports()
    assembly.build_planning()
    assembly.build_status()
    assembly.build_nodes(on_scanned, on_down)
    assembly.build_archive()
    return assembly.whole()


async def _engine_id(store: Store) -> str:
    """Return this state directory's engine id: 8 hex digits, made once."""
    kept = await store.meta_get(ENGINE_ID)
    if kept is None:
        kept = await asyncio.to_thread(secrets.token_hex, 4)
        await store.meta_set(ENGINE_ID, kept)
    return kept


class _Assembly:
    """The parts, built a room at a time from those before; what needs a later one looks it up when it is used."""

    def __init__(
        self, loaded: LoadedConfig, state_dir: Path, clock: Clock, store: Store, names: TemporaryNames, mode: str
    ) -> None:
        self._loaded = loaded
        self._state_dir = state_dir
        self._clock = clock
        self._store = store
        self._names = names
        self._facts = EngineFacts(mode, clock.now())
        self._fleet = Fleet(loaded.policy, own_node_id(loaded.policy, os.environ))
        self._fleet.apply_policy(loaded.policy)
        self._catalog, self._queue = DataCatalog(store, clock), TransferQueue(store, clock)

    def build_transports(self) -> None:
        """Sessions with nodes, what moves bytes over them, and what carries transfers out."""
        fleet, clock, ssh = self._fleet, self._clock, self._loaded.policy.engine.ssh
        options = SshOptions(control_dir=self._state_dir / "ssh", known_hosts=ssh.known_hosts, config_file=ssh.config)
        self._pool = pool = SessionPool(fleet.endpoint, options)
        self._bandwidth = BandwidthAllocator(clock, lambda: fleet.policy.engine)
        self._history = TransportHistory(self._store, clock)
        self._servers = NodeDataServers(pool.get, options, pool.links, lambda: fleet.policy, clock)
        self._transports = TransportManager(
            build_transports(pool.get, options, pool.links, clock, self._servers),
            clock,
            own_node=fleet.own_node,
            on_decision=self._history.add_decision,
            deltas=PageDeltas(pool.get, clock),
        )
        self._progress = ProgressBoard(clock)
        self._tools = Tools(
            self._queue,
            self._catalog,
            self._transports,
            pool.get,
            fleet.endpoint,
            lambda: fleet.policy,
            self._names,
            clock,
            self._progress,
            self._bandwidth,
        )
        self._executor = Executor(self._tools)
        self._runner = Runner(self._tools, self._executor, fleet.closed_nodes)

    def build_planning(self) -> None:
        """What settles contents, compares the catalog with the rules, and queues."""
        hasher = Hasher(self._catalog, self._pool.get, self._names, self._clock)
        self._settler = Settler(hasher, self._clock, lambda room_again: self._planning.wake(full=room_again))
        self._reconciler = Reconciler(self._catalog, self._queue, self._fleet, self._settler, self._clock)
        facts = self._facts
        self._planning = PlanningLoop(self._reconciler, self._clock, lambda: not facts.observing, self._planned)

    def build_status(self) -> None:
        """What the operator is shown and told."""
        self._figures = KeptFigures(self._store)
        self._maker = maker = StatusMaker(
            self._fleet,
            self._catalog,
            self._figures,
            self._queue,
            self._progress,
            self._reconciler,
            self._facts,
            self._clock,
            self._bandwidth.fleet_limit,
        )
        self._notifier = notifier = FindingNotifier(self._clock, lambda: self._board.touch())
        self._board = StatusBoard(
            maker.make, self._clock, lambda findings: maker.announce(findings, notifier), maker.is_behind
        )
        self._desk = TransportDesk(
            self._transports, self._history, self._catalog, self._queue, self._fleet, self._clock, self._audit
        )
        maker.telling_failure = notifier.failure
        maker.planning = self._planning
        maker.tripped = self._desk.tripped

    def build_nodes(self, on_scanned: OnScanned, on_down: OnDown) -> None:
        """What looks at nodes, saves what is on them, and counts their games."""
        fleet, store, clock = self._fleet, self._store, self._clock
        self._keeper = InventoryKeeper(self._catalog, fleet, self._pool.get, clock, on_scanned, on_down)
        self._nodes = assemble_nodes(
            store=store,
            catalog=self._catalog,
            figures=self._figures,
            queue=self._queue,
            fleet=fleet,
            reconciler=self._reconciler,
            runner=self._runner,
            progress=self._progress,
            clock=clock,
            audit=self._audit,
            may_move=self._may_act,
            wake=self._work_again,
            look_at=self._keeper.wake,
        )
        self._games = games = GameSets(
            self._state_dir / GAMES_FOLDER,
            store,
            self._pool.get,
            places=self._reconciler.places,
            open_nodes=fleet.open_nodes,
            enabled=lambda: fleet.policy.engine.count_games,
            clock=clock,
            on_change=self._board.touch,
        )
        self._nodes.games_of_node, self._nodes.games_of_keys = games.of_node, games.of_keys
        self._maker.orphan_games = games.orphans

    def build_archive(self) -> None:
        """The archive, and what is kept beside."""
        fleet, facts = self._fleet, self._facts
        self._archive = archive = build_archive_parts(
            self._tools,
            self._store,
            fleet,
            self._reconciler.failing,
            held_back=lambda node: facts.observing or facts.offline or node in fleet.closed_nodes(),
            changed=self._board.touch,
            audit=self._audit,
            may_act=self._may_act,
        )
        archive.desk.who = user_name
        archive.surveyor.games = self._games.proof
        self._maker.failed_archives = archive.records.damaged
        self._maker.archiving_failure = lambda: archive.automatic.failure
        planning = self._planning
        self._keeping = build_keeping(
            self._tools,
            fleet,
            self._reconciler.locations,
            lambda: planning.refused,
            archive,
            self._audit,
            self._kept_beside,
        )

    def whole(self) -> Parts:
        """Return the parts, with what only hands requests on to them."""
        catalog, queue, fleet, clock = self._catalog, self._queue, self._fleet, self._clock
        reconciler, nodes, audit = self._reconciler, self._nodes, self._audit
        parts = Parts(
            loaded=self._loaded,
            run_id=self._names.run_id,
            run_started_at=clock.now(),
            clock=clock,
            store=self._store,
            catalog=catalog,
            queue=queue,
            fleet=fleet,
            pool=self._pool,
            servers=self._servers,
            keeper=self._keeper,
            reconciler=reconciler,
            planning=self._planning,
            runner=self._runner,
            recovery=Recovery(self._tools, self._executor, LEASE_SECONDS),
            requests=Requests(reconciler, queue, fleet, nodes.exposed.in_order),
            games=self._games,
            shelf=Shelf(catalog, queue, fleet, reconciler, self._progress, clock, self._games),
            transports=self._desk,
            rules=RulesDesk(
                lambda: parts.loaded,
                Saver(History(self._state_dir / EDITS), user_name, clock.now),
                Trials(Outlines(self._store, clock), catalog, reconciler, fleet, clock),
                catalog,
                reconciler,
                clock,
                audit,
                StandingOf(self._transports, queue).of,
            ),
            pauses=Pauses(self._store, fleet, audit, self._stop_paused),
            rescues=nodes.rescues,
            nodes=nodes,
            bandwidth=self._bandwidth,
            limits=OperatorLimits(self._store, fleet, self._bandwidth, clock, user_name, audit),
            archive=self._archive,
            keeping=self._keeping,
            board=self._board,
            facts=self._facts,
            notifier=self._notifier,
            settler=self._settler,
            housekeeping=Housekeeping(catalog, queue, clock),
            audit=audit,
        )
        return parts

    async def _audit(self, action: str, subject: str, detail: str) -> None:
        await self._catalog.audit(user_name(), action, subject, detail)

    def _may_act(self) -> bool:
        return not (self._facts.observing or self._facts.offline or self._fleet.everything_paused)

    def _planned(self, _queued: int) -> None:
        self._runner.wake()
        self._board.touch()

    def _work_again(self) -> None:
        self._planning.wake(full=True)
        self._runner.wake()

    def _kept_beside(self) -> None:
        self._planning.wake()
        self._planned(0)

    async def _stop_paused(self) -> int:
        """Stop what runs at paused nodes; return how many transfers that were."""
        closed, stopped = self._fleet.closed_nodes(), 0
        held: dict[str, list[int]] = {}
        for transfer in await self._queue.running():
            ends = (node_of(transfer.source), node_of(transfer.target))
            node = next((end for end in ends if self._fleet.is_paused(end)), None)
            if node is not None:
                held.setdefault(closed.get(node, f"{node} is paused"), []).append(transfer.id)
        for reason, ids in held.items():
            stopped += await self._runner.hold(ids, reason, TransferCode.NODE_CLOSED)
        return stopped
