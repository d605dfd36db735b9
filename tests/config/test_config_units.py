from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.units import Bounds, parse_bounds, parse_duration, parse_rate, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("6h", 21_600), ("1h 30m", 5_400), ("2d", 172_800), ("500ms", 0.5)]
)
def test_durations_are_read_in_seconds(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("10 GiB", 10 * 1024**3), ("500MB", 500_000_000), ("1.5kB", 1_500), ("7B", 7)]
)
def test_sizes_are_read_in_bytes_decimal_and_binary(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(("text", "rate"), [("20MB/s", 20_000_000), ("100 Mbit/s", 12_500_000), ("1 GiB/s", 1024**3)])
def test_rates_are_read_in_bytes_per_second(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["20Mb/s", "20mb/s", "20", "20MB", "MB/s", "", "-3MB/s"])
def test_a_rate_that_could_be_read_two_ways_is_refused(text):
    with pytest.raises(ValueError, match="20MB/s"):
        parse_rate(text)


@pytest.mark.parametrize("digits", ["1001" + "0" * 15, "9" * 400])
def test_what_is_more_than_there_can_be_is_refused(digits: str) -> None:
    with pytest.raises(ValueError, match="1000PB"):
        parse_size(f"{digits}B")
    for unit in ("B/s", "GB/s", "Gbit/s"):
        with pytest.raises(ValueError, match="1000PB"):
            parse_rate(digits + unit)


@pytest.mark.parametrize("text", ["", "6", "h", "6 fortnights", "6h x"])
def test_a_duration_without_a_known_unit_is_refused(text):
    with pytest.raises(ValueError, match="6h"):
        parse_duration(text)


def test_bounds_may_be_open_on_either_side():
    assert parse_bounds(">100MB") == Bounds("100MB", None)
    assert parse_bounds("<= 6h") == Bounds(None, "6h")
    assert parse_bounds("1GB .. 2GB") == Bounds("1GB", "2GB")


@given(st.integers(0, 10**6), st.sampled_from(["B", "kB", "MB", "GB", "KiB", "MiB"]))
def test_a_size_grows_with_its_number(number, unit):
    assert parse_size(f"{number + 1}{unit}") > parse_size(f"{number}{unit}") >= 0
