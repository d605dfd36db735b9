"""Into the queue: one live transfer per content and target, and the stronger wish wins."""

from __future__ import annotations

from engine.catalog.catalog import DataCatalog
from engine.clock import ManualClock
from engine.model import SyncPriority, TransferState
from engine.queue.entrance import ENQUEUED_AT_ONCE
from engine.queue.queue import TransferQueue
from engine.store.store import Store
from tests.catalog.samples import games, holds, version
from tests.queue.samples import claimed, done, new

P, S = SyncPriority, TransferState


async def test_a_transfer_comes_back_as_it_was_asked_for(queue: TransferQueue) -> None:
    wanted = new(priority=P.HIGH, deadline=77.0, emergency=True)
    (transfer_id,) = await queue.enqueue([wanted])
    found = await queue.get(transfer_id)
    assert found is not None
    for name in ("key", "source", "target", "priority", "reason", "rule", "line", "deadline", "bytes_total"):
        assert getattr(found, name) == getattr(wanted, name)
    assert (found.state, found.transport_preference, found.emergency) == (S.QUEUED, wanted.transport_preference, True)


async def test_the_same_content_is_queued_once_per_target(queue: TransferQueue) -> None:
    first = await queue.enqueue([new(), new(target="hetzner-1"), new()])
    assert first[0] == first[2] != first[1]
    assert await queue.enqueue([new()]) == first[:1]
    assert await queue.counts() == {"queued": 2}


async def test_a_second_wish_raises_priority_and_brings_the_deadline_forward_never_back(queue: TransferQueue) -> None:
    (transfer_id,) = await queue.enqueue([new(priority=P.HIGH, deadline=100.0)])
    await queue.enqueue([new(priority=P.LOW, deadline=200.0)])
    found = await queue.get(transfer_id)
    assert found is not None and (found.priority, found.deadline) == (P.HIGH, 100.0)
    await queue.enqueue([new(priority=P.CRITICAL, deadline=50.0, emergency=True)])
    found = await queue.get(transfer_id)
    assert found is not None and (found.priority, found.deadline, found.emergency) == (P.CRITICAL, 50.0, True)
    await queue.enqueue([new()])
    found = await queue.get(transfer_id)
    assert found is not None and found.deadline == 50.0


async def test_a_waiting_transfer_takes_the_newer_source_and_a_running_one_keeps_its_own(queue: TransferQueue) -> None:
    (transfer_id,) = await queue.enqueue([new()])
    await queue.enqueue([new(source="nebius-1")])
    found = await queue.get(transfer_id)
    assert found is not None and found.source == "nebius-1"
    assert await queue.claim("run-1", exclude_nodes=["nebius-1"]) == []
    await queue.claim("run-1")
    await queue.enqueue([new(source="vast-2", priority=P.CRITICAL)])
    found = await queue.get(transfer_id)
    assert found is not None and (found.source, found.priority, found.state) == ("nebius-1", P.CRITICAL, S.CLAIMED)


async def test_an_emergency_does_not_wait_for_the_next_retry(queue: TransferQueue, clock: ManualClock) -> None:
    (transfer,) = await claimed(queue, new())
    await queue.retry_at(transfer.id, clock.now() + 600, "connection reset")
    await queue.enqueue([new()])
    assert await queue.claim("run-1") == []
    await queue.enqueue([new(emergency=True)])
    assert [found.id for found in await queue.claim("run-1")] == [transfer.id]


async def test_what_is_done_may_be_wanted_again(queue: TransferQueue) -> None:
    first = await done(queue, new())
    (second,) = await queue.enqueue([new()])
    assert second != first


async def test_a_size_that_is_not_given_is_the_catalogs(queue: TransferQueue, store: Store, clock: ManualClock) -> None:
    await holds(DataCatalog(store, clock), games(), "vast-1", version("a", 12_345))
    (transfer_id,) = await queue.enqueue([new(size=0)])
    found = await queue.get(transfer_id)
    assert found is not None and found.bytes_total == 12_345
    assert await queue.reserved_bytes() == {"mac-studio": 12_345}


async def test_many_transfers_keep_the_order_they_were_given_in(queue: TransferQueue) -> None:
    wanted = [new(f"{number}.db") for number in range(ENQUEUED_AT_ONCE * 2 + 3)]
    ids = await queue.enqueue(wanted)
    assert len(set(ids)) == len(wanted)
    found = await queue.get(ids[-1])
    assert found is not None and found.key == wanted[-1].key
    assert await queue.enqueue([]) == []
