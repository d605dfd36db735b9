"""What tells that a file changed, and how full a file system is."""

from __future__ import annotations

import errno
import os
import stat
from typing import Any

# sqlite.org/fileformat2: 1,1 = rollback journal, 2,2 = WAL.
VERSION_BYTES_AT = 18
WAL_MODE = b"\x02\x02"


def pack_stat(main: os.stat_result, wal: os.stat_result | None) -> list[int]:
    """Return [size, mtime_ns, inode, wal size, wal mtime_ns], the engine's FileStat in order."""
    if wal is None:
        return [main.st_size, main.st_mtime_ns, main.st_ino, 0, 0]
    return [main.st_size, main.st_mtime_ns, main.st_ino, wal.st_size, wal.st_mtime_ns]


def wal_of(path: str) -> os.stat_result | None:
    """Return the stat of a database's -wal, or None; a name may be too long to have one."""
    try:
        return os.lstat(path + "-wal")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise


def reading_mode(path: str) -> str:
    """Return how SQLite is to open a database that is only read, so that nothing stays beside it: "ro", or "rw".

    Only a connection that may write takes away the -wal and -shm that it had to make (sqlite.org/wal.html). Where
    frames wait in a -wal it is "ro": the last one to close would write them into the file. Call it before SQLite has
    the file open: closing a descriptor drops its locks.
    """
    wal = wal_of(path)
    if wal is not None and wal.st_size:
        return "ro"
    try:
        with open(path, "rb") as file:
            file.seek(VERSION_BYTES_AT)
            return "rw" if file.read(len(WAL_MODE)) == WAL_MODE else "ro"
    except OSError:
        return "ro"  # SQLite says why it cannot be read.


def stat_file(path: str, may_have_wal: bool = True) -> list[int] | None:
    """Return a file's stat with its -wal's, or None when there is no such regular file or link."""
    try:
        main = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(main.st_mode):
        return None
    return pack_stat(main, wal_of(path) if may_have_wal else None)


def same_content(one: list[int], other: list[int]) -> bool:
    """Return whether nothing shows that the content changed between the two stats (inode ignored)."""
    return one[:2] == other[:2] and one[3] == other[3] and (one[3] == 0 or one[4] == other[4])


def usage(path: str) -> dict[str, Any]:
    """Return total, used and free (to ordinary users) bytes of the file system that holds ``path``."""
    found = os.statvfs(path)
    return {
        "total": found.f_blocks * found.f_frsize,
        "used": (found.f_blocks - found.f_bfree) * found.f_frsize,
        "free": found.f_bavail * found.f_frsize,
    }
