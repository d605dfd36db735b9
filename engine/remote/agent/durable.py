"""Making what was written survive a power cut."""

from __future__ import annotations

import fcntl
import os
import sys

from engine.remote.agent.platforms import F_FULLFSYNC, full_sync_refused, needs_full_sync

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
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    start = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if start is not None:
        start(fd, ctypes.c_longlong(0), ctypes.c_longlong(0), SYNC_FILE_RANGE_WRITE)


def sync_folder(path: str) -> None:
    """Flush a folder's names to the medium."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
