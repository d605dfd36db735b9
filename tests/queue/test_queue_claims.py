"""Out of the queue: the most urgent first, under a lease, never for a node that is closed or busy."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from engine.clock import ManualClock
from engine.model import SyncPriority, TransferState, Transport
from engine.queue.errors import LeaseLost
from engine.queue.queue import TransferQueue
from engine.queue.values import Grouping, Narrow
from tests.queue.samples import claimed, new

P, S = SyncPriority, TransferState


async def test_higher_priority_then_earlier_deadline_then_age_decides(queue: TransferQueue) -> None:
    await queue.enqueue(
        [
            new("old.db"),
            new("none.db", priority=P.HIGH),
            new("late.db", priority=P.HIGH, deadline=200.0),
            new("soon.db", priority=P.HIGH, deadline=100.0),
            new("first.db", priority=P.CRITICAL),
            new("young.db"),
        ]
    )
    order = [transfer.key.path for transfer in await queue.claim("run-1", limit=10)]
    assert order == ["first.db", "soon.db", "late.db", "none.db", "old.db", "young.db"]


async def test_an_emergency_goes_by_size_also_where_the_rules_had_queued_its_files_in_another_order(
    queue: TransferQueue,
) -> None:
    sizes = {"large.npz": 900, "middle.npz": 500, "small.npz": 100}
    await queue.enqueue([new(name, priority=P.HIGH, size=size) for name, size in sizes.items()])
    await queue.enqueue([new("other.npz", priority=P.HIGH, size=1)])
    urgent = [new(name, priority=P.CRITICAL, size=size, emergency=True) for name, size in sizes.items()]
    await queue.enqueue([*reversed(urgent), new("new.npz", priority=P.CRITICAL, size=700, emergency=True)])
    order = [transfer.key.path for transfer in await queue.claim("run-1", limit=10)]
    assert order == ["small.npz", "middle.npz", "new.npz", "large.npz", "other.npz"]


async def test_nothing_is_claimed_twice(queue: TransferQueue) -> None:
    await queue.enqueue([new(f"{number}.db") for number in range(20)])
    parts = await asyncio.gather(*(queue.claim("run-1", limit=3) for _ in range(10)))
    ids = [transfer.id for part in parts for transfer in part]
    assert len(ids) == len(set(ids)) == 20


async def test_nodes_that_are_excluded_are_left_alone_as_source_and_as_target(queue: TransferQueue) -> None:
    await queue.enqueue(
        [new("a.db", source="vast-1"), new("b.db", target="vast-1", source="x"), new("c.db", source="vast-2")]
    )
    assert [t.key.path for t in await queue.claim("run-1", limit=9, exclude_nodes=["vast-1"])] == ["c.db"]


async def test_a_drive_belongs_to_its_node(queue: TransferQueue) -> None:
    await queue.enqueue([new(target="mac-studio:/Volumes/drive")])
    assert await queue.claim("run-1", exclude_nodes=["mac-studio"]) == []


async def test_no_node_takes_part_in_more_than_its_limit(queue: TransferQueue) -> None:
    await queue.enqueue([new(f"{n}.db", source="vast-1", target=f"t{n}") for n in range(5)])
    await queue.enqueue([new(f"{n}.db", source="vast-2", target="t9") for n in range(2)])
    first = await queue.claim("run-1", limit=10, per_node_limit=2)
    assert sorted(transfer.source for transfer in first) == ["vast-1", "vast-1", "vast-2", "vast-2"]
    assert await queue.claim("run-1", limit=10, per_node_limit=2) == []
    await queue.cancel([first[0].id])
    assert [t.source for t in await queue.claim("run-1", limit=10, per_node_limit=2)] == [first[0].source]


async def test_a_retry_is_left_alone_until_its_time(queue: TransferQueue, clock: ManualClock) -> None:
    (transfer,) = await claimed(queue, new())
    await queue.retry_at(transfer.id, clock.now() + 30, "connection reset")
    assert await queue.next_retry_at() == clock.now() + 30
    assert await queue.claim("run-1") == []
    clock.advance(30)
    assert [found.id for found in await queue.claim("run-1")] == [transfer.id]


async def test_what_waits_is_claimed_as_soon_as_nothing_is_in_its_way(queue: TransferQueue) -> None:
    (transfer_id,) = await queue.enqueue([new()])
    await queue.wait(transfer_id, "vast-1 is paused")
    assert await queue.waiting_reasons() == [("vast-1 is paused", 1)]
    assert [found.id for found in await queue.claim("run-1")] == [transfer_id]


async def test_blocked_transfers_stay_until_they_are_released(queue: TransferQueue) -> None:
    (transfer,) = await claimed(queue, new())
    blocked = await queue.block(transfer.id, "the target holds a larger file", hint="look at both")
    assert (blocked.state, blocked.hint, blocked.run_id) == (S.BLOCKED, "look at both", None)
    assert await queue.claim("run-1") == []
    assert await queue.enqueue([new()]) == [transfer.id]
    assert await queue.release([transfer.id]) == 1
    assert [found.id for found in await queue.claim("run-1")] == [transfer.id]


async def test_a_run_that_lost_its_lease_changes_nothing(queue: TransferQueue) -> None:
    (transfer,) = await claimed(queue, new(), run="old")
    await queue.void_leases("new")
    await queue.claim("new")
    with pytest.raises(LeaseLost):
        await queue.transition(transfer.id, S.TRANSFERRING, "late", by_run="old")


async def test_leases_are_renewed_for_what_runs(queue: TransferQueue) -> None:
    await claimed(queue, new("a.db"), new("b.db"))
    assert await queue.heartbeat("run-1") == 2
    assert await queue.heartbeat("another") == 0


async def groups(queue: TransferQueue, narrow: Narrow, limit: int = 10) -> list[tuple[str, str, str]]:
    """Claim singly; return path, source and target of each."""
    singly = Grouping(1, 1, 0)
    found = await queue.claim_groups("run-1", 60.0, limit, (), 4, singly, {}, narrow)
    return [(t.key.path, t.source, t.target) for group in found for t in group]


async def test_a_link_that_fails_carries_no_more_than_its_own_limit(queue: TransferQueue) -> None:
    await queue.enqueue([new(f"{n}.db", source="vast-1", target="mac") for n in range(4)])
    await queue.enqueue([new(f"{n}.db", source="vast-1", target="lab") for n in range(4)])
    claimed_now = await groups(queue, Narrow({("vast-1", "mac"): 2}, {("vast-1", "mac"): 1}))
    assert [target for _, _, target in claimed_now].count("mac") == 1
    assert [target for _, _, target in claimed_now].count("lab") == 3, "the node's own limit stays"


async def test_of_a_node_that_is_probed_only_the_smallest_goes_whatever_is_urgent(queue: TransferQueue) -> None:
    urgent = new("urgent.db", source="vast-1", target="mac", priority=P.CRITICAL, size=900)
    small = new("small.db", source="lab", target="vast-1", priority=P.LOW, size=5)
    other = new("other.db", source="lab", target="mac", size=700)
    await queue.enqueue([urgent, small, other])
    narrow = Narrow(probing=["vast-1"])
    assert [path for path, _, _ in await groups(queue, narrow)] == ["small.db", "other.db"]


async def test_of_a_node_that_is_probed_nothing_more_goes_while_something_runs(queue: TransferQueue) -> None:
    await queue.enqueue([new("a.db", source="vast-1", target="mac", size=5)])
    found = await queue.claim_groups(
        "run-1", 60.0, 10, (), 4, Grouping(1, 1, 0), {"vast-1": 1}, Narrow(probing=["vast-1"])
    )
    assert found == []


async def test_one_content_on_its_way_to_many_by_p2p_counts_once_at_its_source(queue: TransferQueue) -> None:
    fan = [replace(new("w.db", target=f"n{n}"), transport_preference=(Transport.P2P, Transport.HTTP)) for n in range(9)]
    await queue.enqueue([*fan, *(new(f"{n}.db", target="other") for n in range(9))])
    claimed_now = [path for path, _, _ in await groups(queue, Narrow(), limit=20)]
    assert claimed_now.count("w.db") == 9
    assert len(claimed_now) == 9 + 2, "eight fetchers are one, the ninth begins another"


async def test_one_content_by_a_transport_without_peers_counts_each_time(queue: TransferQueue) -> None:
    await queue.enqueue([new("w.db", target=f"n{n}") for n in range(9)])
    assert len(await groups(queue, Narrow(), limit=20)) == 4
