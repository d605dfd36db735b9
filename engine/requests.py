"""What an operator asks for by hand: previews first, then the same thing queued."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from engine.hosts import check_hosts
from engine.inventory.fleet import Fleet
from engine.model import DataEntry, PlanResult
from engine.planner.planner import PlanContext, SyncPlanner
from engine.presentation.moves import plan_item, plan_view, refusal_view
from engine.queue.queue import TransferQueue
from engine.reconcile import Reconciler
from engine.views import ActionResult, PlanItem, PlanView, RefusalView, SyncPreview, SyncRequest

SHOWN_ITEMS = 500


class Requests:
    """Turns an operator's request into plans by the same planner that the engine uses on its own."""

    def __init__(
        self,
        reconciler: Reconciler,
        queue: TransferQueue,
        fleet: Fleet,
        exposed: Callable[[tuple[str, ...]], Awaitable[Sequence[int]]],
    ) -> None:
        """``exposed`` returns the row ids of what would be lost with nodes (none named: with every endangered one),
        in the order in which an emergency saves it."""
        self._exposed = exposed
        self._reconciler = reconciler
        self._queue = queue
        self._fleet = fleet
        self._planner = SyncPlanner()

    async def preview(self, request: SyncRequest) -> SyncPreview:
        """Return files, bytes, targets, refusals and, where rates are known, the time a request would take."""
        self._check(request)
        rates = (await self._reconciler.context()).link_rates
        return await preview_of(request, self._plan(request), rates, self._fleet.policy.engine.max_concurrent_syncs)

    async def queue(self, request: SyncRequest) -> ActionResult:
        """Queue what the preview showed, as it is now."""
        self._check(request)
        accepted, refused = 0, 0
        async for result in self._plan(request):
            new = self._reconciler.transfers(result, request.emergency, request.emergency and request.allow_fill)
            accepted += len(await self._queue.enqueue(new)) if new else 0
            refused += len(result.refused)
        word = "emergency transfer" if request.emergency else "transfer"
        message = f"{accepted} {word}{'' if accepted == 1 else 's'} queued"
        return ActionResult(accepted, message + (f"; {refused} refused" if refused else ""))

    async def _plan(self, request: SyncRequest) -> AsyncIterator[PlanResult]:
        def plan(entries: Sequence[DataEntry], context: PlanContext) -> PlanResult:
            return self._planner.plan_request(entries, context, request)

        first = await self._exposed(request.nodes) if request.emergency else ()
        async for result in self._reconciler.results(plan, first):
            yield result

    async def plan_view(self) -> PlanView:
        """Return everything that the rules want moved now, and everything that they want in vain."""
        at = (await self._reconciler.context()).now
        return plan_view([result async for result in self._reconciler.outlook()], at)

    def _check(self, request: SyncRequest) -> None:
        check_hosts("sync", (*request.targets, *request.nodes), self._fleet.policy)


async def preview_of(
    request: SyncRequest, results: AsyncIterator[PlanResult], rates: Mapping[tuple[str, str], float], at_once: int
) -> SyncPreview:
    """Return what planning results come to. ``rates`` are those of measured links in bytes/s, ``at_once`` how many
    transfers run side by side; the time is known only where every link was measured."""
    items: list[PlanItem] = []
    refused: list[RefusalView] = []
    targets: set[str] = set()
    files, total, seconds, measured = 0, 0, 0.0, True
    async for result in results:
        for plan in result.plans:
            files += len(plan.entries) * len(plan.targets)
            total += plan.bytes * len(plan.targets)
            item = plan_item(plan)
            targets.update(item.targets)
            for target in plan.targets:
                rate = rates.get((plan.source, target))
                measured = measured and bool(rate)
                seconds += plan.bytes / rate if rate else 0.0
            if len(items) < SHOWN_ITEMS:
                items.append(item)
        room = SHOWN_ITEMS - len(refused)
        refused += [refusal_view(refusal) for refusal in result.refused[: max(room, 0)]]
    time = seconds / max(at_once, 1) if measured and files else None
    return SyncPreview(request, files, total, tuple(sorted(targets)), time, tuple(items), tuple(refused))
