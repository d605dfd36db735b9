"""The parts of execution that decide without doing: verdicts, space, caps, rates, leftovers."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.types import Thresholds
from engine.clock import ManualClock
from engine.errors import ErrorClass, TransferError
from engine.execution.checked import CheckedContents
from engine.execution.progress import ProgressBoard
from engine.execution.space import SpaceLedger
from engine.execution.sweeping import left_over
from engine.execution.verdicts import Ending, Refused, Superseded, judge
from engine.integrity.temporary import TemporaryNames
from engine.model import LocationState
from engine.remote.types import RootStatus
from engine.shielded import finish_anyway
from engine.transport.errors import bad_source
from engine.transport.retries import backoff

CHANCE = random.Random(3)
GB = 10**9


def fault(error_class: ErrorClass) -> TransferError:
    return TransferError("copy", "/s", "it broke", "wait", error_class)


@pytest.mark.parametrize("error_class", [ErrorClass.TRANSIENT_NETWORK, ErrorClass.THROTTLED, ErrorClass.SOURCE_CHANGED])
def test_what_time_mends_is_retried_and_then_fails(error_class: ErrorClass) -> None:
    endings = [judge(fault(error_class), attempt, 3, CHANCE).ending for attempt in (1, 2, 3, 4)]
    assert endings == [Ending.RETRY, Ending.RETRY, Ending.RETRY, Ending.FAIL]


@pytest.mark.parametrize(
    "error_class",
    [ErrorClass.AUTH, ErrorClass.HOST_KEY, ErrorClass.CONFIG, ErrorClass.UNSUPPORTED, ErrorClass.NO_SPACE],
)
def test_what_only_an_operator_mends_is_blocked_at_once(error_class: ErrorClass) -> None:
    assert judge(fault(error_class), 1, 3, CHANCE).ending is Ending.BLOCK


def test_a_mismatch_is_tried_once_more_and_then_blocked() -> None:
    mismatch = fault(ErrorClass.CHECKSUM_MISMATCH)
    assert [judge(mismatch, n, 9, CHANCE).ending for n in (1, 2)] == [Ending.RETRY, Ending.BLOCK]


def test_refusals_block_bad_sources_block_and_what_is_superseded_is_dropped() -> None:
    assert judge(Refused("p", "f", "smaller", "look", ErrorClass.CONFIG), 1, 3, CHANCE).ending is Ending.BLOCK
    assert judge(bad_source("/s", "torn"), 1, 3, CHANCE).ending is Ending.BLOCK
    assert judge(Superseded("p", "f", "gone", "look"), 1, 3, CHANCE).ending is Ending.DROP
    assert Superseded("p", "f", "gone", "look").error_class is not ErrorClass.BUG, "it is shown, and nobody's fault"


@given(st.integers(1, 10_000), st.integers())
def test_a_delay_lies_anywhere_below_a_limit_that_grows_to_five_minutes(attempts: int, seed: int) -> None:
    limit = min(300.0, 2.0 * 2.0 ** (min(attempts, 20) - 1))
    assert 0.0 <= backoff(ErrorClass.TRANSIENT_NETWORK, attempts, random.Random(seed)) <= limit


def disk(total: int, used: int) -> RootStatus:
    return RootStatus("n", "/r", "/r", LocationState.AVAILABLE, total, used, total - used)


def test_what_is_on_its_way_counts_as_used_until_it_is_written() -> None:
    ledger = SpaceLedger()
    ledger.reserve_target(1, "n", disk(100 * GB, 50 * GB), 15 * GB, Thresholds(), may_fill=False)
    with pytest.raises(TransferError) as caught:
        ledger.reserve_target(2, "n", disk(100 * GB, 50 * GB), 6 * GB, Thresholds(), may_fill=False)
    assert caught.value.error_class is ErrorClass.NO_SPACE
    assert "max_disk_usage_percent" in str(caught.value)
    ledger.written(1, 15 * GB)
    ledger.reserve_target(2, "n", disk(100 * GB, 50 * GB), 6 * GB, Thresholds(), may_fill=False)
    ledger.release(1)
    ledger.release(2)
    assert ledger.outstanding("n", "n") == 0


def test_an_emergency_fills_past_max_but_never_below_the_floor() -> None:
    ledger = SpaceLedger()
    nearly_full = disk(100 * GB, 80 * GB)
    ledger.reserve_target(1, "n", nearly_full, 5 * GB, Thresholds(), may_fill=True)
    with pytest.raises(TransferError):
        ledger.reserve_target(2, "n", nearly_full, 1 * GB, Thresholds(), may_fill=True)


def test_a_full_source_says_that_the_snapshot_has_no_room() -> None:
    with pytest.raises(TransferError) as caught:
        SpaceLedger().reserve_snapshot(1, "n", disk(10 * GB, 9 * GB), 2 * GB)
    assert "no space on source" in str(caught.value)
    assert caught.value.error_class is ErrorClass.NO_SPACE


def test_a_disk_that_tells_nothing_is_not_taken_for_an_empty_one() -> None:
    unknown = RootStatus("n", "/r", "/r", LocationState.AVAILABLE, None, None, None)
    with pytest.raises(TransferError):
        SpaceLedger().reserve_target(1, "n", unknown, 1, Thresholds(), may_fill=False)


def test_a_rate_covers_the_last_ten_seconds_and_falls_when_nothing_moves() -> None:
    clock = ManualClock()
    board = ProgressBoard(clock)
    for second in range(31):
        board.update(1, second * 1_000_000, second * 1_000_000)
        clock.advance(1.0)
    live = board.of(1)
    assert live is not None and 0.8e6 < live.bytes_per_second < 1.2e6
    clock.advance(60.0)
    stalled = board.of(1)
    assert stalled is not None and stalled.bytes_per_second < 0.2e6
    board.forget(1)
    assert board.of(1) is None
    assert board.total_rate() == 0.0


def test_checked_contents_are_remembered_within_bounds() -> None:
    checked = CheckedContents(remembered=2)
    for content in ("a", "b"):
        checked.add(content)
    assert "a" in checked
    checked.add("c")
    assert ["a" in checked, "b" in checked, "c" in checked] == [True, False, True]


def test_leftovers_are_ours_and_unused() -> None:
    now, before, others = (
        TemporaryNames(e, r) for e, r in (("a" * 8, "2" * 8), ("a" * 8, "1" * 8), ("b" * 8, "1" * 8))
    )
    used, unused = now.part("/d/x", 5, "c" * 64), now.part("/d/y", 6, "c" * 64)
    hashing = now.snapshot("/d/z", 0, "c" * 64)
    old, foreign = before.snapshot("/d/x", 5, "c" * 64), others.part("/d/x", 5, "c" * 64)
    holes, orphan = f"{used}.have", f"{unused}.have~"
    met = [used, holes, unused, orphan, hashing, old, foreign, "/d/.games.db.swp", "/d/x"]
    assert left_over(met, now, {used}) == [unused, orphan, old]


async def test_work_that_must_not_be_cut_in_half_ends_before_its_cancellation_is_seen() -> None:
    ended = asyncio.Event()
    may_end = asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        ended.set()

    task = asyncio.create_task(finish_anyway(work()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    await asyncio.wait([task])
    assert task.cancelled() and ended.is_set()
