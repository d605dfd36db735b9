"""Making a whole batch survive a power cut with few flushes.

Linux: syncfs writes back everything of a file system, data and the journal with names, modes and times, and waits
for it; since Linux 5.8 it also tells write errors. Where it cannot (older kernels), where it failed, or where much
of others' data waits to be written, each file is flushed by fsync, by a few threads that share the journal's commits;
an error then belongs to its file. macOS: fsync hands each file to the drive, one F_FULLFSYNC per drive then makes
the drive write everything that it was handed.
"""

from __future__ import annotations

import os
import queue
import re
import sys
import threading
from typing import Callable, Dict, List, Optional

from engine.remote.agent.durable import sync_file
from engine.remote.agent.platforms import needs_full_sync

FLUSHERS = 4
OTHERS_BYTES = 128 << 20
"""More than this of others' unwritten data would be waited for as well: half a second of a slow disk."""
OTHERS_BYTES_PER_FILE = 128 << 10
"""For many files it may be more: flushing one alone takes half a millisecond, in which such a disk writes so much."""
ERRORS_TOLD_SINCE = (5, 8)
_DIRTY = re.compile(r"^(?:Dirty|Writeback):\s+(\d+) kB", re.MULTILINE)


def _device_of(path: str) -> int:
    return os.lstat(path).st_dev


def flush(paths: "list[str]", total_bytes: int, device_of: Callable[[str], int] = _device_of) -> Dict[str, OSError]:
    """Flush files that were just written; return the errors of those that could not be.

    ``device_of`` saves a look at each, where its device is known.
    """
    by_device: Dict[int, List[str]] = {}
    errors: Dict[str, OSError] = {}
    for path in paths:
        try:
            by_device.setdefault(device_of(path), []).append(path)
        except OSError as error:
            errors[path] = error
    for found in by_device.values():
        if not (may_flush_all(total_bytes, count=len(found)) and _syncfs(found[0])):
            errors.update(flush_each(found))
    return errors


def may_flush_all(own_bytes: int, release: Optional[str] = None, meminfo: Optional[str] = None, count: int = 0) -> bool:
    """Return whether one syncfs tells all that fsync tells, and waits for what is not ours no longer than ``count``
    files of ours would take one by one."""
    if not sys.platform.startswith("linux"):
        return False
    numbers = re.match(r"(\d+)\.(\d+)", release or os.uname().release)
    if numbers is None or (int(numbers.group(1)), int(numbers.group(2))) < ERRORS_TOLD_SINCE:
        return False
    if meminfo is None:
        try:
            with open("/proc/meminfo", encoding="ascii") as file:
                meminfo = file.read()
        except OSError:
            return False
    others = max(OTHERS_BYTES, count * OTHERS_BYTES_PER_FILE)
    return sum(int(kib) for kib in _DIRTY.findall(meminfo)) * 1024 <= own_bytes + others


def _syncfs(path: str) -> bool:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        return False
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return bool(libc.syncfs(fd) == 0)
    finally:
        os.close(fd)


def flush_each(paths: "list[str]") -> Dict[str, OSError]:
    """Flush files of one drive by a few threads; return the errors. A flush error that nobody saw is kept for us."""
    waiting: "queue.SimpleQueue[str]" = queue.SimpleQueue()
    for path in paths:
        waiting.put(path)
    errors: Dict[str, OSError] = {}

    def work() -> None:
        while True:
            try:
                path = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                _with_file(path, os.fsync)
            except OSError as error:
                errors[path] = error

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(FLUSHERS, len(paths)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = [path for path in paths if path not in errors]
    if whole and needs_full_sync(sys.platform):
        try:
            _with_file(whole[-1], sync_file)
        except OSError as error:
            errors.update((path, error) for path in whole)
    return errors


def _with_file(path: str, work: "Callable[[int], object]") -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        work(fd)
    finally:
        os.close(fd)
