"""The archive's parts, put together over an engine's tools."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from engine.archive.allowances import DiskAllowances
from engine.archive.automatic import AutomaticArchive
from engine.archive.deleting import Deleter
from engine.archive.desk import ArchiveDesk
from engine.archive.making import ArchiveMaker
from engine.archive.proofs import Proofs
from engine.archive.records import ArchiveRecords
from engine.archive.restoring import Restoring
from engine.archive.surveying import Surveyor
from engine.archive.usage import DriveUsage
from engine.archive.verifying import Verifier
from engine.archive.vouching import Vouching
from engine.archive.watching import ArchiveWatch
from engine.archive.worker import ArchiveWorker
from engine.audit import Audit
from engine.execution.tools import Tools
from engine.inventory.fleet import Fleet
from engine.model import LocationView
from engine.store.store import Store


@dataclass(frozen=True)
class ArchiveParts:
    """Everything of a running archive."""

    records: ArchiveRecords
    proofs: Proofs
    deleter: Deleter
    restoring: Restoring
    worker: ArchiveWorker
    surveyor: Surveyor
    verifier: Verifier
    desk: ArchiveDesk
    usage: DriveUsage
    allowances: DiskAllowances
    automatic: AutomaticArchive


async def _silent(_action: str, _subject: str, _detail: str) -> None:
    """Write nothing down."""


def build_archive_parts(
    tools: Tools,
    store: Store,
    fleet: Fleet,
    failing: Callable[[], frozenset[str]],
    held_back: Callable[[str], bool] = lambda node: False,
    changed: Callable[[], None] = lambda: None,
    audit: Audit = _silent,
    may_act: Callable[[], bool] = lambda: True,
) -> ArchiveParts:
    """Return the parts. ``failing`` are the nodes that fell silent; ``held_back``: a node that must be left alone."""

    def locations() -> dict[str, LocationView]:
        return dict(fleet.location_views(failing()))

    records = ArchiveRecords(store, tools.clock)
    proofs = Proofs(store, tools.clock)
    restoring = Restoring(store, records, fleet, tools.policy, tools.clock)
    tools.packed.ask = restoring.packed
    verifier = Verifier(tools, store, records, restoring, locations, random.Random(tools.clock.now()))
    tools.packed.doubt = verifier.doubt
    deleter = Deleter(
        store,
        tools.catalog,
        records,
        proofs,
        tools.agent_for,
        tools.policy,
        locations,
        tools.clock,
        Vouching(tools.catalog, proofs, tools.agent_for, tools.policy, tools.clock),
        verifier.verify_one,
    )
    maker = ArchiveMaker(tools, store, records)
    worker = ArchiveWorker(
        records, maker, deleter, restoring, tools.agent_for, tools.policy, tools.clock, held_back, changed
    )
    surveyor = Surveyor(tools.catalog, tools.queue, records, fleet, locations, tools.clock)
    desk = ArchiveDesk(tools.catalog, records, surveyor, worker, restoring, verifier, tools.policy, tools.clock)
    usage = DriveUsage(fleet, tools.agent_for, tools.clock)
    allowances = DiskAllowances(store, fleet, tools.clock, audit)
    tools.space.allowed = allowances.percent_of
    fleet.disk_allowed = allowances.percent_of
    watch = ArchiveWatch(tools, verifier)
    automatic = AutomaticArchive(
        store, fleet, surveyor, desk, verifier, watch, allowances, locations, tools.clock, may_act
    )
    return ArchiveParts(
        records, proofs, deleter, restoring, worker, surveyor, verifier, desk, usage, allowances, automatic
    )
