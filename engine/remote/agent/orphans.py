"""Receivers that an earlier attempt left behind: their connection fell silent, and nobody told them that it is over."""

from __future__ import annotations

import os
import signal

from engine.remote.agent.boot import PROCESS_NAME

# Of Linux, proc_locks(5): "1: FLOCK  ADVISORY  WRITE 708 08:01:790 0 EOF".
LOCKS = "/proc/locks"
KIND, PROCESS, FILE = 1, 4, 5


def end_lock_holder(fd: int) -> bool:
    """End the agent of ours that holds the flock of this file, and return whether there was one that can be seen.

    A temporary name belongs to one transfer of one run, which is only ever tried once at a time: whoever else holds it
    is a leftover, and would hold it until its sshd notices that nobody is there, two hours later or never.
    """
    process = _lock_holder(os.fstat(fd).st_ino)
    if process is None or process == os.getpid() or not _is_ours(process):
        return False
    try:
        os.kill(process, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end_rsyncs(path: str) -> int:
    """End the rsync servers that have this temporary file open; return how many there were, 0 where none can be seen.

    For the same reason: one that an earlier attempt left behind would write, and set the times of what another has
    brought meanwhile, until its own timeout.
    """
    ended = 0
    for process in _processes():
        if _has_open(process, os.path.realpath(path)) and _is_rsync_server(process):
            try:
                os.kill(process, signal.SIGKILL)
                ended += 1
            except (ProcessLookupError, PermissionError):
                continue
    return ended


def _processes() -> "list[int]":
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []  # Not Linux.


def _has_open(process: int, path: str) -> bool:
    folder = "/proc/%d/fd" % process
    try:
        return any(_leads_to("%s/%s" % (folder, name), path) for name in os.listdir(folder))
    except OSError:
        return False  # It ended, or is another user's.


def _leads_to(link: str, path: str) -> bool:
    try:
        return os.readlink(link) == path
    except OSError:
        return False  # It was closed meanwhile.


def _is_rsync_server(process: int) -> bool:
    words = _words(process)
    return os.path.basename(words[0]) == b"rsync" and b"--server" in words


def _lock_holder(inode: int) -> "int | None":
    try:
        with open(LOCKS, encoding="ascii") as lines:
            rows = [line.split() for line in lines]
    except OSError:
        return None  # Not Linux, or hidden from us: then it is waited for.
    for row in rows:
        if len(row) > FILE and row[KIND] == "FLOCK" and row[FILE].rsplit(":", 1)[-1] == str(inode):
            return int(row[PROCESS])
    return None


def _is_ours(process: int) -> bool:
    return PROCESS_NAME.encode("ascii") in _words(process)


def _words(process: int) -> "list[bytes]":
    """Return a process's command line, one empty word where it cannot be seen."""
    try:
        with open("/proc/%d/cmdline" % process, "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return [b""]
