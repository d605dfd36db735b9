"""Limits by weekday and hour: what a row says, over midnight and over the change of clocks."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from config.errors import ConfigError
from config.load import load_text
from config.timetable import TimetableRow, next_turn, parse_days, parse_hours, row_at
from config.units import parse_rate, rate_text

BERLIN = ZoneInfo("Europe/Berlin")
FILE = """hosts:
  vast-1: {ssh_host: 192.0.2.1, role: gpu_selfplay, status: ready, ringrift_path: /r}
data_plane:
  bandwidth_limit: 100MB/s
  bandwidth:
    per_transfer: 40MB/s
    timetable:
"""


def berlin(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, BERLIN)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def row(days: str, hours: str, limit: int | None = 20_000_000) -> TimetableRow:
    start, end = parse_hours(hours)
    return TimetableRow(parse_days(days), start, end, limit)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("sat,sun", {5, 6}),
        ("fri-mon", {4, 5, 6, 0}),
        ("daily", set(range(7))),
        ("Wed", {2}),
    ],
)
def test_days_are_read_as_people_write_them(text: str, days: set[int]) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "mo-fr", "mon-", "1-5", "mon..fri"])
def test_other_days_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="mon-fri"):
        parse_days(text)


@pytest.mark.parametrize("text", ["8-18", "08:00", "24:00-25:00", "08:60-09:00", "08:00-08:00"])
def test_other_hours_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"08:00-18:00|00:00-24:00"):
        parse_hours(text)


def test_a_row_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    friday_night = row("fri", "22:00-06:00")
    held = [friday_night.holds(berlin(at(text))) for text in ("2026-07-03 23:00", "2026-07-04 05:59")]
    not_held = [
        friday_night.holds(berlin(at(text))) for text in ("2026-07-03 05:00", "2026-07-04 06:00", "2026-07-04 23:00")
    ]
    assert (held, not_held) == ([True, True], [False, False, False])


def test_the_first_row_that_holds_decides() -> None:
    rows = [row("mon-fri", "12:00-13:00", None), row("mon-fri", "08:00-18:00")]
    assert row_at(rows, berlin(at("2026-07-01 12:30"))) is rows[0]
    assert row_at(rows, berlin(at("2026-07-01 13:30"))) is rows[1]
    assert row_at(rows, berlin(at("2026-07-04 13:30"))) is None


@pytest.mark.parametrize(
    ("now", "turn"),
    [
        ("2026-07-01 07:00", "2026-07-01 08:00"),
        ("2026-07-01 12:00", "2026-07-01 18:00"),
        ("2026-07-03 19:00", "2026-07-06 08:00"),
        # The weekend of the change to summer time, and of the one back.
        ("2026-03-27 19:00", "2026-03-30 08:00"),
        ("2026-10-23 19:00", "2026-10-26 08:00"),
    ],
)
def test_the_next_turn_is_by_the_clock_on_the_wall(now: str, turn: str) -> None:
    assert next_turn([row("mon-fri", "08:00-18:00")], at(now), berlin) == at(turn)


def test_a_row_that_always_holds_never_turns() -> None:
    assert next_turn([row("daily", "00:00-24:00")], at("2026-07-01 07:00"), berlin) is None


def test_the_timetable_of_a_file_keeps_its_lines() -> None:
    text = (
        FILE + "      - {days: [mon, tue], hours: 08:00-18:00, limit: 20MB/s}\n      - {limit: none, node: 'vast-*'}\n"
    )
    settings = load_text(text, "hosts.yaml").policy.engine.bandwidth
    assert [(r.hours, r.limit_bytes_per_second, r.node, r.line) for r in settings.timetable] == [
        ("08:00-18:00", 20_000_000, None, 8),
        ("00:00-24:00", None, "vast-*", 9),
    ]
    assert settings.fleet_source is not None and settings.fleet_source.line == 4
    assert settings.per_transfer_bytes_per_second == 40_000_000


@pytest.mark.parametrize(
    "broken", ["{hours: 8-18, limit: 1MB/s}", "{limit: 20M}", "{limit: 20}", "{days: 5, limit: none}"]
)
def test_a_row_that_can_be_misread_is_refused(broken: str) -> None:
    with pytest.raises(ConfigError):
        load_text(FILE + f"      - {broken}\n", "hosts.yaml")


@pytest.mark.parametrize("text", ["20mbps", "20M", "20 Mbps", "20mb/s", "1.5 G"])
def test_a_rate_with_two_readings_is_refused_with_both(text: str) -> None:
    with pytest.raises(ValueError, match=r"two ways; write .*B/s .* or .*bit/s"):
        parse_rate(text)


@pytest.mark.parametrize("rate", [1, 999, 20_000_000, 1_500_000_000])
def test_a_rate_is_shown_as_it_is_written(rate: int) -> None:
    assert parse_rate(rate_text(rate)) == rate
