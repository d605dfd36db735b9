"""A second file with the content of an open one: shared blocks where the file system has them, a copy elsewhere."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from typing import Callable

from engine.remote.agent.failures import Failure
from engine.remote.agent.stats import usage
from engine.remote.agent.storing import store

FICLONE = 0x40049409  # linux/fs.h
AT_FDCWD = -2  # fcntl.h of macOS
COPY_BYTES = 16 << 20
BLOCK_BYTES = 1 << 20
# What another way of copying would meet as well.
REAL_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})

Moved = Callable[[int], None]


def clone(fd: int, size: int, path: str, new_size: int, moved: Moved) -> int:
    """Return a descriptor of a new file ``path`` of ``new_size`` bytes that begins as ``fd`` does (``size`` bytes).

    Raises Failure no-space before anything is written where the copy cannot fit.
    """
    kept = min(size, new_size)
    _remove(path)
    if sys.platform == "darwin" and _clone_macos(fd, path):
        return _sized(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), new_size)
    target = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if not _clone_linux(fd, target):
            _ensure_room(path, new_size)
            _copy(fd, target, kept, moved)
        return _sized(target, new_size)
    except BaseException:
        os.close(target)
        raise


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _sized(fd: int, size: int) -> int:
    os.fchmod(fd, 0o600)
    os.ftruncate(fd, size)
    return fd


def _clone_linux(fd: int, target: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        fcntl.ioctl(target, FICLONE, fd)
    except OSError:
        return False  # This file system has no shared blocks.
    return True


def _clone_macos(fd: int, path: str) -> bool:
    import ctypes

    libc = ctypes.CDLL(None)
    if not hasattr(libc, "fclonefileat"):
        return False
    return bool(libc.fclonefileat(fd, AT_FDCWD, os.fsencode(path), 0) == 0)


def _ensure_room(path: str, needed: int) -> None:
    folder = os.path.dirname(path)
    free = usage(folder)["free"]
    if needed > free:
        cause = "%d bytes are needed in %s, %d are free" % (needed, folder, free)
        raise Failure("no-space", cause, "free some space on this file system")


def _copy(fd: int, target: int, size: int, moved: Moved) -> None:
    done = _copy_in_kernel(fd, target, size, moved) if hasattr(os, "copy_file_range") else 0
    while done < size:
        data = os.pread(fd, min(BLOCK_BYTES, size - done), done)
        if not data:
            raise Failure("source-changed", "the older version shrank while it was copied", "the next scan sees it")
        done = store(target, memoryview(data), done)
        moved(done)


def _copy_in_kernel(fd: int, target: int, size: int, moved: Moved) -> int:
    """Return how much was copied: less than all where this pair of files cannot be copied so."""
    done = 0
    while done < size:
        try:
            count = os.copy_file_range(fd, target, min(COPY_BYTES, size - done), done, done)
        except OSError as error:
            if error.errno in REAL_TROUBLE:
                raise
            break
        if not count:
            break
        done += count
        moved(done)
    return done
