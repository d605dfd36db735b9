"""The one reconcile loop's work: compare what rules want with what the catalog holds, and queue the difference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from engine.catalog.catalog import DataCatalog
from engine.catalog.values import Place, Places
from engine.clock import Clock
from engine.codes import TransferCode
from engine.integrity.guard import in_the_way
from engine.inventory.fleet import Fleet
from engine.inventory.settler import Settler
from engine.model import DataEntry, DataType, EntryKey, LocationView, NodeState, PlanResult, Refusal, SyncPriority
from engine.planner.demands import FOR_TRAINING
from engine.planner.mended import mended
from engine.planner.obstacles import CONTRADICTED
from engine.planner.planner import PlanContext, SyncPlanner
from engine.queue.queue import NewTransfer, RefusedTransfer, TransferQueue
from engine.queue.refused import changes
from engine.routing.matching import newest_mtime
from engine.routing.router import Router
from engine.turns import in_turns

PAGE_ENTRIES = 500
MOST_QUEUED = 5_000
"""The queue is a buffer, not a copy of the plan: what does not fit is planned again when it has drained."""
MOST_URGENT = 5_000
"""Room of their own for transfers that are more urgent than most, however long the queue is."""
MOST_LIVE = 50_000
"""With those that wait for a node or for a person. These hold up no others, up to this number."""
KEPT_REFUSALS = 2_000

PlanPage = Callable[[Sequence[DataEntry], PlanContext], PlanResult]


class NewestSeen:
    """The newest training set and model of each config key, over all pages seen so far."""

    def __init__(self) -> None:
        self._best: dict[tuple[str, DataType], tuple[float, str]] = {}

    def see(self, page: Sequence[DataEntry]) -> None:
        """Take a page into account."""
        for entry in page:
            if entry.data_type in FOR_TRAINING and entry.config_key is not None:
                group, found = (entry.config_key, entry.data_type), (newest_mtime(entry) or 0.0, str(entry.key))
                self._best[group] = max(self._best.get(group, found), found)

    def keys(self) -> frozenset[str]:
        """Return the keys, as text."""
        return frozenset(key for _, key in self._best.values())


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What one pass did."""

    entries: int
    queued: int
    refused: tuple[Refusal, ...]
    sequence: int
    rest_after: int | None = None
    """Where the queue was full: the entries after this row id are still to be planned. None when all were."""


class Page(NamedTuple):
    """Entries that follow the row id ``after``."""

    after: int
    entries: list[DataEntry]


class QueueRoom:
    """How much one pass may put into the queue: what is urgent has room of its own."""

    def __init__(self, ordinary: int, most: int) -> None:
        self._ordinary = min(ordinary, most)
        self._urgent = min(max(ordinary, 0) + MOST_URGENT, most)

    def fitting(self, wanted: Sequence[NewTransfer]) -> list[NewTransfer]:
        """Return what of ``wanted`` may be queued, and count it."""
        fitting = []
        for new in wanted:
            urgent = new.priority >= SyncPriority.HIGH
            if (self._urgent if urgent else self._ordinary) > 0:
                self._ordinary -= 1
                self._urgent -= 1
                fitting.append(new)
        return fitting


