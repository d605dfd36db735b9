"""Commands that read a running engine: their JSON, their exit codes, their tables."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Answer, RunningEngine

Syncdeck = Callable[..., Answer]
StartEngine = Callable[[str], RunningEngine]


def keys_of(item: dict[str, object]) -> set[str]:
    return set(item)


def test_status_as_json_has_everything_that_scripts_rely_on(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    answer = syncdeck("status", "--state", engine.state, "--json")
    status = json.loads(answer.out)
    assert {"engine", "nodes", "storage", "freshness", "queue", "findings", "at_risk_bytes"} <= keys_of(status)
    assert {"state", "mode", "pid", "version", "node_id", "config", "since"} <= keys_of(status["engine"])
    node = {"node", "state", "reason", "last_seen_at", "last_sync_at", "lag_seconds", "durable", "ephemeral"}
    assert node <= keys_of(status["nodes"][0])
    storage = {"node", "root", "total_bytes", "used_bytes", "used_percent", "state", "full_in_seconds"}
    assert storage <= keys_of(status["storage"][0])
    fresh = {"config_key", "data_type", "newest_age_seconds", "copies", "wanted", "off_site", "at_risk_bytes"}
    assert fresh | {"trainers"} <= keys_of(status["freshness"][0])
    assert {"node", "held_age_seconds", "current"} <= keys_of(status["freshness"][0]["trainers"][0])
    assert {"id", "severity", "subject", "message", "remedy", "key"} <= keys_of(status["findings"][0])
    assert [(found["action"], found["key"]) for found in status["findings"]] == [("emergency", "e")]
    assert status["queue"] == {"queued": 2, "done": 5}
    assert [row["off_site"] for row in status["freshness"]] == [False, True, "not configured"]


def test_status_exits_1_for_a_warning_or_worse_and_0_for_notes(start_engine: StartEngine, syncdeck: Syncdeck) -> None:
    assert syncdeck("status", "--state", start_engine("busy").state).code == 1
    calm = syncdeck("status", "--state", start_engine("calm").state)
    assert calm.code == 0 and "gpu is none" in calm.out


def test_status_in_words_names_what_needs_somebody_and_the_remedy(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    out = syncdeck("--state", engine.state, "status").out
    assert "critical  disk of a: 93 % used" in out and "free some space" in out
    assert "refused on 22" in out and "2 transfers waiting: node b is paused" in out


def test_transfers_as_json_is_a_list_of_all_transfers(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    transfers = json.loads(syncdeck("transfers", "--state", engine.state, "--json").out)
    assert [item["id"] for item in transfers] == [1, 2, 3, 4, 5]
    contract = {
        "id",
        "key",
        "source",
        "target",
        "transport",
        "state",
        "reason",
        "bytes_total",
        "bytes_done",
        "bytes_on_wire",
        "attempts",
        "error_class",
        "priority",
        "deadline",
    }
    assert contract <= keys_of(transfers[0])
    live = json.loads(syncdeck("transfers", "--live", "--state", engine.state, "--json").out)
    assert [item["id"] for item in live] == [1, 2, 3]


def test_plan_as_json_has_plans_and_refusals(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    plan = json.loads(syncdeck("plan", "--state", engine.state, "--json").out)
    contract = {
        "source",
        "targets",
        "entries",
        "priority",
        "reason",
        "rule",
        "line",
        "transport_preference",
        "deadline",
        "bytes",
    }
    assert contract <= keys_of(plan["plan"][0])
    assert {"key", "node", "reason", "rule", "line"} <= keys_of(plan["refused"][0])


def test_catalog_ls_as_json_lists_every_entry_with_its_copies(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    entries = json.loads(syncdeck("catalog", "ls", "--state", engine.state, "--json").out)
    assert len(entries) == 1_203 and len({entry["key"] for entry in entries}) == 1_203
    contract = {"key", "data_type", "config_key", "origin", "size_bytes", "sha256", "mtime", "copies", "replicas"}
    assert contract <= keys_of(entries[0])
    assert entries[0]["replicas"][0]["path"] == "/drive/00000.npz"
    assert {"node", "path", "state", "sha256", "verified_at"} <= keys_of(entries[0]["replicas"][0])


def test_catalog_ls_stops_at_the_limit(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    assert len(json.loads(syncdeck("catalog", "ls", "--limit", 7, "--state", engine.state, "--json").out)) == 7
    assert len(syncdeck("catalog", "ls", "--limit", 7, "--state", engine.state).out.splitlines()) == 8


def test_an_empty_answer_is_an_empty_list(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    answer = syncdeck("catalog", "ls", "no such text", "--state", engine.state, "--json")
    assert (answer.code, json.loads(answer.out)) == (0, [])


def test_catalog_where_says_where_and_why(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    found = json.loads(syncdeck("catalog", "where", "npz:00001.npz", "--state", engine.state, "--json").out)
    assert [entry["key"] for entry in found] == ["npz:00001.npz"]
    assert found[0]["placements"][0]["because"] == "rule npz wants it"
    out = syncdeck("catalog", "where", "0001.npz", "--state", engine.state).out
    assert "/drive/00001.npz" in out and "npz (line 12)" in out and "node b is down" in out


def test_catalog_where_exits_1_for_a_key_that_nothing_has(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    answer = syncdeck("catalog", "where", "npz:none", "--state", engine.state, "--json")
    assert (answer.code, json.loads(answer.out)) == (1, [])
    assert "npz:none" in answer.err


def test_nodes_ls_shows_state_reason_and_remedy(engine: RunningEngine, syncdeck: Syncdeck) -> None:
    nodes = json.loads(syncdeck("nodes", "ls", "--state", engine.state, "--json").out)
    assert [(node["node"], node["state"]) for node in nodes] == [("a", "up"), ("b", "refused")]
    assert "start sshd" in syncdeck("nodes", "ls", "b", "--state", engine.state).out
    assert syncdeck("nodes", "ls", "nobody", "--state", engine.state).code == 1


@pytest.mark.parametrize("words", [("status",), ("transfers",), ("plan",), ("catalog", "ls"), ("nodes", "ls")])
def test_data_goes_to_stdout_and_nothing_else_does(
    engine: RunningEngine, syncdeck: Syncdeck, words: tuple[str, ...]
) -> None:
    answer = syncdeck(*words, "--state", engine.state, "--json")
    assert answer.err == ""
    json.loads(answer.out)
