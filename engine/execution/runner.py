"""The loop that claims transfers and runs them side by side, woken by events rather than by polling."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.errors import ErrorClass
from engine.execution.executor import Executor
from engine.execution.progress import LiveProgress
from engine.execution.space_watch import SpaceWatch
from engine.execution.tools import Tools
from engine.inventory.fleet import location_node
from engine.model import RUNNING_STATES, Transfer, TransferState
from engine.queue.queue import LEASE_SECONDS
from engine.transport.concurrency import NODE_LIMIT

log = logging.getLogger(__name__)

SPACE_CHECK_SECONDS = 60.0
EXPLAINED_AT_ONCE = 500
REQUEUED_AT_ONCE = 10_000
SHORTEST_WAIT_SECONDS = 0.05

ClosedNodes = Callable[[], Mapping[str, str]]
"""Returns the nodes that nothing may be started with now, and why: paused, unreachable."""


@dataclass
class _Running:
    transfer: Transfer
    task: asyncio.Task[None]


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
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_change`` hears, on the event loop, that a transfer began or ended."""
        self._on_change = on_change
        self._tools = tools
        self._executor = executor
        self._closed_nodes = closed_nodes
        self._lease_seconds = lease_seconds
        self._space_watch = SpaceWatch(tools)
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
            open_work = counts.get(TransferState.QUEUED, 0) + counts.get(TransferState.RETRY_AT, 0)
            if not self._running and not self._crashed and not open_work:
                return
            await self._wait()

    async def stop(self) -> None:
        """Stop claiming, end what runs, leave nothing of it behind, and queue it again for the next start."""
        self._stopping = True
        self._wake.set()
        async with self._claiming:
            ended = list(self._running.values())
            await self._end(ended)
            for running in ended:
                await self._settle(running.transfer.id, TransferState.QUEUED, "the engine was stopped")

    async def cancel(self, transfer_ids: Sequence[int]) -> int:
        """Cancel live transfers, running or not; nothing of them stays behind. Return how many were cancelled."""
        async with self._claiming:
            await self._end([self._running[i] for i in transfer_ids if i in self._running])
            known = [await self._tools.queue.get(transfer_id) for transfer_id in transfer_ids]
            count = await self._tools.queue.cancel(transfer_ids)
        for transfer in known:
            if transfer is not None:
                await self._executor.abandon(transfer)
        self._wake.set()
        return count

    async def hold(self, transfer_ids: Sequence[int], reason: str) -> int:
        """Stop what runs of these at once, keeping what arrived, and let it wait; return how many were running."""
        async with self._claiming:
            ended = await self._end_keeping(transfer_ids)
            await self._tools.queue.hold([running.transfer.id for running in ended], reason)
        self._wake.set()
        return len(ended)

    async def pause(self, transfer_ids: Sequence[int]) -> int:
        """Stop and hold back single transfers, running or not, until ``queue.resume``; return how many."""
        async with self._claiming:
            await self._end_keeping(transfer_ids)
            count = await self._tools.queue.pause(transfer_ids)
        self._wake.set()
        return count

    async def _end_keeping(self, transfer_ids: Sequence[int]) -> list[_Running]:
        ended = [self._running[i] for i in transfer_ids if i in self._running]
        for running in ended:
            self._executor.keep(running.transfer.id)
        await self._end(ended)
        return ended

    async def node_recovered(self, node_id: str) -> int:
        """Release what was blocked because a node refused us; call it when the node answers again."""
        refused = (ErrorClass.AUTH, ErrorClass.HOST_KEY)
        ids = [
            transfer.id
            for transfer in await self._tools.queue.in_state(TransferState.BLOCKED)
            if transfer.error_class in refused
            and node_id in (location_node(transfer.source), location_node(transfer.target))
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
            self._due.space = now + SPACE_CHECK_SECONDS
        await self._fill()

    async def _fill(self) -> None:
        async with self._claiming:
            closed = self._closed_nodes()
            await self._requeue_opened(closed)
            free = self._tools.policy().engine.max_concurrent_syncs - len(self._running)
            if self._stopping or free <= 0:
                return
            claimed = await self._tools.queue.claim(
                self._tools.names.run_id, self._lease_seconds, free, closed.keys(), NODE_LIMIT
            )
            for transfer in claimed:
                self._start(transfer)
            if closed and len(claimed) < free:
                await self._explain(closed)

    def _start(self, transfer: Transfer) -> None:
        task = asyncio.get_running_loop().create_task(self._executor.run(transfer), name=f"transfer {transfer.id}")
        self._running[transfer.id] = _Running(transfer, task)
        task.add_done_callback(lambda done: self._reap(transfer.id, done))
        self._on_change()

    def _reap(self, transfer_id: int, task: asyncio.Task[None]) -> None:
        self._running.pop(transfer_id, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._crashed[transfer_id] = error
        self._wake.set()
        self._on_change()

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
        over = set(self._closed.values()) - set(closed.values())
        self._closed = dict(closed)
        if over:
            waiting = await self._tools.queue.in_state(TransferState.WAITING, REQUEUED_AT_ONCE)
            await self._tools.queue.release([t.id for t in waiting if t.reason in over], "waits for its turn")

    async def _explain(self, closed: Mapping[str, str]) -> None:
        """Say of what could be claimed but for a closed node why it waits."""
        for state in (TransferState.QUEUED, TransferState.RETRY_AT):
            while await self._explain_page(state, closed) == EXPLAINED_AT_ONCE:
                continue

    async def _explain_page(self, state: TransferState, closed: Mapping[str, str]) -> int:
        """Explain the most urgent transfers of a state; return how many wait now."""
        explained = 0
        for transfer in await self._tools.queue.in_state(state, EXPLAINED_AT_ONCE):
            ends = (location_node(transfer.source), location_node(transfer.target))
            reason = next((closed[node] for node in ends if node in closed), None)
            if reason is not None:
                await self._tools.queue.wait(transfer.id, reason)
                explained += 1
        return explained

    async def _end(self, ended: Sequence[_Running]) -> None:
        for running in ended:
            running.task.cancel()
        if ended:
            await asyncio.wait([running.task for running in ended])

    async def _settle(self, transfer_id: int, state: TransferState, reason: str) -> None:
        """Record what became of an ended task, unless it reached an end by itself."""
        found = await self._tools.queue.get(transfer_id)
        if found is not None and found.state in RUNNING_STATES:
            await self._tools.queue.transition(transfer_id, state, reason)

    async def _wait(self) -> None:
        """Sleep until woken, or until a retry, a heartbeat or a look at the disks is due."""
        clock = self._tools.clock
        seconds = min(self._due.heartbeat, self._due.space) - clock.monotonic()
        retry_at = await self._tools.queue.next_retry_at()
        if retry_at is not None and retry_at > clock.now():
            seconds = min(seconds, retry_at - clock.now())
        try:
            async with asyncio.timeout(max(seconds, SHORTEST_WAIT_SECONDS)):
                await self._wake.wait()
        except TimeoutError:
            return