class Reconciler:
    """Plans page by page, so that a million entries need no more memory than five hundred."""

    def __init__(
        self, catalog: DataCatalog, queue: TransferQueue, fleet: Fleet, settler: Settler, clock: Clock
    ) -> None:
        self._catalog = catalog
        self._queue = queue
        self._fleet = fleet
        self._settler = settler
        self._clock = clock
        self._planner = SyncPlanner()
        self._newest = NewestSeen()

    async def context(self) -> PlanContext:
        """Return what the planner may know, as of now."""
        return PlanContext(
            policy=self._fleet.policy,
            locations=self._fleet.location_views(self.failing()),
            live=frozenset(await self._queue.live()),
            reserved_bytes=await self._queue.reserved_bytes(),
            link_rates=await self._catalog.link_rates(),
            now=self._clock.now(),
            newest=self._newest.keys() or None,
        )

    def failing(self) -> frozenset[str]:
        """Return the nodes that were up and are silent now: what only they hold is in danger."""
        calm = {NodeState.UP, NodeState.UNKNOWN, NodeState.UNUSED}
        return frozenset(
            node
            for node in self._fleet.policy.nodes
            if self._fleet.status(node).state not in calm and self._fleet.status(node).last_seen_at is not None
        )

    def places(self) -> Places:
        """Return what counting copies must know of every location."""
        views = self._fleet.location_views(self.failing()).values()
        known = tuple(Place(v.location, v.node_id, v.durable and not v.failing, v.provider) for v in views)
        return Places(known, self._fleet.policy.replication_target)

    def locations(self) -> dict[str, LocationView]:
        """Return every location as planned with."""
        return dict(self._fleet.location_views(self.failing()))

    async def pages(self, changed_since: int | None = None, after: int = 0) -> AsyncIterator[Page]:
        """Yield the entries after a row id (those changed since a sequence number) in pages."""
        while found := await self._catalog.iter_entries(after, PAGE_ENTRIES, changed_since):
            before, after = after, found[-1][0]
            yield Page(before, [entry for _, entry in found])

    async def results(
        self, plan: PlanPage, first: Sequence[int] = (), others: bool = True
    ) -> AsyncIterator[PlanResult]:
        """Yield what a planning function decides, page by page, queueing nothing.

        The entries with the row ids of ``first`` are planned before all ``others``, in that order.
        """
        context = await self.context()
        async for page in self._ordered(first, others):
            result = await asyncio.to_thread(plan, page, context)
            context = context.after(result)
            yield result

    async def _ordered(self, first: Sequence[int], others: bool) -> AsyncIterator[list[DataEntry]]:
        for start in range(0, len(first), PAGE_ENTRIES):
            page = await self._catalog.by_ids(first[start : start + PAGE_ENTRIES])
            yield [entry for _, entry in page]
        if not others:
            return
        planned = frozenset(first)
        after = 0
        while page := await self._catalog.iter_entries(after, PAGE_ENTRIES):
            after = page[-1][0]
            yield [entry for entry_id, entry in page if entry_id not in planned]

    async def room(self) -> int:
        """Return how many transfers the queue would take; 0 or less when it is full."""
        return MOST_QUEUED - await self._queue.on_their_way()

    async def reconcile(
        self, changed_since: int | None, snapshot_now: bool = False, after: int = 0, look_on: bool = True
    ) -> ReconcileReport:
        """Plan and queue; what must be hashed first is handed to the settler.

        ``snapshot_now`` sends changed databases although their snapshot interval is not over. ``after`` goes on where
        an earlier pass found the queue full; where this one does, it ends, or looks on for what is urgent.
        """
        sequence = await self._catalog.sequence()
        entries, queued, rest_after = 0, 0, None
        refused: list[Refusal] = []
        context = replace(await self.context(), snapshot_now=snapshot_now)
        room = QueueRoom(await self.room(), MOST_LIVE - len(context.live))
        damaged = await self._queue.blocked_as(TransferCode.SOURCE_DAMAGED)
        async for page in self.pages(changed_since, after):
            entries += len(page.entries)
            await asyncio.to_thread(self._newest.see, page.entries)
            await self._note_wanted(page.entries, context)
            settled, result = await self._plan(page.entries, context, self._settler.offer)
            refused += result.refused[: max(0, KEPT_REFUSALS - len(refused))]
            await self._stand_refused(settled, result.refused)
            if again := mended(damaged, settled):
                await self._queue.release(again, "its source is another one now")
            wanted = self.transfers(result)
            fitting = room.fitting(wanted)
            if fitting:
                queued += len(await self._queue.enqueue(fitting))
                context = context.after(result)
            if len(fitting) < len(wanted) and rest_after is None:
                rest_after = page.after
            if rest_after is not None and not look_on:
                break
        return ReconcileReport(entries, queued, tuple(refused), sequence, rest_after)

    async def survey(self) -> ReconcileReport:
        """Plan everything and queue nothing: what an observing engine would do."""
        entries, wanted = 0, 0
        refused: list[Refusal] = []
        context = await self.context()
        async for page in self.pages():
            entries += len(page.entries)
            _, result = await self._plan(page.entries, context, self._settler.offer)
            context = context.after(result)
            wanted += len(self.transfers(result))
            refused += result.refused[: max(0, KEPT_REFUSALS - len(refused))]
        return ReconcileReport(entries, wanted, tuple(refused), await self._catalog.sequence())

    async def _plan(
        self, page: Sequence[DataEntry], context: PlanContext, settling: Callable[[DataEntry], bool]
    ) -> tuple[list[DataEntry], PlanResult]:
        """Return what could be planned of a page, and the plan.

        What is ``settling`` is planned after that: until its hash is known an old version looks like the current one.
        """
        settled = [entry async for entry in in_turns(page) if not settling(entry)]
        return settled, await asyncio.to_thread(self._planner.plan_replication, settled, context)

    async def outlook(self) -> AsyncIterator[PlanResult]:
        """Yield what the next pass would decide, page by page; what is being hashed is left out, as it will be then."""
        context = await self.context()
        async for page in self.pages():
            _, result = await self._plan(page.entries, context, self._settler.settling)
            context = context.after(result)
            yield result

    def transfers(self, result: PlanResult, emergency: bool = False, may_fill: bool = False) -> list[NewTransfer]:
        """Return a planning result as rows for the queue: one per entry and target."""
        return [
            NewTransfer(
                key=key,
                source=plan.source,
                target=target,
                priority=plan.priority,
                reason=plan.reason,
                rule=plan.rule,
                line=plan.line,
                transport_preference=plan.transport_preference,
                deadline=plan.deadline,
                bytes_total=0,
                emergency=emergency,
                may_fill=may_fill,
            )
            for plan in result.plans
            for key in plan.entries
            for target in plan.targets
        ]

    async def _stand_refused(self, page: Sequence[DataEntry], refused: Sequence[Refusal]) -> None:
        """Let what a person must decide stand in the queue as blocked, and take out what is decided."""
        found = {(str(r.key), r.location): r for r in refused if r.code in CONTRADICTED}
        standing = await self._queue.refused()
        if not found and not standing:
            return
        entries = {str(entry.key): entry for entry in page}
        new, gone = changes(standing, found.keys(), entries.keys())
        await self._queue.lift(gone)
        await self._queue.refuse([_refused(found[place], entries[place[0]]) for place in sorted(new)])

    async def _note_wanted(self, page: Sequence[DataEntry], context: PlanContext) -> None:
        """Tell the catalog how many copies are wanted, where rules of the file may say so entry by entry."""
        if all(rule.line is None for rule in context.policy.rules):
            return
        await self._catalog.set_wanted(await asyncio.to_thread(_wanted_copies, page, context))


def _wanted_copies(page: Sequence[DataEntry], context: PlanContext) -> dict[EntryKey, int]:
    """Return how many copies the rules want of each entry."""
    router = Router(context.policy, context.locations)
    return {entry.key: router.route(entry, context.now).copies_wanted for entry in page}


def _refused(refusal: Refusal, entry: DataEntry) -> RefusedTransfer:
    """Return a refusal as a transfer that is blocked; its source is where the current version is."""
    holders = entry.locations or {replica.location for replica in entry.replicas}
    source = min(holders - {refusal.location}, default=refusal.location)
    reason, rule, line = refusal.reason, refusal.rule, refusal.line
    wanted = NewTransfer(entry.key, source, refusal.location, SyncPriority.NORMAL, reason, rule, line)
    return RefusedTransfer(wanted, refusal.remedy, in_the_way(refusal.code))
