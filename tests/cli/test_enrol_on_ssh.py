"""``nodes enrol`` against real OpenSSH servers: nobody is trusted who was not looked at."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Answer
from tests.cli.test_console_start import read_until
from tests.fleet import Fleet, openssh_fleet

Syncdeck = Callable[..., Answer]


@dataclass
class Stranger:
    """A fleet whose host keys nobody has vouched for, and the command line that would enrol one of its nodes."""

    fleet: Fleet
    folder: Path
    syncdeck: Syncdeck

    def __post_init__(self) -> None:
        self.known_hosts.write_text("# kept\n")
        ssh = {"ssh": {"known_hosts": str(self.known_hosts)}}
        self.hosts = self.fleet.write_hosts(self.folder / "hosts.yaml", extra={"data_plane": ssh})

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def options(self) -> tuple[str, ...]:
        return ("--config", str(self.hosts), "--state", str(self.folder / "state"))

    @property
    def fingerprint(self) -> str:
        key = next((self.fleet.folder / "node-1").rglob("*host*key*.pub"))
        return subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True).stdout.split()[1]

    def run(self, *words: str) -> Answer:
        return self.syncdeck(*self.options, *words)

    def audited(self) -> list[dict[str, object]]:
        log = self.folder / "state" / "audit.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("enrol"), count=2) as running:
        yield running


@pytest.fixture
def stranger(fleet: Fleet, tmp_path: Path, syncdeck: Syncdeck) -> Stranger:
    return Stranger(fleet, tmp_path, syncdeck)


def test_without_a_terminal_nobody_is_trusted(stranger: Stranger) -> None:
    answer = stranger.run("nodes", "enrol", "node-1")
    assert answer.code == 2 and stranger.fingerprint in answer.out
    assert stranger.known_hosts.read_text() == "# kept\n" and stranger.audited() == []


def test_yes_alone_trusts_nobody(stranger: Stranger) -> None:
    assert stranger.run("nodes", "enrol", "node-1", "--yes").code == 2
    assert stranger.known_hosts.read_text() == "# kept\n"


def test_another_fingerprint_than_expected_is_refused(stranger: Stranger) -> None:
    answer = stranger.run("nodes", "enrol", "node-1", "--yes", "--fingerprint", "SHA256:" + "A" * 43)
    assert answer.code == 1 and "none of the fingerprints" in answer.err
    assert stranger.known_hosts.read_text() == "# kept\n"


def test_the_expected_fingerprint_is_written_audited_and_the_node_usable(stranger: Stranger) -> None:
    answer = stranger.run("nodes", "enrol", "node-1", "--yes", "--fingerprint", stranger.fingerprint)
    assert answer.code == 0
    assert stranger.known_hosts.read_text().startswith("# kept\n")
    assert [(line["action"], line["subject"], line["trusted"]) for line in stranger.audited()] == [
        ("enrol", "node-1", [stranger.fingerprint])
    ]
    assert stranger.run("nodes", "test", "node-1").code == 0


def test_a_node_that_is_trusted_already_is_left_as_it_is(stranger: Stranger) -> None:
    words = ("nodes", "enrol", "node-1", "--yes", "--fingerprint", stranger.fingerprint)
    assert stranger.run(*words).code == 0
    before = stranger.known_hosts.read_text()
    assert stranger.run(*words).code == 0
    assert stranger.known_hosts.read_text() == before and len(stranger.audited()) == 1


def test_the_changed_key_of_a_recycled_address_is_replaced_by_this_act_alone(stranger: Stranger) -> None:
    port = stranger.fleet["node-1"].port
    old = next((stranger.fleet.folder / "node-0").rglob("*host*key*.pub")).read_text().split()[:2]
    stranger.known_hosts.write_text(f"[127.0.0.1]:{port} {' '.join(old)}\n[127.0.0.1]:1 {' '.join(old)}\n")
    refused = stranger.run("nodes", "test", "node-1")
    assert refused.code == 1 and "host-key-changed" in refused.out
    answer = stranger.run("nodes", "enrol", "node-1", "--yes", "--fingerprint", stranger.fingerprint)
    assert answer.code == 0 and "trusted " in answer.out
    assert stranger.known_hosts.read_text().startswith(f"[127.0.0.1]:1 {' '.join(old)}\n")
    assert stranger.run("nodes", "test", "node-1").code == 0
    assert stranger.audited()[0]["replaced"] != []


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 2), (b"\n", 2)])
def test_a_person_is_asked_and_only_a_yes_counts(stranger: Stranger, answer: bytes, code: int) -> None:
    main_end, terminal = pty.openpty()
    command = [sys.executable, str(ROOT / "syncdeck.py"), *stranger.options, "nodes", "enrol", "node-1"]
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    shown = read_until(main_end, rb"\[y/N\]")
    assert stranger.fingerprint.encode() in shown
    os.write(main_end, answer)
    assert process.wait() == code
    os.close(main_end)
    assert (len(stranger.known_hosts.read_text().splitlines()) > 1) is (code == 0)


def test_a_node_that_is_down_is_said_so(stranger: Stranger) -> None:
    stranger.fleet["node-1"].kill()
    try:
        answer = stranger.run("nodes", "enrol", "node-1")
    finally:
        stranger.fleet["node-1"].start()
    assert answer.code == 1 and "node-1" in answer.err


def test_read_only_enrols_nobody(stranger: Stranger) -> None:
    assert stranger.run("--read-only", "nodes", "enrol", "node-1").code == 2
