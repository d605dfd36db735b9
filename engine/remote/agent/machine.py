"""What this machine is: what the engine must know of it, and which processes run on it."""

from __future__ import annotations

import getpass
import os
import platform
import socket
import subprocess
import sys
from typing import Any, List, Optional, Tuple

from engine.remote.agent.hashcache import cache_folder
from engine.remote.agent.platforms import is_openrsync
from engine.remote.agent.programs import find_tool, found_by_shells

VERSION_SECONDS = 10


def hello() -> dict[str, Any]:
    """Return what the engine's AgentInfo holds."""
    return {
        "hostname": socket.gethostname(),
        "platform": sys.platform,
        "python": platform.python_version(),
        "home": os.path.expanduser("~"),
        "user": _user(),
        "rsync": _first_line("rsync", "--version"),
        "rsync_path": _hidden_path("rsync"),
        "zstd": find_tool("zstd") is not None,
        "cache_dir": cache_folder(),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # A container's user may have no name.


def _hidden_path(name: str) -> Optional[str]:
    """Return where a program is that a command must name with its folder; a restricted shell refuses that of others."""
    tool = find_tool(name)
    return None if tool is None or found_by_shells(tool) else tool


def _first_line(name: str, *arguments: str) -> Optional[str]:
    tool = find_tool(name)
    if tool is None:
        return None
    try:
        ran = subprocess.run(
            [tool, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return version_line(ran.stdout.decode("utf-8", "replace"))


def version_line(output: str) -> Optional[str]:
    """Return the first line that a program printed; openrsync's second one tells what it is compatible with."""
    lines = [line.strip() for line in output.strip().splitlines()]
    if lines and is_openrsync(lines[0]):
        return " / ".join(lines[:2])
    return lines[0] if lines else None


def processes(names: list[str]) -> list[Tuple[int, str]]:
    """Return (pid, command line) of processes that name one of ``names``, our own and our parents left out."""
    own = _ancestors()
    listed = _from_proc() if os.path.isdir("/proc/self") else _from_ps()
    return [(pid, line) for pid, line in listed if pid not in own and any(name in line for name in names)]


def _ancestors() -> List[int]:
    return [os.getpid(), os.getppid()]


def _from_proc() -> List[Tuple[int, str]]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/cmdline" % name, "rb") as file:
                    words = file.read(65536)
            except OSError:
                continue  # It ended, or it is not ours to see.
            line = words.replace(b"\0", b" ").decode("utf-8", "replace").strip()
            if line:
                found.append((int(name), line))
    return found


def _from_ps() -> List[Tuple[int, str]]:
    ran = subprocess.run(["ps", "-axo", "pid=,command="], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return parse_ps(ran.stdout.decode("utf-8", "replace"))


def parse_ps(output: str) -> List[Tuple[int, str]]:
    """Return (pid, command line) of what ``ps -axo pid=,command=`` printed."""
    found = []
    for line in output.splitlines():
        pid, _, command = line.strip().partition(" ")
        if pid.isdigit() and command.strip():
            found.append((int(pid), command.strip()))
    return found
