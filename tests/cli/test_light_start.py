"""An engine on a server needs no terminal library: no path without a console loads one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, RunningEngine

PROBE = """
import json, sys
from app.cli.main import main
code = main(sys.argv[2:])
heavy = sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[1].split(",")))
sys.stderr.write("\\n" + json.dumps([int(code), heavy]))
"""
TERMINAL = "textual,rich"
WAITING = "aioboto3,aiobotocore,botocore,aiohttp"
"""Installed for the transport of a later version; no command may load them before there is one."""
HEAVY = f"{TERMINAL},{WAITING},sqlalchemy,alembic,aiosqlite,asyncssh"
HOSTS = """\
hosts:
  here:
    ssh_host: localhost
    ssh_user: nobody
    status: ready
    role: coordinator
    ringrift_path: {root}
data_plane:
  node_id: here
"""


def loaded(forbidden: str, *words: object) -> tuple[int, list[str]]:
    """Return the exit code of a command line and which of the forbidden packages it loaded."""
    command = [sys.executable, "-c", PROBE, forbidden, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert "unexpected" not in done.stderr
    code, heavy = json.loads(done.stderr.rpartition("\n")[2])
    return code, heavy


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "data" / "games").mkdir(parents=True)
    path = tmp_path / "hosts.yaml"
    path.write_text(HOSTS.format(root=root))
    return path


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--help",), 0),
        (("--version",), 0),
        (("status", "--help"), 0),
        (("bogus",), 2),
        (("status", "--bogus"), 2),
        (("sync", "--priority", "huge"), 2),
        (("catalog", "classify", "x.npz"), 0),
    ],
)
def test_words_alone_load_nothing_heavy(words: tuple[str, ...], code: int) -> None:
    assert loaded(HEAVY, *words) == (code, [])


@pytest.mark.parametrize("words", [("status",), ("status", "--json"), ("plan",), ("catalog", "ls"), ("pause", "a")])
def test_a_command_to_a_running_engine_loads_nothing_heavy(engine: RunningEngine, words: tuple[str, ...]) -> None:
    assert loaded(HEAVY, "--state", engine.state, *words)[1] == []


@pytest.mark.parametrize(
    "words",
    [
        ("--no-ui", "--once"),
        ("--no-ui", "--once", "--observe", "--json"),
        ("status",),
        ("plan", "--json"),
        ("transfers",),
        ("catalog", "ls"),
        ("nodes", "ls"),
        ("nodes", "test"),
        ("config", "lint"),
        ("config", "effective"),
        ("sync", "--dry-run"),
    ],
)
def test_no_path_without_a_console_loads_a_terminal_library_or_one_of_a_later_version(
    hosts: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    code, heavy = loaded(f"{TERMINAL},{WAITING}", "--config", hosts, "--state", tmp_path / "state", *words)
    assert heavy == []
    assert code in (0, 1)


def test_a_failing_engine_without_a_console_loads_no_terminal_library(tmp_path: Path) -> None:
    assert loaded(TERMINAL, "--config", tmp_path / "none", "--state", tmp_path / "state", "--no-ui") == (2, [])
