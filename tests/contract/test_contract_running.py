"""A running engine: new data moves by itself, commands reach it, its configuration follows the file, all as JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.samples import change_config, make_games, until
from tests.e2e.cluster import Cluster, cluster, make_npz
from tests.games.databases import add_games, ids

SHAPES = {
    "transfers": "id key source target transport state reason bytes_total bytes_done bytes_on_wire attempts"
    " error_class priority deadline",
    "catalog ls": "key data_type config_key origin size_bytes sha256 mtime copies replicas",
}
STATUS = {
    "engine": "state mode pid version node_id config since",
    "nodes": "node state reason last_seen_at last_sync_at lag_seconds durable ephemeral",
    "storage": "node root total_bytes used_bytes used_percent state full_in_seconds",
    "freshness": "config_key data_type newest_age_seconds copies wanted off_site at_risk_bytes trainers",
    "findings": "id severity subject message remedy key",
}
TRANSPORT = "node transport breaker attempts failures first_attempt_rate bytes_per_second last_errors"
LINK = "source target limit most reason bytes_per_second success_rate decisions"
OFTEN = {"manifest_refresh_interval": "1s"}
"""How often nodes are looked at; a minute by default, which every new file would wait."""
ATTEMPT = "number transport source target success bytes_done bytes_on_wire bytes_resent duration_seconds failures"


def _quickly(program: Path) -> dict[str, Any]:
    return {"command": [str(program)], "min_interval": "1s"}


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, nodes=3) as made:
        note = tmp_path / "note"
        note.write_text(f'#!/bin/sh\ncat >> "{tmp_path}/noted"\necho >> "{tmp_path}/noted"\n')
        note.chmod(0o755)
        change_config(made, lambda document: document["data_plane"].update(on_finding=_quickly(note), **OFTEN))
        yield made


@pytest.fixture
def engine(group: Cluster) -> Iterator[subprocess.Popen[str]]:
    running = group.start("--no-ui")
    try:
        until(lambda: _engine(group)["mode"] == "headless")
        yield running
    finally:
        running.terminate()
        _, errors = running.communicate()
        assert running.returncode == 0 and "Traceback" not in errors, errors


def _engine(group: Cluster) -> dict[str, Any]:
    answer = group.run("status", "--json")
    assert answer.returncode in (0, 1, 3), answer.stderr
    return dict(json.loads(answer.stdout)["engine"]) if answer.stdout else {"mode": None}


def _findings(group: Cluster) -> str:
    return " ".join(f"{item['id']} {item['message']}" for item in group.json("status")["findings"])


def _node(group: Cluster, name: str) -> dict[str, Any]:
    return next(node for node in group.json("status")["nodes"] if node["node"] == name)


def test_games_in_no_canonical_database_are_counted(group: Cluster, engine: subprocess.Popen[str]) -> None:
    add_games(group.fleet[0].games / "raw_20251214.db", ids(0, 3))
    until(lambda: group.json("status")["orphan_games"] == 3)
    assert "3 complete games in no canonical database" in group.run("status").stdout
    add_games(group.fleet[1].games / "canonical_hex8_2p.db", ids(0, 3))
    until(lambda: group.json("status")["orphan_games"] == 0)


def test_new_data_moves_by_itself_and_commands_steer_it(group: Cluster, engine: subprocess.Popen[str]) -> None:
    trainer = group.fleet[2].training
    make_games(group.fleet[0].games / "selfplay_hex8_2p.db")
    make_npz(group.fleet[0].training / "hex8_2p.npz", 5_000)
    until(lambda: (trainer / "hex8_2p.npz").exists())

    assert group.run("pause").returncode == 0 and _engine(group)["state"] == "paused"
    make_npz(group.fleet[0].training / "square8_2p.npz", 5_000)
    until(lambda: [e for e in group.json("catalog", "ls", "--type", "npz") if e["config_key"] == "square8_2p"])
    assert not (trainer / "square8_2p.npz").exists()
    assert group.run("resume").returncode == 0
    until(lambda: (trainer / "square8_2p.npz").exists())

    model = group.fleet[2].models / "canonical_hex8_2p.pth"
    model.write_bytes(b"A" * 1000)
    until(lambda: group.json("catalog", "ls", "--type", "models"))
    asked = ("sync", "--type", "models", "--config-key", "hex8_2p", "--to", "node-1", "--priority", "critical")
    assert group.run(*asked).returncode == 0
    until(lambda: (group.fleet[1].models / model.name).exists())
    assert group.run("emergency").returncode == 0
    for words in (("sync", "--to", "nobody"), ("pause", "nobody"), ("emergency", "nobody")):
        assert group.run(*words).returncode == 2
    assert group.run("--no-ui", "--once").returncode == 3

    status = group.json("status")
    assert status["engine"]["pid"] == engine.pid and status["queue"]["done"] and "at_risk_bytes" in status
    for part, keys in STATUS.items():
        items = [status[part]] if part == "engine" else status[part]
        assert all(set(keys.split()) <= set(item) for item in items), part
    for command, keys in SHAPES.items():
        items = group.json(*command.split())
        assert items and all(set(keys.split()) <= set(item) for item in items), command
    _transports_are_told(group)


def _transports_are_told(group: Cluster) -> None:
    told = group.json("transports", "status")
    assert told["first_attempt_rate"] is not None and told["since"] < told["at"]
    assert all(set(TRANSPORT.split()) <= set(item) for item in told["transports"])
    assert all({"state", "until", "reason"} <= set(item["breaker"]) for item in told["transports"])
    assert any(item["attempts"] and item["bytes_per_second"] for item in told["transports"])
    assert told["links"] and all(set(LINK.split()) <= set(link) for link in told["links"])
    done = next(item for item in group.json("transfers") if item["state"] == "done" and item["attempts"])
    shown = group.json("transfers", "show", str(done["id"]))
    assert shown["attempts_made"] and all(set(ATTEMPT.split()) <= set(made) for made in shown["attempts_made"])
    assert group.run("transfers", "show", "999999").returncode == 2
    assert group.run("transports", "reset", "nobody").returncode == 2
    assert group.run("transports", "reset").returncode == 0


def test_the_file_is_followed_and_a_bad_one_is_refused_loudly(group: Cluster, engine: subprocess.Popen[str]) -> None:
    good = group.config.read_text(encoding="utf-8")
    until(lambda: _node(group, "node-2")["state"] == "up")
    group.config.write_text(good.replace("node_id: hub", "node_id: [hub"), encoding="utf-8")
    until(lambda: "refused" in _findings(group))
    assert _node(group, "node-2")["state"] == "up", "the old configuration stays in force"
    group.config.write_text(good, encoding="utf-8")
    until(lambda: "refused" not in _findings(group))
    change_config(group, lambda document: document["hosts"]["node-2"].update(status="retired"))
    until(lambda: _node(group, "node-2")["state"] == "unused")
    noted = group.folder / "noted"
    until(lambda: noted.exists() and "config:refused" in noted.read_text())


def test_without_an_engine_every_reading_command_answers_in_the_same_shape(group: Cluster) -> None:
    status = group.json("status")
    assert status["engine"]["state"] == "offline" and status["queue"] == {} and status["findings"] == []
    assert all(set(STATUS["nodes"].split()) <= set(node) for node in status["nodes"])
    assert all(set(STATUS["storage"].split()) <= set(item) for item in status["storage"])
    assert group.json("transfers") == [] and group.json("catalog", "ls") == []
    assert {"plan": [], "refused": []}.items() <= group.json("plan").items()
    assert group.run("pause", "node-0").returncode == 0 and _node(group, "node-0")["state"] == "unknown"
    assert group.run("resume", "node-0").returncode == 0
