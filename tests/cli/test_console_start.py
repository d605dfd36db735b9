"""The console attaches to the engine of its state directory; tried on a real pseudo-terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from engine.api.paths import socket_path
from tests.cli.conftest import ROOT, Answer, RunningEngine
from tests.cli.test_engine_alone import Site
from tests.fleet_sshd import wait_for_the_end_of

PATIENCE_SECONDS = 60.0


def read_until(descriptor: int, pattern: bytes) -> bytes:
    """Return what a terminal shows up to and including a pattern."""
    seen = b""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not re.search(pattern, seen):
        left = give_up_at - time.monotonic()
        assert left > 0, seen[-2000:]
        if select.select([descriptor], [], [], left)[0]:
            seen += os.read(descriptor, 65_536)
    return seen


def start_console(home: Path, *words: str) -> tuple[int, subprocess.Popen[bytes]]:
    """Start a console on a terminal of its own; return the terminal's other end and the process."""
    main_end, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (40, 120))
    console = subprocess.Popen(
        [sys.executable, str(ROOT / "syncdeck.py"), *words],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=os.environ | {"TERM": "xterm-256color", "HOME": str(home)},
        start_new_session=True,
    )
    os.close(terminal)
    return main_end, console


def _command_of(child: psutil.Process) -> str:
    try:
        return " ".join(child.cmdline())
    except psutil.NoSuchProcess:  # a short command of a lab node, over since it was listed
        return ""


def leave(main_end: int, console: subprocess.Popen[bytes]) -> None:
    """Press q; wait until the console is gone and the screen is as it was."""
    os.write(main_end, b"q")
    shown = read_until(main_end, rb"\x1b\[\?1049l")
    assert b"Traceback" not in shown
    assert console.wait(PATIENCE_SECONDS) == 0
    os.close(main_end)


def test_a_console_attaches_to_the_running_engine_and_leaves_it_running(engine: RunningEngine, tmp_path: Path) -> None:
    main_end, console = start_console(tmp_path, "--state", str(engine.state))
    read_until(main_end, rb"disk of a")  # the scripted engine's critical finding
    leave(main_end, console)
    assert engine.process.poll() is None


def test_a_console_without_an_engine_embeds_one_that_observes_and_that_commands_reach(
    tmp_path: Path, syncdeck: Callable[..., Answer], wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    site = Site(tmp_path)
    main_end, console = start_console(tmp_path, *site.options)
    read_until(main_end, rb"\x1b\[\?1049h")
    wait_until(lambda: socket_path(site.state).exists())
    status = json.loads(syncdeck("status", "--state", site.state, "--json").out)
    assert (status["engine"]["mode"], status["engine"]["state"]) == ("embedded", "observing")
    assert status["engine"]["pid"] == console.pid
    leave(main_end, console)
    assert (site.state / "console.log").exists()


def test_the_lab_console_shows_the_lab_and_leaves_nothing_behind(tmp_path: Path) -> None:
    main_end, console = start_console(tmp_path, "--lab")
    read_until(main_end, rb"vast-4090-1|hetzner-cpu1")
    children = psutil.Process(console.pid).children(recursive=True)
    words = " ".join(_command_of(child) for child in children)
    folder = re.search(r"/tmp/syncdeck-lab-\w+", words)
    assert folder is not None
    leave(main_end, console)
    wait_for_the_end_of(children)
    assert not Path(folder[0]).exists()
