"""How long is waited before another try, and how many retries a node may cause."""

from __future__ import annotations

import random

import pytest

from engine.clock import ManualClock
from engine.errors import ErrorClass
from engine.execution.verdicts import Ending, judge
from engine.transport.attempts import AllOpen
from engine.transport.errors import Throttled
from engine.transport.retries import BUDGET_BURST, BUDGET_FLOOR_PER_SECOND, RetryBudget, backoff


def test_jitter_is_full_and_the_limit_doubles_by_class() -> None:
    chance = random.Random(1)
    for error_class, first in ((ErrorClass.TRANSIENT_NETWORK, 2.0), (ErrorClass.THROTTLED, 10.0)):
        for attempts in (1, 2, 4):
            waits = [backoff(error_class, attempts, chance) for _ in range(500)]
            longest = first * 2 ** (attempts - 1)
            assert min(waits) < 0.05 * longest and 0.95 * longest < max(waits) <= longest


def test_what_the_other_end_asked_for_is_added_to_the_backoff() -> None:
    asked = Throttled("GET", "/x", "503", 30.0)
    verdict = judge(asked, 1, 3, random.Random(1))
    assert verdict.ending is Ending.RETRY and 30.0 <= verdict.delay_seconds <= 40.0


def test_a_way_that_is_left_alone_costs_no_attempt_however_often() -> None:
    verdict = judge(AllOpen("/s", ["http to b: breaker open for 9 s"], 9.0), 99, 3, random.Random(1))
    assert (verdict.ending, verdict.counted) == (Ending.RETRY, False)
    assert verdict.delay_seconds >= 9.0


def test_a_few_retries_go_at_once_and_a_storm_is_spread_at_the_floor_s_pace() -> None:
    budget = RetryBudget(ManualClock())
    waits = [budget.take(["vast-1"]) for _ in range(100)]
    assert waits[: int(BUDGET_BURST)] == [0.0] * int(BUDGET_BURST)
    assert waits[-1] == pytest.approx((100 - BUDGET_BURST) / BUDGET_FLOOR_PER_SECOND)
    assert budget.take(["vast-2"]) == 0.0, "each node has its own"


def test_first_tries_earn_a_tenth_and_time_earns_the_floor() -> None:
    clock = ManualClock()
    budget = RetryBudget(clock)
    for _ in range(20):
        budget.take(["vast-1"])
    for _ in range(100):
        budget.first_try(["vast-1"])
    assert budget.left("vast-1") == pytest.approx(0.0)
    clock.advance(10.0)
    assert budget.left("vast-1") == pytest.approx(10.0 * BUDGET_FLOOR_PER_SECOND)
    clock.advance(1e6)
    assert budget.left("vast-1") == BUDGET_BURST
