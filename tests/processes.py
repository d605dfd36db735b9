"""Other processes, looked at in the same way on Linux and macOS: what they run, hold open and listen on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil

UNSEEN = (psutil.NoSuchProcess, psutil.AccessDenied, OSError)
"""It ended meanwhile, or belongs to somebody else."""


def _others() -> Iterator[psutil.Process]:
    return (process for process in psutil.process_iter() if process.pid != os.getpid())


def holding(*beginnings: str) -> set[int]:
    """Return the processes that have a file open whose path begins with one of these."""
    found = set()
    for process in _others():
        try:
            if any(opened.path.startswith(beginnings) for opened in process.open_files()):
                found.add(process.pid)
        except UNSEEN:
            continue
    return found


def command_lines(mark: str) -> list[str]:
    """Return the command lines that name ``mark``."""
    found = []
    for process in _others():
        try:
            line = " ".join(process.cmdline())
        except UNSEEN:
            continue
        if mark in line:
            found.append(line)
    return found


def listeners(port: int | None = None, environment: tuple[str, str] | None = None) -> set[int]:
    """Return the processes that listen on a TCP port, or on any, and have this variable in their environment."""
    found = set()
    for process in psutil.process_iter():
        try:
            if environment is not None and process.environ().get(environment[0]) != environment[1]:
                continue
            sockets = process.net_connections("tcp")
        except UNSEEN:
            continue
        if any(one.status == psutil.CONN_LISTEN and port in (None, one.laddr.port) for one in sockets):
            found.add(process.pid)
    return found
