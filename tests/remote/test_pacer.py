"""Connections to one node start spaced, so that its sshd drops none."""

from __future__ import annotations

import pytest

from engine.clock import ManualClock
from engine.remote.pacer import BURST, PER_SECOND, Pacer


def test_of_twenty_five_starts_at_once_a_burst_goes_and_the_others_follow_one_by_one() -> None:
    pacer = Pacer(ManualClock())
    waits = [pacer.take("vast-1") for _ in range(25)]
    assert waits[:BURST] == [0.0] * BURST
    gaps = [after - before for before, after in zip(waits[BURST - 1 :], waits[BURST:], strict=False)]
    assert all(abs(gap - 1 / PER_SECOND) < 1e-9 for gap in gaps)
    assert pacer.take("vast-2") == 0.0, "another node is another endpoint"


def test_no_window_of_a_second_holds_more_than_burst_and_pace_together() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    starts = []
    for _ in range(200):
        starts.append(clock.monotonic() + pacer.take("vast-1"))
        clock.advance(0.03)
    most = max(sum(start <= other < start + 1 for other in starts) for start in starts)
    assert most <= BURST + PER_SECOND


async def test_a_turn_sleeps_until_it_comes() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    pacer = Pacer(ManualClock(), sleep)
    for _ in range(BURST + 1):
        await pacer.turn("vast-1")
    assert slept == [pytest.approx(1 / PER_SECOND)]
