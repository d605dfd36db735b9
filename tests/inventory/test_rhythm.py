"""When a node is looked at next."""

from __future__ import annotations

import pytest

from engine.inventory.rhythm import LONGEST_PAUSE_SECONDS, SHORTEST_LOOK_PAUSE_SECONDS, Turn, next_turn
from engine.inventory.scanner import ScanOutcome

FIRST = Turn(0.0, 0.0)


def outcome(whole: bool = True, look: int | None = 7) -> ScanOutcome:
    return ScanOutcome(10, 0, (), (), 1.0, whole, look)


def test_between_two_scans_changes_are_looked_for() -> None:
    turn = next_turn(FIRST, outcome(), 0, 60.0, 100.0, 101.0)
    assert turn == Turn(111.0, 161.0)


def test_a_look_for_changes_puts_no_scan_off() -> None:
    before = Turn(111.0, 161.0)
    assert next_turn(before, outcome(whole=False), 0, 60.0, 111.0, 111.5) == Turn(121.5, 161.0)
    assert next_turn(before, outcome(whole=False), 0, 60.0, 155.0, 155.5) == Turn(161.0, 161.0)


def test_without_a_look_to_build_on_only_scans_follow() -> None:
    assert next_turn(FIRST, outcome(look=None), 0, 60.0, 100.0, 101.0) == Turn(161.0, 161.0)


def test_a_short_interval_is_kept_to() -> None:
    assert next_turn(FIRST, outcome(), 0, 1.0, 100.0, 100.05) == Turn(101.05, 101.05)


def test_what_takes_long_is_done_less_often_and_looks_more_often_than_scans() -> None:
    scanned = next_turn(FIRST, outcome(), 0, 2.0, 100.0, 120.0)
    assert scanned == Turn(120.0 + SHORTEST_LOOK_PAUSE_SECONDS, 300.0)
    assert next_turn(scanned, outcome(whole=False), 0, 2.0, 122.0, 124.0) == Turn(130.0, 300.0)
    assert next_turn(FIRST, outcome(look=None), 0, 2.0, 100.0, 120.0).scan_at == pytest.approx(200.0)


def test_a_silent_node_is_asked_less_and_less_often_but_never_given_up() -> None:
    pauses = [next_turn(FIRST, None, failures, 10.0, 100.0, 100.0).scan_at - 100.0 for failures in (1, 2, 3, 50)]
    assert pauses == [10.0, 20.0, 40.0, LONGEST_PAUSE_SECONDS]
