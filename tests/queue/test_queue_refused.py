"""What planning refuses until a person acts: visible in the queue, never run, and gone when its reason is."""

from __future__ import annotations

from engine.model import TransferState
from engine.queue.queue import RefusedTransfer, TransferQueue
from engine.queue.refused import changes
from tests.queue.samples import new

A_PLACE = (str(new("a.db").key), "mac-studio")


async def test_a_refused_transfer_is_blocked_with_its_remedy_and_never_claimed(queue: TransferQueue) -> None:
    assert await queue.refuse([RefusedTransfer(new("a.db"), "look why it shrank")]) == 1
    assert await queue.claim("run-1", limit=5) == []
    (row,) = await queue.in_state(TransferState.BLOCKED)
    assert (row.hint, row.reason, row.target) == ("look why it shrank", "fewer copies than wanted", "mac-studio")
    assert await queue.refused() == {A_PLACE}


async def test_what_is_refused_is_planned_again_though_other_blocked_transfers_are_not(queue: TransferQueue) -> None:
    await queue.refuse([RefusedTransfer(new("a.db"), "look")])
    (other,) = await queue.enqueue([new("b.db")])
    await queue.block(other, "no space")
    assert await queue.live() == {(str(new("b.db").key), "mac-studio")}


async def test_refusing_twice_keeps_one_row_and_never_stops_a_running_transfer(queue: TransferQueue) -> None:
    await queue.refuse([RefusedTransfer(new("a.db"), "look")])
    assert await queue.refuse([RefusedTransfer(new("a.db"), "look")]) == 0
    await queue.enqueue([new("b.db")])
    (running,) = await queue.claim("run-1", limit=5)
    assert await queue.refuse([RefusedTransfer(new("b.db"), "look")]) == 0
    kept = await queue.get(running.id)
    assert kept is not None and kept.state is TransferState.CLAIMED


async def test_a_refusal_whose_reason_is_gone_leaves_room_for_the_transfer(queue: TransferQueue) -> None:
    await queue.refuse([RefusedTransfer(new("a.db"), "look")])
    assert await queue.lift({A_PLACE}) == 1
    assert await queue.refused() == set()
    await queue.enqueue([new("a.db")])
    assert len(await queue.claim("run-1", limit=5)) == 1


async def test_an_operators_retry_of_a_refused_transfer_is_tried(queue: TransferQueue) -> None:
    await queue.refuse([RefusedTransfer(new("a.db"), "look")])
    (row,) = await queue.in_state(TransferState.BLOCKED)
    assert await queue.release([row.id]) == 1
    assert [t.id for t in await queue.claim("run-1", limit=5)] == [row.id]


def test_only_what_was_looked_at_again_can_be_over() -> None:
    standing = {("a", "x"), ("b", "x"), ("c", "x")}
    appeared, gone = changes(standing, {("a", "x"), ("d", "x")}, {"a", "b", "d"})
    assert (appeared, gone) == ({("d", "x")}, {("b", "x")})
