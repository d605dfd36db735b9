"""Swapping two files in one step, so that a version written by somebody else at the last moment is not lost."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
"""``linux/fs.h``; glibc has renameat2 since 2.28."""
_RENAME_SWAP = 2
"""``sys/stdio.h`` of macOS, for renamex_np."""
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)


def exchange(first: Path, second: Path) -> bool:
    """Swap two existing files of one file system atomically; return False where the system cannot.

    Raises OSError when it can and fails (a file is gone, no permission).
    """
    call = _call()
    if call is None:
        return False
    if call(os.fsencode(first), os.fsencode(second)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(first), None, str(second))


def _call() -> Callable[[bytes, bytes], int] | None:
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        return lambda first, second: library.renamex_np(first, second, _RENAME_SWAP)
    if hasattr(library, "renameat2"):
        return lambda first, second: library.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE)
    return None
