"""Limits and single pauses from the command line: what is asked for, what is refused, what is shown."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Answer, RunningEngine

Syncdeck = Callable[..., Answer]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("20MB/s",), "node=None, limit_bytes_per_second=20000000, clear=False, seconds=None"),
        (("160Mbit/s", "--node", "a"), "node='a', limit_bytes_per_second=20000000, clear=False, seconds=None"),
        (("1GB/s", "--for", "2h"), "node=None, limit_bytes_per_second=1000000000, clear=False, seconds=7200.0"),
        (("none",), "node=None, limit_bytes_per_second=None, clear=False, seconds=None"),
        (("--clear", "--node", "a"), "node='a', limit_bytes_per_second=None, clear=True, seconds=None"),
    ],
)
def test_a_limit_is_asked_for_as_it_was_said(
    engine: RunningEngine, syncdeck: Syncdeck, words: tuple[str, ...], asked: str
) -> None:
    answer = syncdeck("bandwidth", "set", *words, "--state", engine.state)
    assert (answer.code, answer.out) == (0, "limited\n")
    assert f"BandwidthChange({asked})" in engine.end()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("20mbps",), ("20MB/s", "20Mbit/s")),
        (("20M",), ("20MB/s", "20Mbit/s")),
        (("20",), ("20MB/s",)),
        ((), ("RATE is missing",)),
        (("0MB/s",), ("larger than nothing",)),
        (("20MB/s", "--clear"), ("--clear takes neither",)),
        (("20MB/s", "--for", "soon"), ("not a duration",)),
    ],
)
def test_a_limit_that_can_be_misread_is_refused_and_changes_nothing(
    engine: RunningEngine, syncdeck: Syncdeck, words: tuple[str, ...], said: tuple[str, ...]
) -> None:
    answer = syncdeck("bandwidth", "set", *words, "--state", engine.state)
    assert answer.code == 2
    assert all(part in " ".join(answer.err.split()) for part in said)
    assert engine.end() == ""


def test_limits_are_shown_with_their_unit_their_reason_and_their_line(
    engine: RunningEngine, syncdeck: Syncdeck
) -> None:
    out = syncdeck("bandwidth", "show", "--state", engine.state).out
    assert "100MB/s" in out and "auto_sync.bandwidth_limit_mbps, line 12" in out
    assert "20MB/s" in out and "timetable 08:00-18:00, line 31" in out
    view = json.loads(syncdeck("bandwidth", "show", "--json", "--state", engine.state).out)
    assert set(view) == {"at", "limits", "flows"}
    assert set(view["limits"][0]) == {
        "node",
        "limit_bytes_per_second",
        "because",
        "line",
        "until",
        "used_bytes_per_second",
        "transfers",
        "set_now",
    }
    assert view["limits"][0]["node"] is None
    assert set(view["flows"][0]) == {
        "transfer",
        "source",
        "target",
        "cap_bytes_per_second",
        "used_bytes_per_second",
        "weight",
        "urgent",
        "because",
    }


def test_single_transfers_are_paused_and_resumed_by_their_ids(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert syncdeck("transfers", "pause", "1", "--state", engine.state).out == "paused\n"
    assert syncdeck("transfers", "resume", "1", "--state", engine.state).out == "resumed\n"
    assert engine.end() == "pause_transfers (1,)\nresume_transfers (1,)\n"


def test_single_transfers_are_cancelled_by_their_ids(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert syncdeck("transfers", "cancel", "1", "--state", engine.state).out == "cancelled\n"
    assert engine.end() == "cancel (1,)\n"


def test_single_transfers_are_tried_again_by_their_ids(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert syncdeck("transfers", "retry", "1", "--state", engine.state).out == "retried\n"
    for nothing_or_both in ((), ("1", "--blocked")):
        assert syncdeck("transfers", "retry", *nothing_or_both, "--state", engine.state).code == 2
    assert engine.end() == "retry (1,)\n"


def test_without_a_command_transfers_are_still_listed(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert len(json.loads(syncdeck("transfers", "--json", "--live", "--state", engine.state).out)) == 3


@pytest.mark.parametrize(
    "words",
    [
        ("bandwidth", "set", "1MB/s"),
        ("transfers", "pause", "1"),
        ("transfers", "retry", "1"),
        ("archive", "cancel", "1"),
    ],
)
def test_read_only_takes_these_away_too(engine: RunningEngine, syncdeck: Syncdeck, words: tuple[str, ...]) -> None:
    assert syncdeck("--read-only", *words, "--state", engine.state).code == 2
    assert engine.end() == ""
