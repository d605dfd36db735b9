"""What decides about a transfer is its code: set with its reason, gone with it, and never read out of words."""

from __future__ import annotations

from engine.codes import TransferCode
from engine.model import TransferState
from engine.queue.queue import RefusedTransfer, TransferQueue
from tests.queue.samples import claimed, new

OLD_WORDS = ("paused by the operator", "cancelled by the operator", "the source is damaged: it is no zip file")


async def code_of(queue: TransferQueue, number: int) -> TransferCode | None:
    found = await queue.get(number)
    assert found is not None
    return found.code


async def test_each_act_leaves_its_code_and_the_next_state_takes_it_away(queue: TransferQueue) -> None:
    (number,) = await queue.enqueue([new("a.db")])
    assert await code_of(queue, number) is None
    await queue.pause([number])
    assert await code_of(queue, number) is TransferCode.PAUSED
    await queue.resume([number])
    assert await code_of(queue, number) is None
    await queue.wait(number, "vast-1 is paused")
    assert await code_of(queue, number) is TransferCode.NODE_CLOSED
    (running,) = await queue.claim("run-1")
    assert running.code is None
    await queue.hold([number], "vast-1 is paused", TransferCode.NODE_CLOSED)
    assert await code_of(queue, number) is TransferCode.NODE_CLOSED
    await queue.cancel([number])
    assert await code_of(queue, number) is TransferCode.CANCELLED_BY_OPERATOR
    await queue.release([number])
    assert await code_of(queue, number) is None
    await queue.withdraw([number], "nobody wants it any more")
    assert await code_of(queue, number) is None


async def test_blocked_again_for_something_else_is_not_blocked_for_the_first(queue: TransferQueue) -> None:
    (transfer,) = await claimed(queue, new("a.db"))
    blocked = await queue.block(transfer.id, "worded anew", code=TransferCode.SOURCE_DAMAGED)
    assert await queue.blocked_as(TransferCode.SOURCE_DAMAGED) == [blocked]
    await queue.block(transfer.id, "no room")
    assert await queue.blocked_as(TransferCode.SOURCE_DAMAGED) == []


async def test_words_alone_decide_nothing(queue: TransferQueue) -> None:
    held, ended, damaged = await queue.enqueue([new("a.db"), new("b.db"), new("c.db")])
    await queue.hold([held], OLD_WORDS[0])
    await queue.withdraw([ended], OLD_WORDS[1])
    await queue.block(damaged, OLD_WORDS[2])
    assert [await code_of(queue, number) for number in (held, ended, damaged)] == [None, None, None]
    assert await queue.resume([held]) == 0
    assert await queue.blocked_as(TransferCode.SOURCE_DAMAGED) == []


async def test_a_refusal_of_planning_keeps_its_code(queue: TransferQueue) -> None:
    await queue.refuse([RefusedTransfer(new("a.db"), "look", TransferCode.DIVERGED), RefusedTransfer(new("b.db"), "")])
    found = await queue.in_state(TransferState.BLOCKED)
    assert [transfer.code for transfer in found] == [TransferCode.DIVERGED, None]


async def test_a_node_is_waited_for_only_by_what_no_other_closed_node_holds_too(queue: TransferQueue) -> None:
    """Whatever the reason says: a drain waits for a node that is probed soon, and not for one that stays paused."""
    first, second = await queue.enqueue([new("a.db", target="mac"), new("b.db", target="hub")])
    await queue.wait(first, "it rests")
    await queue.hold([second], "it rests")
    assert await queue.waits_for({"mac"}, set())
    assert await queue.waits_for({"vast-1"}, {"hub"})
    assert not await queue.waits_for({"mac"}, {"vast-1"})
    assert not await queue.waits_for({"hub"}, set())
