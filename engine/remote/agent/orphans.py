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
    try:
        with open("/proc/%d/cmdline" % process, "rb") as file:
            return PROCESS_NAME.encode("ascii") in file.read().split(b"\0")
    except OSError:
        return False
