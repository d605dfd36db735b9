"""What an operator holds back stays back, and what is overdue goes before what is not."""

from __future__ import annotations

from engine.clock import ManualClock
from engine.codes import TransferCode
from engine.model import SyncPriority, TransferState
from engine.queue.queue import TransferQueue
from tests.queue.samples import claimed, done, new


async def test_a_held_transfer_is_claimed_by_nobody_until_it_is_resumed(queue: TransferQueue) -> None:
    first, second = await queue.enqueue([new("a.db"), new("b.db")])
    assert await queue.pause([first]) == 1
    found = await queue.get(first)
    assert found is not None and (found.state, found.code) == (TransferState.WAITING, TransferCode.PAUSED)
    assert [transfer.id for transfer in await queue.claim("run-1", limit=5)] == [second]
    assert await queue.resume([first]) == 1
    assert [transfer.id for transfer in await queue.claim("run-1", limit=5)] == [first]


async def test_a_newer_wish_even_an_emergency_does_not_undo_a_persons_pause(queue: TransferQueue) -> None:
    (held,) = await queue.enqueue([new("a.db")])
    await queue.pause([held])
    assert await queue.enqueue([new("a.db", emergency=True, priority=SyncPriority.CRITICAL)]) == [held]
    assert await queue.claim("run-1", limit=5) == []


async def test_holding_twice_is_one_edge_and_what_is_over_is_not_held(queue: TransferQueue) -> None:
    over = await done(queue, new("over.db"))
    (held,) = await queue.enqueue([new("a.db")])
    assert await queue.pause([held, over]) == 1
    assert await queue.pause([held]) == 1
    assert [edge.to_state for edge in await queue.history(held)] == [TransferState.QUEUED, TransferState.WAITING]


async def test_resume_lets_nothing_go_that_waits_for_something_else(queue: TransferQueue) -> None:
    (waiting,) = await queue.enqueue([new("a.db")])
    await queue.wait(waiting, "b is paused")
    assert await queue.resume([waiting]) == 0


async def test_a_transfer_that_was_stopped_for_its_node_is_claimed_again_when_it_may(queue: TransferQueue) -> None:
    (running,) = await claimed(queue, new("a.db"))
    assert await queue.hold([running.id], "vast-1 is paused") == 1
    assert await queue.claim("run-1", limit=5, exclude_nodes=["vast-1"]) == []
    assert [transfer.id for transfer in await queue.claim("run-1", limit=5)] == [running.id]


async def test_what_is_overdue_rises_once_and_never_above_what_is_critical(
    queue: TransferQueue, clock: ManualClock
) -> None:
    await queue.enqueue(
        [
            new("critical.db", priority=SyncPriority.CRITICAL),
            new("normal.db"),
            new("late.db", priority=SyncPriority.LOW, deadline=clock.now() + 10),
        ]
    )
    assert await queue.raise_overdue() == 0
    clock.advance(11)
    assert (await queue.raise_overdue(), await queue.raise_overdue()) == (1, 0)
    order = [transfer.key.path for transfer in await queue.claim("run-1", limit=5)]
    assert order == ["critical.db", "late.db", "normal.db"]
