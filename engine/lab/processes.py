"""Starting, finding and ending the processes of a lab. A machine is a session: all that belongs to it shares its id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import psutil

_PACKAGES = str(Path(__file__).resolve().parent.parent.parent)
# Isolated mode: neither PYTHONPATH nor the working folder can put another `engine` before ours.
_BOOT = "import sys, runpy; sys.path.insert(0, {path!r}); runpy.run_module({module!r}, run_name='__main__')"


def python_command(module: str, arguments: Sequence[str]) -> list[str]:
    """Return the command that runs a module of ours in a Python of its own, whatever the user's settings."""
    return [sys.executable, "-I", "-c", _BOOT.format(path=_PACKAGES, module=module), *arguments]


def start_machine(module: str, arguments: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a machine in a session of its own; it ends when its standard input does, that is when we do."""
    return subprocess.Popen(
        python_command(module, arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        bufsize=0,
        start_new_session=True,
    )


def session_members(session_id: int) -> list[int]:
    """Return the processes of a session that are alive (zombies are not), the leader included."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session_id and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # ended meanwhile, or not ours and so no member
    return members


def kill_session(session_id: int, spare: int | None = None) -> None:
    """Kill every process of a session for real, except ``spare``; new ones that they started meanwhile too."""
    while victims := [pid for pid in session_members(session_id) if pid != spare]:
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # ended first
