"""What the queue says of itself."""

from __future__ import annotations

import pytest

from engine.clock import ManualClock
from engine.model import SyncPriority, TransferState
from engine.queue.queue import HISTORY_KEPT_SECONDS, Tally, TransferQueue
from tests.queue.samples import attempt, claimed, done, new

P, S = SyncPriority, TransferState


async def test_a_page_shows_what_runs_then_by_urgency_then_the_newest_finished(
    queue: TransferQueue, clock: ManualClock
) -> None:
    for name in ("first.db", "second.db"):
        await done(queue, new(name))
        clock.advance(1.0)
    await claimed(queue, new("running.db", priority=P.LOW))
    await queue.enqueue([new("normal.db"), new("urgent.db", priority=P.CRITICAL)])
    total, rows = await queue.page(0, 10)
    assert total == 5
    shown = [transfer.key.path for transfer in rows]
    assert shown == ["running.db", "urgent.db", "normal.db", "second.db", "first.db"]
    for offset in range(5):
        assert [t.key.path for t in (await queue.page(offset, 2))[1]] == shown[offset : offset + 2]
    assert (await queue.page(0, 10, history=False))[0] == 3
    assert (await queue.page(7, 10)) == (5, [])


async def test_a_page_is_filtered_by_every_word_taken_literally(queue: TransferQueue) -> None:
    await queue.enqueue([new("a_b.db"), new("axb.db", target="hetzner-1"), new("c%.db")])
    assert [t.key.path for t in (await queue.page(0, 9, "A_B"))[1]] == ["a_b.db"]
    assert (await queue.page(0, 9, "%"))[0] == 1
    assert (await queue.page(0, 9, "hetzner axb queued"))[0] == 1
    assert (await queue.page(0, 9, "nowhere"))[0] == 0


async def test_reserved_bytes_are_what_is_still_to_land(queue: TransferQueue) -> None:
    first, second = await claimed(queue, new("a.db", size=100), new("b.db", size=50))
    await queue.enqueue([new("c.db", target="hetzner-1", size=7)])
    await queue.transition(first.id, S.TRANSFERRING, "go", bytes_done=60)
    await queue.block(second.id, "no room")
    assert await queue.reserved_bytes() == {"mac-studio": 40, "hetzner-1": 7}


async def test_the_first_attempt_rate_counts_what_ended_since(queue: TransferQueue, clock: ManualClock) -> None:
    assert await queue.first_attempt_rate(0.0) is None
    await done(queue, new("old.db"))
    clock.advance(100.0)
    since = clock.now()
    good = await done(queue, new("good.db"))
    await queue.record_attempt(attempt(good, 1))
    (slow,) = await claimed(queue, new("slow.db"))
    for number in (1, 2):
        await queue.record_attempt(attempt(slow.id, number))
    await queue.finish(slow.id, S.FAILED, "gave up")
    assert await queue.first_attempt_rate(since) == pytest.approx(0.5)
    assert await queue.tally_of_run(since) == Tally(done=1, failed=1, blocked=0)
    assert (await queue.tally_of_run(0.0)).done == 2


async def test_moved_bytes_and_throughput_come_from_the_attempts(queue: TransferQueue) -> None:
    (transfer,) = await claimed(queue, new())
    for number, at in ((1, 5.0), (2, 15.0), (3, 19.0)):
        await queue.record_attempt(attempt(transfer.id, number, at, size=100))
    assert await queue.bytes_moved(10.0) == 200
    assert await queue.throughput(0.0, 10.0, 20.0) == [10.0, 20.0]
    assert await queue.bytes_moved(99.0) == 0


async def test_attempts_are_counted_and_kept_with_their_steps(queue: TransferQueue) -> None:
    (transfer,) = await claimed(queue, new())
    first, second = attempt(transfer.id, 1, success=False), attempt(transfer.id, 2)
    for one in (first, second, second):
        await queue.record_attempt(one)
    found = await queue.get(transfer.id)
    assert found is not None and found.attempts == 2
    assert await queue.attempts(transfer.id) == [first, second]


async def test_the_last_verified_copy_is_the_newest_one_done(queue: TransferQueue, clock: ManualClock) -> None:
    assert await queue.last_verified_at() is None
    await done(queue, new())
    (transfer,) = await claimed(queue, new("b.db"))
    at = clock.now()
    clock.advance(9.0)
    await queue.finish(transfer.id, S.FAILED, "gave up")
    assert await queue.last_verified_at() == at


async def test_an_operator_gets_back_what_was_cancelled_or_failed(queue: TransferQueue) -> None:
    ids = await queue.enqueue([new("a.db"), new("b.db")])
    assert await queue.cancel(ids) == 2
    assert await queue.cancel(ids) == 0
    assert await queue.live() == set()
    await queue.enqueue([new("b.db")])
    assert await queue.release(ids) == 1, "a newer transfer of the same content is live already"
    assert await queue.counts() == {"queued": 2, "cancelled": 1}


async def test_history_is_forgotten_by_age_but_never_what_is_live_or_the_last_backup(
    queue: TransferQueue, clock: ManualClock
) -> None:
    old = await done(queue, new("old.db"))
    await queue.record_attempt(attempt(old))
    last = await done(queue, new("last.db"))
    await queue.enqueue([new("live.db")])
    clock.advance(HISTORY_KEPT_SECONDS + 1)
    assert await queue.prune(clock.now()) == 1
    assert await queue.get(old) is None and await queue.history(old) == [] and await queue.attempts(old) == []
    assert await queue.get(last) is not None
    assert await queue.counts() == {"done": 1, "queued": 1}


async def test_history_is_forgotten_by_number(queue: TransferQueue, clock: ManualClock) -> None:
    ids = []
    for number in range(5):
        ids.append(await done(queue, new(f"{number}.db")))
        clock.advance(1.0)
    assert await queue.prune(clock.now(), kept_rows=2) == 3
    assert [transfer.id for transfer in (await queue.page(0, 9))[1]] == [ids[4], ids[3]]
