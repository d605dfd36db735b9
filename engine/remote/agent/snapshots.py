"""A consistent copy of a live SQLite database: one backup step under one read lock, in a process of its own."""

from __future__ import annotations

import os
import time
from typing import Any, Optional
from urllib.parse import quote

from engine.remote.agent import durable
from engine.remote.agent.failures import Failure, from_os_error
from engine.remote.agent.paths import COMPANIONS, confined, existing, is_temporary
from engine.remote.agent.stats import VERSION_BYTES_AT, reading_mode, stat_file, usage

BUSY_SECONDS = 60.0
# What SQLite may add while we copy: frames that are committed between the look at the sizes and the read lock.
ROOM_SLACK_BYTES = 8 << 20
# A copy that says WAL there would make readers create -wal and -shm.
ROLLBACK_MODE = b"\x01\x01"


def make_snapshot(path: str, target: str, root: str = "") -> dict[str, Any]:
    """Leave a rollback-mode copy at ``target``; return {size, source_stat, games_count}.

    It is not flushed, for it is removed after its use: whoever read it asks ``ensure_stored`` before believing that.
    The backup is never stepped: under a writer a stepped one starts again for ever. Must run in a process that has
    no other descriptor of the database: closing one drops SQLite's locks.
    """
    try:
        import sqlite3
    except ImportError:
        raise Failure("unsupported", "this python3 has no sqlite3 module", "install python3's sqlite3") from None
    path = existing(path)
    if not is_temporary(os.path.basename(target)):
        raise Failure("bug", "%s is no snapshot name of ours" % target, "report this with the log")
    confined(target, root)
    source_stat = stat_file(path)
    if source_stat is None:
        raise Failure("not-found", "%s is not there" % path, "the next scan finds what is there now")
    remove_with_companions(target)
    _ensure_room(target, source_stat[0] + source_stat[3] + ROOM_SLACK_BYTES)
    try:
        _back_up(sqlite3, path, target)
        games_count = _count_games(sqlite3, target)
    except sqlite3.OperationalError as error:
        remove_with_companions(target)
        raise _operational(error, path) from error
    except sqlite3.DatabaseError as error:
        remove_with_companions(target)
        raise Failure(
            "checksum-mismatch", "%s is damaged: %s" % (path, error), "restore it from a good copy, or move it aside"
        ) from error
    return {"path": target, "size": os.stat(target).st_size, "source_stat": source_stat, "games_count": games_count}


def ensure_stored(path: str) -> None:
    """Raise Failure or OSError where what was read of a snapshot may not be what was written to it."""
    fd = os.open(existing(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        durable.ensure_stored(fd)
    except OSError as error:
        raise from_os_error(error, path) from error
    finally:
        os.close(fd)


def remove_with_companions(path: str) -> bool:
    """Remove a snapshot and what SQLite may have left beside it; return whether it was there."""
    there = os.path.lexists(path)
    for name in (path, *(path + suffix for suffix in COMPANIONS)):
        try:
            os.unlink(name)
        except FileNotFoundError:
            continue
    return there


def _ensure_room(target: str, needed: int) -> None:
    folder = os.path.dirname(target)
    free = usage(folder)["free"]
    if free < needed:
        raise Failure(
            "no-space",
            "the snapshot needs %d bytes in %s, %d are free" % (needed, folder, free),
            "free some space on this file system: a snapshot is made beside the database",
        )


def _back_up(sqlite3: Any, path: str, target: str) -> None:
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        copy.execute("PRAGMA journal_mode=OFF")
        copy.execute("PRAGMA synchronous=OFF")
        _copy_from(sqlite3, path, copy)
    finally:
        copy.close()
    fd = os.open(target, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(fd).st_size:
            os.pwrite(fd, ROLLBACK_MODE, VERSION_BYTES_AT)
    finally:
        os.close(fd)


def _copy_from(sqlite3: Any, path: str, copy: Any) -> None:
    """Copy read-only; only where that cannot work (a hot journal, a -shm that must be made) open for writing."""
    failure: Optional[Exception] = None
    first = reading_mode(path)
    for mode in (first, "rw" if first == "ro" else "ro"):
        source = sqlite3.connect(
            "file:%s?mode=%s" % (quote(path), mode), uri=True, isolation_level=None, timeout=BUSY_SECONDS
        )
        try:
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy, pages=-1, progress=_Deadline(sqlite3, BUSY_SECONDS))
            return
        except sqlite3.OperationalError as error:
            failure = error
            if not _needs_writing(str(error)):
                raise
        finally:
            source.close()
    assert failure is not None
    raise failure


def _needs_writing(words: str) -> bool:
    return "readonly" in words or "unable to open" in words


class _Deadline:
    """Ends a backup that waits for a lock for too long; Python's own loop would wait for ever."""

    def __init__(self, sqlite3: Any, seconds: float) -> None:
        self._sqlite3 = sqlite3
        self._until = time.monotonic() + seconds

    def __call__(self, status: int, remaining: int, total: int) -> None:
        if status in (5, 6) and time.monotonic() > self._until:
            raise self._sqlite3.OperationalError("database is locked")


def _count_games(sqlite3: Any, target: str) -> Optional[int]:
    connection = sqlite3.connect("file:%s?immutable=1" % quote(target), uri=True)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'games'").fetchone():
            return None
        return int(connection.execute("SELECT count(*) FROM games").fetchone()[0])
    finally:
        connection.close()


def _operational(error: Exception, path: str) -> Failure:
    words = str(error)
    if "full" in words:
        return Failure("no-space", "%s: %s" % (path, words), "free some space on this file system")
    if "locked" in words or "busy" in words:
        return Failure("source-changed", "%s is locked by its writer" % path, "it is tried again by itself")
    if "I/O" in words:
        # SQLite says the same of a disk that fails, a quota, and a file larger than the file system takes.
        remedy = "see that the disk has room, takes a file of this size and is sound (its system log)"
        return Failure("unsupported", "%s: %s" % (path, words), remedy)
    return Failure("config", "%s: %s" % (path, words), "give the user of this connection access to it")
