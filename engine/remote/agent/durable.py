"""Making what was written survive a power cut."""

from __future__ import annotations

import fcntl
import os
import sys
from typing import Optional

from engine.remote.agent.platforms import F_FULLFSYNC, full_sync_refused, needs_full_sync

# linux/fs.h
SYNC_FILE_RANGE_WAIT_BEFORE = 1
SYNC_FILE_RANGE_WRITE = 2


def sync_file(fd: int) -> str:
    """Flush a file to the medium; returns what did it: ``fullfsync``, or ``fsync`` where the drive refuses that."""
    if needs_full_sync(sys.platform):
        try:
            fcntl.fcntl(fd, F_FULLFSYNC)
            return "fullfsync"
        except OSError as error:
            if not full_sync_refused(error.errno):
                raise
    os.fsync(fd)
    return "fsync"


def begin_sync(fd: int) -> None:
    """Have the system begin to write a file's pages to the medium, waiting for nothing: a later flush is shorter.

    Only a hint, which systems without sync_file_range(2) do not take.
    """
    _sync_file_range(fd, SYNC_FILE_RANGE_WRITE)


def ensure_stored(fd: int) -> None:
    """Raise OSError where the system failed to store what was written to a file, as nobody was told yet.

    What it did not begin to store is whole in memory and stays there: a file that is removed after its use need never
    reach the medium. Systems without sync_file_range(2) flush it.
    """
    error = _sync_file_range(fd, SYNC_FILE_RANGE_WAIT_BEFORE)
    if error is None:
        sync_file(fd)
    elif error:
        raise OSError(error, os.strerror(error))


def _sync_file_range(fd: int, flags: int) -> Optional[int]:
    """Return 0 or the errno of sync_file_range(2) over a whole file; None where there is no such call."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "sync_file_range", None)
    if call is None:
        return None
    failed = call(fd, ctypes.c_longlong(0), ctypes.c_longlong(0), flags) != 0
    return ctypes.get_errno() if failed else 0


def sync_folder(path: str) -> None:
    """Flush a folder's names to the medium."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
