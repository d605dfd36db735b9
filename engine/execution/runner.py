"""The loop that claims transfers and runs them side by side, woken by events rather than by polling."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.codes import TransferCode
from engine.errors import ErrorClass
from engine.execution.batch import BatchExecutor
from engine.execution.batch_sizes import BATCHES_PER_NODE, FIRST_BYTES, FIRST_FILES, LARGEST_FILE_BYTES
from engine.execution.executor import Executor
from engine.execution.progress import LiveProgress
from engine.execution.resting import RestingNodes
from engine.execution.space_watch import SpaceWatch
from engine.execution.tools import Tools
from engine.locations import node_of
from engine.model import RUNNING_STATES, Transfer, TransferState, Transport
from engine.queue.fans import Fans
from engine.queue.queue import LEASE_SECONDS
from engine.queue.values import Grouping, Narrow, NewEdge
from engine.transport.concurrency import NODE_LIMIT

log = logging.getLogger(__name__)

SPACE_CHECK_SECONDS = 60.0
EXPLAINED_AT_ONCE = 500
REQUEUED_AT_ONCE = 10_000
SHORTEST_WAIT_SECONDS = 0.05
DRAIN_PATIENCE_SECONDS = 60.0
"""A drain ends when nothing but retries further ahead than this is left: a way that stays broken is not waited for."""

ClosedNodes = Callable[[], Mapping[str, str]]
"""Returns the nodes that nothing may be started with now, and why: paused, unreachable, the engine only observes."""


@dataclass(eq=False)
class _Running:
    """One task and what it carries out: a single transfer, or a batch."""

    transfers: tuple[Transfer, ...]
    task: asyncio.Task[None]

    @property
    def nodes(self) -> set[str]:
        """The nodes that take part."""
        return set(_ends(self.transfers[0]))


@dataclass
class _Due:
    """When periodic work is next due, in the clock's monotonic seconds."""

    heartbeat: float = 0.0
    space: float = 0.0


