"""What is at risk, and drains, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.cli.conftest import Answer, RunningEngine

Syncdeck = Callable[..., Answer]


def test_at_risk_names_the_worst_first_and_how_many_hold_nothing_alone(
    engine: RunningEngine, syncdeck: Syncdeck
) -> None:
    answer = syncdeck("nodes", "at-risk", "--state", engine.state)
    assert answer.code == 0
    head, worst, rest = answer.out.splitlines()
    assert head.split()[:4] == ["NODE", "FILES", "GAMES", "SIZE"]
    assert worst.split()[:3] == ["b", "2", "-"]
    assert rest == "1 node holds nothing that is only there"
    rows = json.loads(syncdeck("nodes", "at-risk", "--json", "--state", engine.state).out)
    assert [(row["node"], row["entries"], row["bytes"]) for row in rows] == [("b", 2, 100), ("a", 0, 0)]


def test_the_files_at_risk_are_listed_one_by_one(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    rows = json.loads(syncdeck("nodes", "at-risk", "b", "--entries", "--json", "--state", engine.state).out)
    assert [row["key"] for row in rows] == ["npz:0.npz", "npz:1.npz"]
    assert "the only copy" in syncdeck("nodes", "at-risk", "--entries", "--state", engine.state).out


def test_a_drain_is_asked_for_and_taken_back(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert syncdeck("nodes", "drain", "b", "--dry-run", "--state", engine.state).out.startswith("1 file, 10 B")
    assert syncdeck("nodes", "drain", "b", "--state", engine.state).out == "draining\n"
    assert syncdeck("nodes", "drain", "--cancel", "b", "--state", engine.state).out == "takes copies again\n"
    assert engine.end() == "drain b\ndrain_cancel b\n"


def test_waiting_for_a_drain_that_is_stuck_says_why_and_is_a_bad_answer(
    engine: RunningEngine, syncdeck: Syncdeck
) -> None:
    answer = syncdeck("nodes", "drain", "b", "--wait", "--state", engine.state)
    assert (answer.code, answer.out) == (1, "not safe\nnpz:1.npz: full\n")
    view = json.loads(syncdeck("nodes", "drain", "b", "--wait", "--json", "--state", engine.state).out)
    assert (view["state"], view["unsaved"]) == ("stuck", [["npz:1.npz", "full"]])


def test_a_read_only_command_line_drains_nothing(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert syncdeck("--read-only", "nodes", "drain", "b", "--state", engine.state).code == 2
    assert engine.end() == ""


def test_nodes_are_paused_and_resumed_where_they_are_listed(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert syncdeck("nodes", "pause", "b", "--state", engine.state).code == 0
    assert syncdeck("nodes", "resume", "b", "--state", engine.state).code == 0
    assert engine.end() == "pause ('b',)\nresume ('b',)\n"
