"""``transports test`` against a real OpenSSH server: every check told, the data untouched, nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Answer
from tests.fleet import Fleet, openssh_fleet

Syncdeck = Callable[..., Answer]
Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("transports"), count=2) as running:
        yield running


def scratch_folders(*folders: Path) -> list[Path]:
    return [found for folder in folders for found in folder.rglob(".syncdeck-conformance-*")]


def test_a_node_is_tried_in_both_directions_and_its_data_is_not_touched(
    fleet: Fleet, tmp_path: Path, syncdeck: Syncdeck
) -> None:
    hosts = fleet.write_hosts(tmp_path / "hosts.yaml")
    mine = fleet["node-1"].training / "mine.npz"
    mine.write_bytes(b"data")
    before = sorted(path for path in fleet["node-1"].home.rglob("*"))
    checks = ["put-and-prove", "hard-names", "target-full", "speed"]
    chosen = [word for check in checks for word in ("--check", check)]
    words = ("transports", "test", "node-1", "--transport", "agent", "--json", *chosen)
    answer = syncdeck("--config", hosts, "--state", tmp_path / "state", *words)
    steps = json.loads(answer.out)
    assert answer.code == 0, [step for step in steps if step["result"] == "failed"]
    assert [(s["direction"], s["check"]) for s in steps] == [(way, check) for way in ("put", "get") for check in checks]
    assert {step["transport"] for step in steps} == {"agent"}
    speeds = [step["bytes_per_second"] for step in steps if step["check"] == "speed"]
    assert len(speeds) == 2 and min(speeds) > 0
    assert [step["result"] for step in steps if step["check"] == "target-full"] == ["not applicable"] * 2
    assert mine.read_bytes() == b"data"
    caches = {path for path in fleet["node-1"].home.rglob("*") if ".cache" in path.parts}
    assert sorted(set(fleet["node-1"].home.rglob("*")) - caches) == sorted(set(before) - caches)
    assert scratch_folders(fleet["node-1"].home, tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_on_the_node_when_it_is_ended(
    fleet: Fleet, tmp_path: Path, wait_until: Wait, number: signal.Signals
) -> None:
    hosts = fleet.write_hosts(tmp_path / "hosts.yaml")
    command = [sys.executable, str(ROOT / "syncdeck.py"), "--config", str(hosts), "--state", str(tmp_path / "state")]
    # Two transports: with one alone the rest of it may be over before the signal is there.
    chosen = ("--transport", "agent", "--transport", "base64")
    running = subprocess.Popen(
        [*command, "transports", "test", "node-1", *chosen],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None and "put-and-prove" in running.stdout.readline()
    assert scratch_folders(fleet["node-1"].home) != []
    running.send_signal(number)
    running.communicate()
    assert running.returncode != 0
    wait_until(lambda: scratch_folders(fleet["node-1"].home, tmp_path) == [])


def test_a_node_that_is_lost_midway_leaves_a_document_that_says_so(tmp_path: Path) -> None:
    told, terminal = os.openpty()
    with openssh_fleet(tmp_path, count=2) as fleet:
        words = [
            "--config",
            str(fleet.write_hosts()),
            "--state",
            str(tmp_path / "state"),
            "transports",
            "test",
            "node-1",
        ]
        running = subprocess.Popen(
            [sys.executable, str(ROOT / "syncdeck.py"), *words, "--transport", "agent", "--json"],
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
        )
        os.close(terminal)
        assert running.stdout is not None
        begun = running.stdout.readline() + running.stdout.readline()
        fleet["node-1"].kill()
        answer = begun + running.stdout.read()
        running.wait()
    steps = json.loads(answer)
    assert running.returncode == 1
    assert [step["check"] for step in steps[:1]] == ["put-and-prove"] and steps[0]["result"] == "passed"
    lost = steps[-1]
    assert (lost["check"], lost["result"], lost["transport"], lost["direction"]) == ("reach", "failed", "agent", "put")
    assert lost["cause"] and "by itself" not in lost["remedy"]
    shown = _all_of(told)
    assert "agent put put-and-prove ..." in shown and lost["cause"] in shown


def _all_of(terminal: int) -> str:
    """Return what was written to a terminal whose writers have all ended."""
    parts = []
    with contextlib.suppress(OSError), open(terminal, "rb", buffering=0) as reader:  # Its end is an error on Linux.
        while part := reader.read(4096):
            parts.append(part)
    return " ".join(b"".join(parts).decode().split())


def test_a_node_that_is_down_is_a_bad_answer_with_a_remedy(fleet: Fleet, tmp_path: Path, syncdeck: Syncdeck) -> None:
    hosts = fleet.write_hosts(tmp_path / "hosts.yaml")
    fleet["node-0"].kill()
    try:
        hosts = fleet.write_hosts(tmp_path / "hosts.yaml", engine_node="node-1")
        answer = syncdeck("--config", hosts, "--state", tmp_path / "state", "transports", "test", "node-0")
    finally:
        fleet["node-0"].start()
    assert answer.code == 1 and "start sshd on node-0" in answer.err


@pytest.mark.parametrize(
    ("forced", "cause", "remedy"),
    [
        ("echo 'python3: not found' >&2; exit 127", "python3: not found", "install Python 3.8"),
        ("exit 98", "no python3 of version 3.8", "install Python 3.8"),
        ("echo 'This account is not available.'; exit 1", "and said: This account is not available.", "login shell"),
    ],
)
def test_a_node_that_cannot_run_what_it_is_sent_is_told_with_what_mends_it(
    tmp_path: Path, syncdeck: Syncdeck, forced: str, cause: str, remedy: str
) -> None:
    with openssh_fleet(tmp_path, count=2) as sick:
        keys = sick["node-1"].server.folder / "authorized_keys"
        keys.write_text(f'command="{forced}" {keys.read_text()}')
        hosts, state = sick.write_hosts(), tmp_path / "state"
        answer = syncdeck("--config", hosts, "--state", state, "transports", "test", "node-1")
    assert answer.code == 1 and cause in answer.err and remedy in answer.err


def test_an_rsync_to_which_the_login_shells_path_does_not_lead_is_used(tmp_path: Path, syncdeck: Syncdeck) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(os.path.realpath(sys.executable))
    with openssh_fleet(tmp_path, count=2) as bare:
        keys = bare["node-1"].server.folder / "authorized_keys"
        forced = f'PATH={tmp_path / "bin"} exec /bin/sh -c \\"$SSH_ORIGINAL_COMMAND\\"'
        keys.write_text(f'command="{forced}" {keys.read_text()}')
        words = ("--transport", "rsync", "--check", "put-and-prove", "--check", "cancel")
        hosts, state = bare.write_hosts(), tmp_path / "state"
        answer = syncdeck("--config", hosts, "--state", state, "transports", "test", "node-1", *words)
    assert answer.code == 0 and "4 passed, 0 failed, 0 not applicable" in answer.out, answer.out


def test_a_node_whose_data_folder_refuses_us_is_a_bad_answer(tmp_path: Path, syncdeck: Syncdeck) -> None:
    with openssh_fleet(tmp_path, count=2, limited=True) as sick:
        sick["node-1"].root.chmod(0o555)
        hosts, state = sick.write_hosts(), tmp_path / "state"
        answer = syncdeck("--config", hosts, "--state", state, "transports", "test", "node-1")
    assert answer.code == 1 and ".syncdeck-conformance-" in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ("node-9",),
        ("node-1", "--transport", "s3"),
        ("node-1", "--transport", "pigeon"),
        ("node-1", "--check", "luck"),
        (),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    fleet: Fleet, tmp_path: Path, syncdeck: Syncdeck, words: tuple[str, ...]
) -> None:
    hosts = fleet.write_hosts(tmp_path / "hosts.yaml")
    assert syncdeck("--config", hosts, "--state", tmp_path / "state", "transports", "test", *words).code == 2
