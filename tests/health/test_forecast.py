"""The forecast of when a disk is full."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.health.forecast import full_in_seconds
from engine.model import StorageSample

TOTAL = 10**12


def _samples(percents: list[float], step: float = 600.0) -> list[StorageSample]:
    return [StorageSample("n", i * step, TOTAL, int(TOTAL * p / 100)) for i, p in enumerate(percents)]


def test_steady_growth_is_carried_on() -> None:
    left = full_in_seconds(_samples([10, 11, 12, 13, 14, 15]), 70)
    assert left == pytest.approx(55 * 600, rel=1e-6)


def test_one_clean_up_does_not_bend_the_forecast() -> None:
    percents = [10 + i for i in range(20)]
    percents[7] = 2
    left = full_in_seconds(_samples(percents), 70)
    assert left == pytest.approx((70 - 29) * 600, rel=0.02)


@pytest.mark.parametrize("percents", [[], [5], [10, 20], [30, 29, 28, 27, 26], [40] * 9])
def test_without_growth_or_enough_to_go_by_there_is_no_forecast(percents: list[float]) -> None:
    assert full_in_seconds(_samples(percents), 70) is None


def test_a_disk_over_the_limit_is_full_now() -> None:
    assert full_in_seconds(_samples([71]), 70) == 0.0


def test_growth_too_slow_to_matter_within_a_year_is_no_forecast() -> None:
    assert full_in_seconds(_samples([10 + i * 1e-4 for i in range(6)]), 70) is None


@given(st.lists(st.floats(0, 69), max_size=200))
def test_a_forecast_is_never_negative_and_never_fails(percents: list[float]) -> None:
    left = full_in_seconds(_samples(percents), 70)
    assert left is None or left >= 0
