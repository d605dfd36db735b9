"""The one reconcile loop's work: compare what rules want with what the catalog holds, and queue the difference."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from engine.catalog.catalog import DataCatalog
from engine.clock import Clock
from engine.inventory.fleet import Fleet
from engine.inventory.hasher import Hasher, replicas_to_hash
from engine.model import DataEntry, LocationView, NodeState, PlanResult, Refusal
from engine.planner.planner import PlanContext, SyncPlanner
from engine.queue.queue import NewTransfer, TransferQueue

PAGE_ENTRIES = 500
MOST_QUEUED = 5_000
"""The queue is a buffer, not a copy of the plan: what does not fit is planned again when it has drained."""
KEPT_REFUSALS = 2_000

PlanPage = Callable[[Sequence[DataEntry], PlanContext], PlanResult]


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What one pass did."""

    entries: int
    queued: int
    refused: tuple[Refusal, ...]
    sequence: int
    complete: bool


class Reconciler:
    """Plans page by page, so that a million entries need no more memory than five hundred."""

    def __init__(
        self, catalog: DataCatalog, queue: TransferQueue, fleet: Fleet, hasher: Hasher, clock: Clock
    ) -> None:
        self._catalog = catalog
        self._queue = queue
        self._fleet = fleet
        self._hasher = hasher
        self._clock = clock
        self._planner = SyncPlanner()

    async def context(self) -> PlanContext:
        """Return what the planner may know, as of now."""
        return PlanContext(
            policy=self._fleet.policy,
            locations=self._fleet.location_views(self.failing()),
            live=frozenset((str(key), target) for key, target in await self._queue.live()),
            reserved_bytes=await self._queue.reserved_bytes(),
            link_rates=await self._catalog.link_rates(),
            now=self._clock.now(),
        )

    def failing(self) -> frozenset[str]:
        """Return the nodes that were up and are silent now: what only they hold is in danger."""
        silent = {NodeState.UP, NodeState.UNKNOWN, NodeState.UNUSED}
        return frozenset(
            node
            for node in self._fleet.policy.nodes
            if self._fleet.status(node).state not in silent and self._fleet.status(node).last_seen_at is not None
        )

    def locations(self) -> dict[str, LocationView]:
        """Return every location as planned with."""
        return dict(self._fleet.location_views(self.failing()))

    async def pages(self, changed_since: int | None = None) -> AsyncIterator[list[DataEntry]]:
        """Yield the entries (those changed since a sequence number) in pages."""
        after = 0
        while True:
            page = await self._catalog.iter_entries(after, PAGE_ENTRIES, changed_since)
            if not page:
                return
            after = page[-1][0]
            yield [entry for _, entry in page]

    async def results(self, plan: PlanPage, changed_since: int | None = None) -> AsyncIterator[PlanResult]:
        """Yield what a planning function decides, page by page, queueing nothing."""
        context = await self.context()
        async for page in self.pages(changed_since):
            yield plan(page, context)

    async def reconcile(self, changed_since: int | None, settle: bool = True) -> ReconcileReport:
        """Settle unknown contents, plan, and queue. Stops early when the queue is full."""
        sequence = await self._catalog.sequence()
        entries, queued, complete = 0, 0, True
        refused: list[Refusal] = []
        context = await self.context()
        room = MOST_QUEUED - len(context.live)
        async for page in self.pages(changed_since):
            entries += len(page)
            if settle:
                page = await self._settled(page)
            result = self._planner.plan_replication(page, context)
            refused += result.refused[: max(0, KEPT_REFUSALS - len(refused))]
            new = self.transfers(result)
            if len(new) > room:
                complete = False
                new = new[: max(room, 0)]
            if new:
                accepted = await self._queue.enqueue(new)
                queued += len(accepted)
                room -= len(accepted)
                context = await self.context()
            if not complete:
                break
        return ReconcileReport(entries, queued, tuple(refused), sequence, complete)

    async def survey(self) -> ReconcileReport:
        """Plan everything and queue nothing: what an observing engine would do."""
        entries, wanted = 0, 0
        refused: list[Refusal] = []
        context = await self.context()
        async for page in self.pages():
            entries += len(page)
            result = self._planner.plan_replication(await self._settled(page), context)
            wanted += len(self.transfers(result))
            refused += result.refused[: max(0, KEPT_REFUSALS - len(refused))]
        return ReconcileReport(entries, wanted, tuple(refused), await self._catalog.sequence(), True)

    def transfers(self, result: PlanResult, emergency: bool = False) -> list[NewTransfer]:
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
            )
            for plan in result.plans
            for key in plan.entries
            for target in plan.targets
        ]

    async def _settled(self, page: list[DataEntry]) -> list[DataEntry]:
        settled: list[DataEntry] = []
        for entry in page:
            if replicas_to_hash(entry):
                await self._hasher.settle(entry)
                entry = await self._catalog.get(entry.key) or entry
            settled.append(entry)
        return settled