class Runner:
    """Runs transfers until stopped. One per engine; owned by the event loop."""

    def __init__(
        self,
        tools: Tools,
        executor: Executor,
        closed_nodes: ClosedNodes,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._tools = tools
        self._executor = executor
        self._batches = BatchExecutor(tools, executor)
        self._closed_nodes = closed_nodes
        self._lease_seconds = lease_seconds
        self._space_watch = SpaceWatch(tools)
        self._resting = RestingNodes(tools.transports.breakers, tools.clock)
        self._running: dict[int, _Running] = {}
        self._crashed: dict[int, BaseException] = {}
        self._wake = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._stopping = False
        self._due = _Due()
        self._closed: Mapping[str, str] = {}

    def wake(self) -> None:
        """Look for work now: something was queued, released, resumed, or a node came back."""
        self._wake.set()

    def running(self) -> Collection[int]:
        """Return the ids of the transfers that run now."""
        return tuple(self._running)

    def busy(self) -> tuple[tuple[Transfer, ...], ...]:
        """Return what runs now, in the groups that take a slot each."""
        return tuple(running.transfers for running in self._tasks())

    def progress_of(self, transfer_id: int) -> LiveProgress | None:
        """Return how far a running transfer is, or None when it does not run."""
        return self._tools.board.of(transfer_id)

    async def run(self) -> None:
        """Claim and run transfers until ``stop`` is called. Raises StoreError when the queue cannot be read."""
        while not self._stopping:
            self._wake.clear()
            await self._tick()
            await self._wait()

    async def drain(self) -> None:
        """Run everything that can be run now, retries included, and return.

        What waits for a closed node and what is blocked stays where it is, with its reason.
        """
        while not self._stopping:
            self._wake.clear()
            await self._tick()
            counts = await self._tools.queue.counts()
            open_work = counts.get(TransferState.QUEUED, 0) or await self._more_to_come()
            if not self._running and not self._crashed and not open_work:
                return
            await self._wait()

    async def _more_to_come(self) -> bool:
        """Return whether a drain waits: for a retry that is due soon, or for a node that will be probed soon."""
        retry_at = await self._tools.queue.soonest_retry_at()
        if retry_at is not None and retry_at - self._tools.clock.now() <= DRAIN_PATIENCE_SECONDS:
            return True
        worth = self._resting.worth_waiting() - self._closed_nodes().keys()
        return await self._tools.queue.waits_for(worth, self._closed.keys() - worth) if worth else False

    async def stop(self) -> None:
        """Stop claiming, end what runs, leave nothing of it behind, and queue it again for the next start."""
        self._stopping = True
        self._wake.set()
        async with self._claiming:
            ids = tuple(self._running)
            await self._end(ids)
            await self._settle(ids, TransferState.QUEUED, "the engine was stopped")

    async def cancel(self, transfer_ids: Sequence[int], withdrawn: str = "") -> int:
        """Cancel live transfers by an operator, or ``withdrawn`` for that reason, leaving nothing; return how many."""
        async with self._claiming:
            await self._end(transfer_ids)
            known = [await self._tools.queue.get(transfer_id) for transfer_id in transfer_ids]
            queue = self._tools.queue
            count = await (queue.withdraw(transfer_ids, withdrawn) if withdrawn else queue.cancel(transfer_ids))
        for transfer in known:
            if transfer is not None:
                await self._executor.abandon(transfer)
        self._wake.set()
        return count

    async def hold(self, transfer_ids: Sequence[int], reason: str, code: TransferCode | None = None) -> int:
        """Stop what runs of these at once, keeping what arrived, and let it wait; return how many were running."""
        async with self._claiming:
            ended = await self._end_keeping(transfer_ids)
            await self._tools.queue.hold(ended, reason, code)
        self._wake.set()
        return len(ended)

    async def pause(self, transfer_ids: Sequence[int]) -> int:
        """Stop and hold back single transfers, running or not, until ``queue.resume``; return how many."""
        async with self._claiming:
            await self._end_keeping(transfer_ids)
            count = await self._tools.queue.pause(transfer_ids)
        self._wake.set()
        return count

    async def _end_keeping(self, transfer_ids: Sequence[int]) -> list[int]:
        """End what runs of these, keeping partial files; return which ran. A batch's files are sent again."""
        ended = [number for number in transfer_ids if number in self._running]
        for number in ended:
            self._executor.keep(number)
        await self._end(ended)
        return ended

    async def node_recovered(self, node_id: str) -> int:
        """Release what was blocked because a node refused us; call it when the node answers again."""
        refused = (ErrorClass.AUTH, ErrorClass.HOST_KEY)
        ids = [
            transfer.id
            for transfer in await self._tools.queue.in_state(TransferState.BLOCKED)
            if transfer.error_class in refused and node_id in _ends(transfer)
        ]
        released = await self._tools.queue.release(ids, f"{node_id} answers again") if ids else 0
        self._wake.set()
        return released

    async def _tick(self) -> None:
        now = self._tools.clock.monotonic()
        await self._bury_crashed()
        if now >= self._due.heartbeat:
            await self._tools.queue.heartbeat(self._tools.names.run_id, self._lease_seconds)
            self._due.heartbeat = now + self._lease_seconds / 3
        if now >= self._due.space:
            await self._space_watch.release_what_fits()
            await self._tools.queue.raise_overdue()
            self._due.space = now + SPACE_CHECK_SECONDS
        await self._fill()

    async def _fill(self) -> None:
        async with self._claiming:
            closed = {**self._resting.reasons(), **self._closed_nodes()}
            await self._requeue_opened(closed)
            tasks = self._tasks()
            free = self._tools.policy().engine.max_concurrent_syncs - len(tasks)
            if self._stopping or free <= 0:
                return
            fans = Fans()
            load = Counter(
                node
                for running in sorted(tasks, key=lambda one: one.transfers[0].id)
                for node in (running.nodes if len(running.transfers) > 1 else fans.count(running.transfers[0]))
            )
            groups = await self._tools.queue.claim_groups(
                self._tools.names.run_id,
                self._lease_seconds,
                free,
                closed.keys(),
                NODE_LIMIT,
                self._grouping(tasks),
                load,
                replace(self._narrow(tasks), fanned=fans.running),
            )
            for group in groups:
                self._start(group)
            if closed and len(groups) < free:
                await self._explain(closed)

    def _tasks(self) -> set[_Running]:
        return set(self._running.values())

    def _narrow(self, tasks: Collection[_Running]) -> Narrow:
        """Return where less may be claimed than a node allows: links that fail, nodes that are being probed."""
        ends = ((one.transfers[0].source, one.transfers[0].target) for one in tasks)
        running = Counter((node_of(source), node_of(target)) for source, target in ends)
        transports = self._tools.transports
        return Narrow(transports.links.limited(), running, transports.breakers.probing_nodes())

    def _grouping(self, tasks: Collection[_Running]) -> Grouping:
        """Return which small files may be claimed together now."""
        every = self._tools.transports.chain(tuple(Transport))
        return Grouping(
            FIRST_FILES,
            FIRST_BYTES,
            LARGEST_FILE_BYTES,
            sizes=self._batches.sizes.all(),
            alone=self._batches.alone,
            running=Counter(node for one in tasks if len(one.transfers) > 1 for node in one.nodes),
            batches_per_node=BATCHES_PER_NODE,
            unbatched=tuple(adapter.name.value for adapter in every if not adapter.capabilities.batches),
        )

    def _start(self, group: tuple[Transfer, ...]) -> None:
        first = group[0]
        single = len(group) == 1
        self._batches.alone.discard(first.id)
        work = self._executor.run(first) if single else self._batches.run(group)
        name = f"transfer {first.id}" if single else f"batch of {len(group)} led by transfer {first.id}"
        running = _Running(group, asyncio.get_running_loop().create_task(work, name=name))
        self._running.update((transfer.id, running) for transfer in group)
        running.task.add_done_callback(lambda done: self._reap(group, done))

    def _reap(self, group: Sequence[Transfer], task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        for transfer in group:
            self._running.pop(transfer.id, None)
            if error is not None:
                self._crashed[transfer.id] = error
        self._wake.set()

    async def _bury_crashed(self) -> None:
        """A transfer that ended by a fault of ours is blocked with it: never lost, never tried in a circle."""
        while self._crashed:
            transfer_id, error = self._crashed.popitem()
            log.error("transfer %d ended by a fault of syncdeck", transfer_id, exc_info=error)
            found = await self._tools.queue.get(transfer_id)
            if found is not None and found.state in RUNNING_STATES:
                hint = "report this with the log; `retry` tries it again"
                reason = f"{type(error).__name__}: {error}"
                await self._tools.queue.block(transfer_id, reason, error_class=ErrorClass.BUG, hint=hint)

    async def _requeue_opened(self, closed: Mapping[str, str]) -> None:
        """Queue again what waited only for nodes that are open now: a reason that is over is not shown."""
        before, self._closed = self._closed, dict(closed)
        over = {node for node, reason in before.items() if closed.get(node) != reason}
        if over:
            waiting = await self._tools.queue.in_state(TransferState.WAITING, REQUEUED_AT_ONCE)
            held = [t for t in waiting if t.code is TransferCode.NODE_CLOSED and not over.isdisjoint(_ends(t))]
            # What waits for its other end, too, stays where that is what it says.
            ids = [t.id for t in held if _why_closed(t, closed) != t.reason]
            await self._tools.queue.release(ids, "waits for its turn")

    async def _explain(self, closed: Mapping[str, str]) -> None:
        """Say of what could be claimed but for a closed node why it waits."""
        for state in (TransferState.QUEUED, TransferState.RETRY_AT):
            while await self._explain_page(state, closed) == EXPLAINED_AT_ONCE:
                continue

    async def _explain_page(self, state: TransferState, closed: Mapping[str, str]) -> int:
        """Explain the most urgent transfers of a state; return how many wait now."""
        explained = 0
        for transfer in await self._tools.queue.in_state(state, EXPLAINED_AT_ONCE):
            reason = _why_closed(transfer, closed)
            if reason is not None:
                await self._tools.queue.wait(transfer.id, reason)
                explained += 1
        return explained

    async def _end(self, transfer_ids: Collection[int]) -> None:
        """End what runs of these. Others of their batches are queued again: what arrived of them is sent once more."""
        ended = {self._running[number] for number in transfer_ids if number in self._running}
        for running in ended:
            running.task.cancel()
        if not ended:
            return
        await asyncio.wait([running.task for running in ended])
        named = set(transfer_ids)
        fellows = [transfer.id for running in ended for transfer in running.transfers if transfer.id not in named]
        await self._settle(fellows, TransferState.QUEUED, "another file of its batch was stopped")

    async def _settle(self, transfer_ids: Sequence[int], state: TransferState, reason: str) -> None:
        """Record what became of ended tasks' transfers, unless they reached an end by themselves."""
        own = {transfer.id for transfer in await self._tools.queue.running()}
        await self._tools.queue.transition_many([NewEdge(i, state, reason) for i in transfer_ids if i in own])

    async def _wait(self) -> None:
        """Sleep until woken, or until a retry, a heartbeat or a look at the disks is due."""
        clock = self._tools.clock
        seconds = min(self._due.heartbeat, self._due.space) - clock.monotonic()
        retry_at = await self._tools.queue.next_retry_at()
        if retry_at is not None and retry_at > clock.now():
            seconds = min(seconds, retry_at - clock.now())
        probe_in = self._resting.next_probe_in()
        if probe_in is not None:
            seconds = min(seconds, probe_in)
        try:
            async with asyncio.timeout(max(seconds, SHORTEST_WAIT_SECONDS)):
                await self._wake.wait()
        except TimeoutError:
            return


def _ends(transfer: Transfer) -> tuple[str, str]:
    return node_of(transfer.source), node_of(transfer.target)


def _why_closed(transfer: Transfer, closed: Mapping[str, str]) -> str | None:
    """Return why a transfer has to wait for a node, None where it need not."""
    return next((closed[node] for node in _ends(transfer) if node in closed), None)
