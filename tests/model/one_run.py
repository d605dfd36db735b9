"""One run of an engine over the model fleet: its real parts, with the model's way to the nodes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from config.editing.history import History
from config.load import LoadedConfig
from engine.archive.parts import ArchiveParts, build_archive_parts
from engine.catalog.catalog import DataCatalog
from engine.catalog.kept_figures import KeptFigures
from engine.catalog.outlines import Outlines
from engine.execution.executor import Executor
from engine.execution.progress import ProgressBoard
from engine.execution.recovery import Recovery
from engine.execution.runner import Runner
from engine.execution.tools import Tools
from engine.games.sets import GameSets
from engine.integrity.temporary import TemporaryNames
from engine.inventory.fleet import Fleet
from engine.inventory.hasher import Hasher
from engine.inventory.settler import Settler
from engine.keeping.desk import KeepDesk
from engine.keeping.parts import build_keeping
from engine.queue.queue import LEASE_SECONDS, TransferQueue
from engine.reconcile import Reconciler
from engine.remote.types import NodeAgent
from engine.requests import Requests
from engine.rescue.assembling import assemble_nodes
from engine.rescue.desk import NodesDesk
from engine.rules.desk import RulesDesk
from engine.rules.saving import Saver
from engine.rules.standing import StandingOf
from engine.rules.trial import Trials
from engine.store.store import Store
from engine.transport.bandwidth.allocator import BandwidthAllocator
from engine.transport.manager import TransportManager
from tests.model.disk import EngineKilled
from tests.model.transport import ModelTransport

if TYPE_CHECKING:
    from tests.model.world import ModelWorld

ENGINE_ID = "0123abcd"


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
    rules: RulesDesk
    games: GameSets
    nodes: NodesDesk
    requests: Requests
    keeping: KeepDesk


async def assemble(world: ModelWorld, state_file: Path, folder: Path) -> Engine:
    """Return an engine of the world's present run, put together as ``engine/assembling.py`` does it."""
    run, clock = world.fleet.run, world.fleet.clock
    store = await Store.open(state_file)
    known = Fleet(world.loaded.policy, "mac-1")
    known.apply_policy(world.loaded.policy)
    catalog, queue = DataCatalog(store, clock), TransferQueue(store, clock)

    async def agent_for(node_id: str) -> NodeAgent:
        if run != world.fleet.run:
            raise EngineKilled
        return await world.agent_for(node_id)

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
    games = GameSets(
        folder / "games",
        store,
        agent_for,
        places=reconciler.places,
        open_nodes=known.open_nodes,
        enabled=lambda: True,
        clock=clock,
    )
    archive.surveyor.games = games.proof
    nodes = assemble_nodes(
        store=store,
        catalog=catalog,
        figures=KeptFigures(store),
        queue=queue,
        fleet=known,
        reconciler=reconciler,
        runner=Runner(tools, executor, known.closed_nodes),
        progress=tools.board,
        clock=clock,
        audit=_silent,
        may_move=lambda: True,
        wake=lambda: None,
        look_at=lambda names: None,
    )
    trials = Trials(Outlines(store, clock), catalog, reconciler, known, clock)
    rules = RulesDesk(
        lambda: world.loaded,
        Saver(History(folder / "edits"), lambda: "operator", clock.now),
        trials,
        catalog,
        reconciler,
        clock,
        _silent,
        StandingOf(tools.transports, queue).of,
    )

    async def in_force(saved: LoadedConfig) -> None:
        world.use(saved)

    rules.on_saved = in_force
    return Engine(
        store,
        tools,
        known,
        executor,
        Recovery(tools, executor, LEASE_SECONDS),
        hasher,
        settler,
        reconciler,
        archive,
        rules,
        games,
        nodes,
        Requests(reconciler, queue, known, nodes.exposed.in_order),
        build_keeping(tools, known, reconciler.locations, lambda: (), archive, _silent, lambda: None),
    )


async def _silent(_action: str, _subject: str, _detail: str) -> None:
    """Write nothing down."""


__all__ = ["Engine", "assemble"]
