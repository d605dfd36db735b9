"""Small files of one way are claimed together; what is urgent, large, live or to go alone is not held by them."""

from __future__ import annotations

from engine.model import SyncPriority, Transfer
from engine.queue.queue import TransferQueue
from engine.queue.values import Grouping
from tests.queue.samples import new

MOST = Grouping(most_files=3, most_bytes=1_000, largest_bytes=500)


async def groups(queue: TransferQueue, grouping: Grouping = MOST, limit: int = 9) -> list[list[str]]:
    """Claim, and return the names of each group."""
    found: list[tuple[Transfer, ...]] = await queue.claim_groups("run-1", 60.0, limit, (), 4, grouping, {})
    return [[transfer.key.path for transfer in group] for group in found]


async def test_files_of_one_way_go_together_up_to_the_limits(queue: TransferQueue) -> None:
    await queue.enqueue([new(f"{n}.jsonl", size=100) for n in range(4)])
    await queue.enqueue([new("big.jsonl", size=501), new("elsewhere.jsonl", target="x", size=100)])
    assert await groups(queue) == [["0.jsonl", "1.jsonl", "2.jsonl"], ["3.jsonl"], ["big.jsonl"], ["elsewhere.jsonl"]]


async def test_bytes_end_a_group_too_and_single_links_may_have_limits_of_their_own(queue: TransferQueue) -> None:
    await queue.enqueue([new(f"{n}.jsonl", size=400) for n in range(5)])
    assert await groups(queue, limit=1) == [["0.jsonl", "1.jsonl"]]
    own = Grouping(3, 1_000, 500, sizes={("vast-1", "mac-studio"): (3, 10_000)})
    assert await groups(queue, own) == [["2.jsonl", "3.jsonl", "4.jsonl"]]


async def test_live_databases_unknown_sizes_and_those_sent_back_go_alone(queue: TransferQueue) -> None:
    wanted = [new("a.jsonl"), new("live.db"), new("b.jsonl"), new("unknown.jsonl", size=0), new("back.jsonl")]
    ids = await queue.enqueue(wanted)
    found = await groups(queue, Grouping(9, 9_000, 500, alone=(ids[4],)))
    assert found == [["a.jsonl", "b.jsonl"], ["live.db"], ["unknown.jsonl"], ["back.jsonl"]]


async def test_what_is_more_urgent_goes_first_and_in_a_group_of_its_own(queue: TransferQueue) -> None:
    await queue.enqueue([new("a.jsonl"), new("urgent.jsonl", priority=SyncPriority.CRITICAL), new("b.jsonl")])
    assert await groups(queue) == [["urgent.jsonl"], ["a.jsonl", "b.jsonl"]]


async def test_where_enough_batches_run_single_files_still_start(queue: TransferQueue) -> None:
    await queue.enqueue([new(f"{n}.jsonl") for n in range(4)] + [new("big.jsonl", size=600)])
    busy = Grouping(3, 1_000, 500, running={"vast-1": 2})
    assert await groups(queue, busy) == [["big.jsonl"]]
    assert await groups(queue, limit=1) == [["0.jsonl", "1.jsonl", "2.jsonl"]]


async def test_transports_that_carry_no_batches_move_file_by_file(queue: TransferQueue) -> None:
    await queue.enqueue([new(f"{n}.jsonl") for n in range(2)])
    assert await groups(queue, Grouping(3, 1_000, 500, unbatched=("rsync",))) == [["0.jsonl"], ["1.jsonl"]]
