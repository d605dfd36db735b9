"""Deleting one data file, after all: only what it holds, and only while it is the file that was proven to be elsewhere.

This is the only place where a file of the users' own goes. Everything else of ours removes names of ours.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List
from urllib.parse import quote

from engine.remote.agent.archiving import Digests
from engine.remote.agent.durable import sync_folder
from engine.remote.agent.failures import Failure
from engine.remote.agent.hashing import CHUNK_BYTES
from engine.remote.agent.paths import confined, existing
from engine.remote.agent.scanning import WRITING_LOCK
from engine.remote.agent.stats import pack_stat, stat_file, usage, wal_of

Moved = Callable[[int], None]


def delete_proven(job: Dict[str, Any], moved: Moved) -> Dict[str, Any]:
    """Hash ``path`` now, compare, and unlink it; return {sha256, freed, free}, bytes of its file system.

    ``stat`` is what it must look like, ``sha256s`` and ``fingerprints`` what it may hash to; ``proof`` is the number of
    the proof that the engine holds. Raises Failure, and removes nothing, for a file that is being written, changed, or
    holds anything else.
    """
    if not isinstance(job["proof"], int) or job["proof"] <= 0:
        raise Failure("bug", "a deletion without a proof was asked for", "report this with the log")
    path = existing(confined(job["path"], job["root"]))
    _ensure_not_open(path)
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        before = pack_stat(os.fstat(fd), wal_of(path))
        _ensure_quiet(path, before, job["stat"])
        content = _digest(fd, job["kind"], moved)
        if content["sha256"] not in job["sha256s"] and content["fingerprint"] not in job["fingerprints"]:
            cause = "%s holds another content than what is proven to be elsewhere" % path
            raise Failure("checksum-mismatch", cause, "nothing was deleted; the next scan tells what is there")
        _unlink(path, fd, before, job["stat"])
    finally:
        os.close(fd)
    return {"sha256": content["sha256"], "freed": before[0], "free": usage(os.path.dirname(path))["free"]}


def _ensure_quiet(path: str, now: List[int], expected: List[int]) -> None:
    """Raise unless the file is the very one that was looked at, by inode, and nobody is writing to it."""
    if now[:3] != expected[:3] or now[3]:
        cause = "%s changed since it was looked at" % path
        raise Failure("source-changed", cause, "nothing was deleted; it is looked at again by itself")
    if os.path.lexists(path + WRITING_LOCK):
        raise Failure("source-changed", "%s is being written" % path, "nothing was deleted; try again when it is done")


def _digest(fd: int, kind: str, moved: Moved) -> Dict[str, Any]:
    digests, buffer = Digests(kind), bytearray(CHUNK_BYTES)
    while True:
        count = os.readv(fd, [buffer])
        if not count:
            return digests.result()
        digests.update(memoryview(buffer)[:count])
        moved(digests.size)


def _unlink(path: str, fd: int, before: List[int], expected: List[int]) -> None:
    """Remove the name if it is still that of the file which was hashed."""
    after = pack_stat(os.fstat(fd), wal_of(path))
    named = stat_file(path)
    if after != before or named is None or named[:3] != before[:3]:
        raise Failure("source-changed", "%s changed while it was hashed" % path, "nothing was deleted")
    _ensure_quiet(path, after, expected)
    os.unlink(path)
    sync_folder(os.path.dirname(path))


def _ensure_not_open(path: str) -> None:
    """Raise when another process has a database open, for it may write any moment.

    The last one that closes a database removes its -wal and -shm. Where they are there we open and close it too: what
    is still there then is somebody else's.
    """
    companions = [path + suffix for suffix in ("-wal", "-shm")]
    if not any(map(os.path.lexists, companions)):
        return
    wal = wal_of(path)
    if wal is None or wal.st_size == 0:
        _open_and_close(path)
    if any(map(os.path.lexists, companions)):
        cause = "%s is open somewhere, or holds commits in its -wal" % path
        raise Failure("source-changed", cause, "nothing was deleted; close what uses it, then try again")


def _open_and_close(path: str) -> None:
    try:
        import sqlite3
    except ImportError:
        return  # Its companions stay, and with them the refusal.
    connection = sqlite3.connect("file:%s?mode=rw" % quote(path), uri=True, isolation_level=None, timeout=0)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        return  # Likewise.
    finally:
        connection.close()
