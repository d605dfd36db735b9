"""New files of a batch renamed into place, a folder at a time: the common case of publishing, with few system calls.

Only what is as plain as can be is placed here: nothing has the final name, the temporary file lies beside it and is
just what the receiver verified and made ready. All else, and every failure, is left to the publisher, which looks
for itself.
"""

from __future__ import annotations

import os
import stat
from typing import Any, Callable, Dict, List, Optional

from engine.remote.agent.failures import Failure
from engine.remote.agent.listing import Names
from engine.remote.agent.paths import checked, is_temporary, make_parents

Rename = Callable[[int, str, str], bool]
RENAME_NOREPLACE = 1


def place_new(requests: "List[Dict[str, Any]]") -> Dict[int, Dict[str, Any]]:
    """Return by number what ``Publisher.place`` returns, for the requests that could be carried out here."""
    rename = _without_overwriting()
    answers: Dict[int, Dict[str, Any]] = {}
    if rename is None:
        return answers
    for (folder, root), numbers in _by_folder(requests).items():
        try:
            checked(folder)
            make_parents(folder + "/", root)
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (Failure, OSError):
            continue
        try:
            there = Names(fd, len(numbers))
            for number in numbers:
                answer = _place(fd, there, requests[number], rename)
                if answer is not None:
                    answers[number] = answer
        finally:
            os.close(fd)
    return answers


def _by_folder(requests: "List[Dict[str, Any]]") -> "Dict[Any, List[int]]":
    found: Dict[Any, List[int]] = {}
    for number, request in enumerate(requests):
        folder, _, _ = request["final_path"].rpartition("/")
        if folder and request["expected"] is None and request["temp_stat"] is not None:
            found.setdefault((folder, request["root"]), []).append(number)
    return found


def _place(fd: int, there: Names, request: Dict[str, Any], rename: Rename) -> Optional[Dict[str, Any]]:
    folder, _, final = request["final_path"].rpartition("/")
    temp_folder, _, temp = request["temp_path"].rpartition("/")
    try:
        checked(request["final_path"])
        if temp_folder != folder or not is_temporary(temp):
            return None
        if there.holds(final) or there.holds(final + "-wal") or there.holds(final + "-shm"):
            return None
        found = os.stat(temp, dir_fd=fd, follow_symlinks=False)
        if not _is_ready(found, request) or not rename(fd, temp, final):
            return None
    except (Failure, OSError):
        return None
    now = [found.st_size, found.st_mtime_ns, found.st_ino, 0, 0]
    return {"outcome": "published", "stat": now, "sha256": None, "size": None, "kept": None}


def _is_ready(found: os.stat_result, request: Dict[str, Any]) -> bool:
    """Return whether this is the file that was verified, with the time and the mode that were flushed with it."""
    size, mtime_ns, inode, _, _ = request["temp_stat"]
    return (
        (found.st_size, found.st_mtime_ns, found.st_ino) == (size, mtime_ns, inode)
        and mtime_ns == request["mtime_ns"]
        and found.st_mode == stat.S_IFREG | request["mode"]
    )


def _without_overwriting() -> Optional[Rename]:
    """Return what renames within a folder and fails where the name is taken; None where the system has none."""
    try:
        import ctypes
    except ImportError:
        return None
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return None

    def rename(fd: int, temp: str, final: str) -> bool:
        return bool(renameat2(fd, os.fsencode(temp), fd, os.fsencode(final), RENAME_NOREPLACE) == 0)

    return rename
