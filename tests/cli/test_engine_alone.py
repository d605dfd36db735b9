"""``syncdeck --no-ui`` as a service manager runs it, and the commands that talk to it, all for real."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.api.paths import socket_path
from tests.cli.conftest import ROOT, Answer
from tests.cli.test_light_start import HOSTS

Syncdeck = Callable[..., Answer]
WaitUntil = Callable[[Callable[[], bool]], None]


class Site:
    """One host that is this machine, a configuration, a state directory; and engines started on them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "data"
        (self.root / "data" / "training").mkdir(parents=True)
        (self.root / "models").mkdir()
        self.hosts = folder / "hosts.yaml"
        self.hosts.write_text(HOSTS.format(root=self.root))
        self.state = folder / "state"
        self.running: list[subprocess.Popen[str]] = []

    @property
    def options(self) -> tuple[str, ...]:
        return ("--config", str(self.hosts), "--state", str(self.state))

    def spawn(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "syncdeck.py"), *self.options, "--no-ui", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def started(site: Site, wait_until: WaitUntil) -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts an engine and returns when it listens."""

    def start(*words: str) -> subprocess.Popen[str]:
        process = site.spawn(*words)
        wait_until(lambda: socket_path(site.state).exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        return process

    return start


def test_commands_reach_the_running_engine(
    site: Site, started: Callable[..., subprocess.Popen[str]], syncdeck: Syncdeck, wait_until: WaitUntil
) -> None:
    engine = started()
    status = json.loads(syncdeck("status", "--state", site.state, "--json").out)
    assert (status["engine"]["pid"], status["engine"]["mode"]) == (engine.pid, "headless")
    assert [node["node"] for node in status["nodes"]] == ["here"]
    assert syncdeck("pause", "--state", site.state).code == 0
    wait_until(lambda: _state(syncdeck, site) == "paused")
    assert syncdeck("resume", "--state", site.state).code == 0
    wait_until(lambda: _state(syncdeck, site) == "running")


def test_a_second_engine_is_refused_and_the_first_goes_on(
    site: Site, started: Callable[..., subprocess.Popen[str]], syncdeck: Syncdeck
) -> None:
    engine = started()
    second = site.spawn("--once")
    out, err = second.communicate()
    assert (second.returncode, out) == (3, "") and str(engine.pid) in err
    assert engine.poll() is None
    assert syncdeck("plan", "--state", site.state).code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_signal_ends_it_cleanly(
    site: Site, started: Callable[..., subprocess.Popen[str]], number: signal.Signals
) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # not as under nohup
    try:
        engine = started()
    finally:
        signal.signal(number, before)
    engine.send_signal(number)
    out, err = engine.communicate()
    assert (engine.returncode, out) == (0, "") and "Traceback" not in err
    assert not socket_path(site.state).exists()


def test_a_killed_engines_state_is_taken_over_at_once(
    site: Site, started: Callable[..., subprocess.Popen[str]], syncdeck: Syncdeck, wait_until: WaitUntil
) -> None:
    killed = started()
    killed.kill()
    killed.communicate()
    assert socket_path(site.state).is_socket()
    assert syncdeck(*site.options, "catalog", "ls").code == 0
    again = site.spawn()
    wait_until(lambda: _answers(syncdeck, site) == again.pid)


def _state(syncdeck: Syncdeck, site: Site) -> str:
    return str(json.loads(syncdeck("status", "--state", site.state, "--json").out)["engine"]["state"])


def _answers(syncdeck: Syncdeck, site: Site) -> int | None:
    answer = syncdeck(*site.options, "status", "--json")
    return int(json.loads(answer.out)["engine"]["pid"]) if answer.code in (0, 1) else None


def test_state_directory_and_socket_are_their_owners_alone(
    site: Site, started: Callable[..., subprocess.Popen[str]]
) -> None:
    started()
    assert stat.S_IMODE(site.state.stat().st_mode) == 0o700
    assert stat.S_IMODE(socket_path(site.state).stat().st_mode) == 0o600


def test_one_round_exits_0_and_reports_on_stdout_alone(site: Site) -> None:
    once = site.spawn("--once", "--json", "--log-json")
    out, err = once.communicate()
    report = json.loads(out)
    assert once.returncode == 0
    assert (report["done"], report["failed"], report["blocked"], report["unreachable"]) == (0, 0, 0, [])
    assert all(json.loads(line)["level"] for line in err.splitlines())


def test_an_observing_engine_says_so(
    site: Site, started: Callable[..., subprocess.Popen[str]], syncdeck: Syncdeck
) -> None:
    started("--observe")
    status = json.loads(syncdeck("status", "--state", site.state, "--json").out)
    assert status["engine"]["state"] == "observing"


def test_what_one_round_found_can_be_read_without_an_engine(site: Site, syncdeck: Syncdeck) -> None:
    (site.root / "data" / "training" / "hex8_2p.npz").write_bytes(b"PK\x05\x06" + bytes(18))
    assert site.spawn("--once").wait() in (0, 1)
    entries = json.loads(syncdeck(*site.options, "catalog", "ls", "--json").out)
    assert [(entry["data_type"], entry["config_key"]) for entry in entries] == [("npz", "hex8_2p")]
    assert entries[0]["replicas"][0]["path"] == str(site.root / "data" / "training" / "hex8_2p.npz")
    where = json.loads(syncdeck(*site.options, "catalog", "where", entries[0]["key"], "--json").out)
    assert where[0]["key"] == entries[0]["key"]


def test_a_pause_without_an_engine_holds_when_one_starts(
    site: Site, started: Callable[..., subprocess.Popen[str]], syncdeck: Syncdeck
) -> None:
    assert syncdeck(*site.options, "pause", "here").code == 0
    started()
    nodes = json.loads(syncdeck("nodes", "ls", "--state", site.state, "--json").out)
    assert [(node["node"], node["paused"]) for node in nodes] == [("here", True)]


def test_a_limit_without_an_engine_holds_when_one_starts_and_is_taken_back_while_it_runs(
    site: Site, started: Callable[..., subprocess.Popen[str]], syncdeck: Syncdeck
) -> None:
    def limits() -> list[tuple[str | None, int | None]]:
        view = json.loads(syncdeck("bandwidth", "show", "--state", site.state, "--json").out)
        return [(limit["node"], limit["limit_bytes_per_second"]) for limit in view["limits"]]

    assert syncdeck(*site.options, "bandwidth", "set", "20MB/s").code == 0
    assert syncdeck(*site.options, "bandwidth", "set", "8Mbit/s", "--node", "here", "--for", "2h").code == 0
    assert syncdeck(*site.options, "bandwidth", "set", "1MB/s", "--node", "nobody").code == 2
    started()
    assert limits() == [(None, 20_000_000), ("here", 1_000_000)]
    assert syncdeck("bandwidth", "set", "--clear", "--state", site.state).code == 0
    assert limits() == [(None, None), ("here", 1_000_000)]


def test_commands_without_an_engine_wait_for_each_other(site: Site) -> None:
    commands = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "syncdeck.py"), *site.options, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in (("catalog", "ls"), ("plan",), ("nodes", "ls"))
    ]
    results = [(command.communicate()[1], command.returncode) for command in commands]
    assert results == [("", 0)] * 3


def test_nohup_is_respected(site: Site, started: Callable[..., subprocess.Popen[str]], syncdeck: Syncdeck) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        engine = started()
    finally:
        signal.signal(signal.SIGHUP, before)
    os.kill(engine.pid, signal.SIGHUP)
    assert syncdeck("plan", "--state", site.state).code == 0
    assert engine.poll() is None


def test_resuming_one_node_does_not_claim_to_lift_the_pause_of_everything(site: Site, syncdeck: Syncdeck) -> None:
    assert syncdeck(*site.options, "pause").code == 0
    answer = syncdeck(*site.options, "resume", "here")
    assert answer.code == 0
    assert "everything is still paused: `syncdeck resume` without a node lifts that" in answer.out
    assert syncdeck(*site.options, "resume").out == "resumed everything\n"
    assert syncdeck(*site.options, "resume", "here").out == "resumed here\n"
