"""The console on a real terminal: it leaves the screen as it found it, and loads nothing heavy before it paints."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from app.console.run import run_console
from app.console.staging.scenes import failing_view, scripted_client
sys.exit(run_console(scripted_client(failing_view())))
"""
LEAVE_ALTERNATE_SCREEN = b"\x1b[?1049l"
PATIENCE_SECONDS = 30.0


def start(repository: Path) -> tuple[int, int]:
    """Start a console on a pseudo terminal; return its process and the terminal's other end."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(repository)
        os.environ.update(TERM="xterm-256color", COLUMNS="100", LINES="30")
        os.execv(sys.executable, [sys.executable, "-c", SCRIPT])
    return pid, terminal


def read_until(terminal: int, wanted: bytes) -> bytes:
    """Return what was written until ``wanted`` came, or until the terminal closed."""
    seen = b""
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], PATIENCE_SECONDS)
        assert ready, f"{wanted!r} never came"
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    return seen


def exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_console_that_is_told_to_end_restores_the_screen(number: signal.Signals, repository: Path) -> None:
    pid, terminal = start(repository)
    try:
        read_until(terminal, b"Needs you")
        os.kill(pid, number)
        assert LEAVE_ALTERNATE_SCREEN in read_until(terminal, LEAVE_ALTERNATE_SCREEN)
        assert exit_code(pid) == 128 + number
    finally:
        os.close(terminal)


def test_q_leaves_with_zero_and_restores_the_screen(repository: Path) -> None:
    pid, terminal = start(repository)
    try:
        read_until(terminal, b"emergency")
        os.write(terminal, b"q")
        assert LEAVE_ALTERNATE_SCREEN in read_until(terminal, LEAVE_ALTERNATE_SCREEN)
        assert exit_code(pid) == 0
    finally:
        os.close(terminal)


def test_a_console_whose_terminal_is_gone_ends(repository: Path) -> None:
    pid, terminal = start(repository)
    read_until(terminal, b"Needs you")
    os.close(terminal)
    assert exit_code(pid) == 129


def test_a_console_whose_terminal_takes_nothing_and_then_goes_ends(repository: Path) -> None:
    pid, terminal = start(repository)
    read_until(terminal, b"Needs you")
    os.set_blocking(terminal, False)
    pressed = 0
    with contextlib.suppress(BlockingIOError):
        while pressed < 600:
            pressed += os.write(terminal, b"2" if pressed % 2 else b"1")
    os.close(terminal)
    assert exit_code(pid) == 129


def test_the_console_paints_before_anything_heavy_is_loaded(repository: Path) -> None:
    code = "import sys, app.console.run; print(' '.join(sorted(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    loaded = {name.split(".")[0] for name in result.stdout.split()}
    assert not loaded & {
        "asyncssh",
        "sqlalchemy",
        "aioboto3",
        "aiohttp",
        "alembic",
        "pydantic",
        "aiosqlite",
        "resvg_py",
    }
