"""``nodes test`` against real OpenSSH servers: each way of failing has its own state and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Answer
from tests.fleet import Fleet, openssh_fleet

Syncdeck = Callable[..., Answer]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("nodes"), count=4) as running:
        yield running


def test_nodes_that_work_say_what_they_have(fleet: Fleet, tmp_path: Path, syncdeck: Syncdeck) -> None:
    hosts = fleet.write_hosts(tmp_path / "hosts.yaml")
    answer = syncdeck("--config", hosts, "--state", tmp_path / "state", "nodes", "test", "node-0", "node-1", "--json")
    reports = json.loads(answer.out)
    assert answer.code == 0
    assert [(report["node"], report["state"], report["usable"]) for report in reports] == [
        ("node-0", "up", True),
        ("node-1", "up", True),
    ]
    assert all(report["latency_seconds"] > 0 and report["python"] for report in reports)


def test_a_node_that_is_down_is_named_and_the_exit_code_says_so(
    fleet: Fleet, tmp_path: Path, syncdeck: Syncdeck
) -> None:
    hosts = fleet.write_hosts(tmp_path / "hosts.yaml")
    fleet["node-2"].kill()
    try:
        answer = syncdeck("--config", hosts, "--state", tmp_path / "state", "nodes", "test")
    finally:
        fleet["node-2"].start()
    assert answer.code == 1
    assert re.search(r"^node-2 +refused", answer.out, re.MULTILINE)
    assert re.search(r"^node-1 +up", answer.out, re.MULTILINE)


def test_a_host_key_that_nobody_vouched_for_is_its_own_state(fleet: Fleet, tmp_path: Path, syncdeck: Syncdeck) -> None:
    (tmp_path / "known_hosts").write_text("")
    hosts = fleet.write_hosts(
        tmp_path / "hosts.yaml",
        extra={"data_plane": {"ssh": {"known_hosts": str(tmp_path / "known_hosts")}}},
    )
    answer = syncdeck("--config", hosts, "--state", tmp_path / "state", "nodes", "test", "node-1", "--json")
    report = json.loads(answer.out)[0]
    assert answer.code == 1 and report["state"] == "host-key-unknown"
    assert "syncdeck nodes enrol" in report["remedy"]


def test_a_name_that_is_no_host_is_a_configuration_error(fleet: Fleet, tmp_path: Path, syncdeck: Syncdeck) -> None:
    hosts = fleet.write_hosts(tmp_path / "hosts.yaml")
    answer = syncdeck("--config", hosts, "--state", tmp_path / "state", "nodes", "test", "node-9")
    assert answer.code == 2 and "node-9" in answer.err
