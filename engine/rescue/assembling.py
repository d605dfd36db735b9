"""Puts the nodes' desk together from an engine's parts."""

from __future__ import annotations

from collections.abc import Callable

from engine.audit import Audit
from engine.catalog.catalog import DataCatalog
from engine.catalog.kept_figures import KeptFigures
from engine.clock import Clock
from engine.execution.progress import ProgressBoard
from engine.execution.runner import Runner
from engine.inventory.fleet import Fleet
from engine.queue.queue import TransferQueue
from engine.reconcile import Reconciler
from engine.rescue.desk import NodesDesk
from engine.rescue.exposed import Exposed
from engine.rescue.records import RescueRecords
from engine.rescue.rescues import Rescues, RescueTools
from engine.rescue.transfers import RescueTransfers
from engine.store.store import Store


def assemble_nodes(
    *,
    store: Store,
    catalog: DataCatalog,
    figures: KeptFigures,
    queue: TransferQueue,
    fleet: Fleet,
    reconciler: Reconciler,
    runner: Runner,
    progress: ProgressBoard,
    clock: Clock,
    audit: Audit,
    may_move: Callable[[], bool],
    wake: Callable[[], None],
    look_at: Callable[[tuple[str, ...]], object],
) -> NodesDesk:
    """Return the desk; see RescueTools for the callables."""
    records, exposed = RescueRecords(store), Exposed(catalog, figures, reconciler)
    tools = RescueTools(
        records, RescueTransfers(store, exposed.endangered), exposed, catalog, queue, fleet, reconciler, runner,
        progress, clock, audit, may_move, wake, look_at,
    )  # fmt: skip
    return NodesDesk(catalog, fleet, reconciler, exposed, records, Rescues(tools), clock)
