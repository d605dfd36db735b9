"""Every command that the documentation shows works: what a reader types from README.md or docs/ does what it says.

Commands are the lines beginning with ``$ `` in ``console`` code blocks. Each takes one of the forms below; a line of no
known form fails, so that documentation cannot show what nobody tries. What only reads, and an engine as a server runs
it, is run for real; of consoles and of what changes something only the words are checked here: that there is such a
command and that it has these options. What those do is tried in rooms of their own.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.lab.fleet import Lab, LabOptions

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^ *```console\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
# Run for real on a lab fleet: they read, and end by themselves.
RUN = (
    re.compile(r"syncdeck (--version|--help)"),
    re.compile(r"syncdeck (status|plan|transfers)( --json)?"),
    re.compile(r"syncdeck catalog ls( --json)?"),
    re.compile(r"syncdeck catalog classify [\w./ -]+"),
    re.compile(r"syncdeck config (lint|effective) (--json )?distributed_hosts\.yaml( --json)?"),
    re.compile(r"syncdeck nodes ls( --json)?"),
    re.compile(r"syncdeck --config distributed_hosts\.yaml nodes test"),
    re.compile(r"syncdeck --state \S+ status --json"),
    re.compile(r"syncdeck archive (list|verify)"),
    re.compile(r"syncdeck archive candidates --location \S+"),
    re.compile(r"syncdeck archive run --location \S+ --dry-run"),
)
SERVER = "syncdeck --config distributed_hosts.yaml --state /var/lib/syncdeck --no-ui"
SERVERS_STATE = "/var/lib/syncdeck"
# Known to be right by others' work; they fetch or change what a test must not.
NOT_OURS = (
    re.compile(r"git clone \S+"),
    re.compile(r"cd \S+"),
    re.compile(r"(uv tool|pipx) install \S+"),
    re.compile(r"export SYNCDECK_CONFIG=\S+"),
)


def documented() -> list[tuple[str, str]]:
    """Return (file, command) of every command shown."""
    pages = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    return [
        (str(page.relative_to(REPOSITORY)), line.strip()[2:].split("  #")[0].strip())
        for page in pages
        if page.exists()
        for block in BLOCK.findall(page.read_text(encoding="utf-8"))
        for line in block.splitlines()
        if line.strip().startswith("$ ")
    ]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a lab fleet whose folder is where the commands are typed."""
    options = LabOptions(dies_after_seconds=None)
    with Lab.create(tmp_path_factory.mktemp("documented") / "lab", options=options) as running:
        yield running


def run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_STATE_HOME": str(cwd / "state-home"), "HOME": str(cwd), "COLUMNS": "120"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def ours(command: str, lab: Lab) -> list[str]:
    """Return what to run for a command as documented; a server's state lies in the lab."""
    words = shlex.split(command.replace(SERVERS_STATE, shlex.quote(str(lab.places.folder / "served"))))
    return [sys.executable, str(REPOSITORY / "syncdeck.py"), *words[1:]]


@pytest.fixture(scope="module")
def server(lab: Lab) -> Iterator[subprocess.Popen[bytes]]:
    """Return the engine that the README starts on a server."""
    engine = subprocess.Popen(ours(SERVER, lab), cwd=lab.places.folder, stderr=subprocess.DEVNULL)
    yield engine
    engine.terminate()
    engine.wait(60)


@pytest.mark.parametrize(("page", "command"), sorted(set(documented())))
def test_a_documented_command_works(lab: Lab, page: str, command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        assert run(["make", "-n", *words[1:]], REPOSITORY).returncode == 0
    elif words[0] == "syncdeck":
        if any(form.fullmatch(command) for form in RUN):
            done = run(ours(command, lab), lab.places.folder)
            assert done.returncode in (0, 1), done.stderr  # 1 says that the answer is bad, not that the question is
            assert "Traceback" not in done.stderr
        else:
            done = run([*ours(command, lab), "--help"], lab.places.folder)
            assert done.returncode == 0, done.stderr
    else:
        assert any(form.fullmatch(command) for form in NOT_OURS), f"{page} shows a command of no known form: {command}"


def test_the_engine_of_the_readme_runs_and_answers(
    lab: Lab, server: subprocess.Popen[bytes], wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    shown = [command for page, command in documented() if page == "README.md" and SERVERS_STATE in command]
    assert SERVER in shown
    (status,) = (command for command in shown if command.endswith("status --json"))

    def answers() -> bool:
        assert server.poll() is None, "it ended"
        engine = json.loads(run(ours(status, lab), lab.places.folder).stdout)["engine"]
        return bool(engine["pid"] == server.pid)

    wait_until(answers)


def test_the_readme_shows_how_to_run_and_to_test() -> None:
    commands = {command for page, command in documented() if page == "README.md"}
    assert {"make run", "make test"} <= commands
