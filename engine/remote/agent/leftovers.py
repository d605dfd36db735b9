"""Removing what another engine left here: only old temporary files that no process writes, locks or reads."""

from __future__ import annotations

import fcntl
import os
import time
from typing import List, Set, Tuple

from engine.remote.agent.failures import Failure
from engine.remote.agent.paths import HOLES, HOLES_DRAFT, checked, is_temporary
from engine.remote.agent.publishing import discard

LEAST_SECONDS = 86_400.0
"""Whatever is asked for: a transfer may rest for hours before it is taken up again."""
PROCESSES = "/proc"
REMOVED = ""


def discard_old(paths: List[str], seconds: float) -> List[str]:
    """Remove temporary files not touched for ``seconds``; return for each why it stays, "" where it was removed.

    Raises Failure, before any is removed, for a name that is none of ours or for less than a day.
    """
    for path in paths:
        checked(path)
        if not is_temporary(os.path.basename(path)):
            raise Failure("bug", "%s is no temporary name of ours" % path, "report this with the log")
    if seconds < LEAST_SECONDS:
        raise Failure("config", "files of the last day may be in use", "name an age of a day or more")
    opened = _open_files()
    return [_discard_one(path, seconds, opened) for path in paths]


def _discard_one(path: str, seconds: float, opened: "Set[Tuple[int, int]]") -> str:
    """The lock is held until the file is gone: whoever would take it up now must wait, and finds nothing."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return "it is gone already"
    except OSError as error:
        return str(error.strerror)
    try:
        found = os.fstat(fd)
        if time.time() - max(found.st_mtime, *map(_touched, _together(path))) < seconds:
            return "it was touched since"
        if (found.st_dev, found.st_ino) in opened:
            return "a process has it open"
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "a process holds its lock"
        return REMOVED if discard([path]) else "it is gone already"
    finally:
        os.close(fd)


def _together(path: str) -> List[str]:
    """Return the files that are of use only with this one: what tells its holes, or what it tells the holes of."""
    for suffix in (HOLES, HOLES_DRAFT):
        if path.endswith(suffix):
            return [path[: -len(suffix)]]
    return [path + HOLES, path + HOLES_DRAFT]


def _touched(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except FileNotFoundError:
        return 0.0


def _open_files() -> "Set[Tuple[int, int]]":
    """Return (device, inode) of the temporary files that processes have open, where the system shows them (Linux)."""
    found: Set[Tuple[int, int]] = set()
    try:
        processes = [name for name in os.listdir(PROCESSES) if name.isdigit()]
    except OSError:
        return found
    for process in processes:
        folder = os.path.join(PROCESSES, process, "fd")
        try:
            names = os.listdir(folder)
        except OSError:
            continue  # It ended, or is another user's, which could not have made the file.
        for name in names:
            try:
                path = os.readlink(os.path.join(folder, name))
                if is_temporary(os.path.basename(path)):
                    status = os.stat(os.path.join(folder, name))
                    found.add((status.st_dev, status.st_ino))
            except OSError:
                continue  # It was closed meanwhile.
    return found
