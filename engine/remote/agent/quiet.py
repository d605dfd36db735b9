"""What must hold of a data file before it loses its name: it is the one that was looked at, and nobody writes to it."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List
from urllib.parse import quote

from engine.remote.agent.archiving import Digests
from engine.remote.agent.failures import Failure
from engine.remote.agent.hashing import CHUNK_BYTES
from engine.remote.agent.scanning import WRITING_LOCK
from engine.remote.agent.stats import wal_of

Moved = Callable[[int], None]


def ensure_quiet(path: str, now: List[int], expected: List[int]) -> None:
    """Raise unless the file is the very one that was looked at, by inode, and nobody is writing to it."""
    if now[:3] != expected[:3] or now[3]:
        cause = "%s changed since it was looked at" % path
        raise Failure("source-changed", cause, "it stays as it is; it is looked at again by itself")
    if os.path.lexists(path + WRITING_LOCK):
        raise Failure("source-changed", "%s is being written" % path, "it stays as it is; try again when it is done")


def ensure_not_open(path: str) -> None:
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
        raise Failure("source-changed", cause, "it stays as it is; close what uses it, then try again")


def digest(fd: int, kind: str, moved: Moved) -> Dict[str, Any]:
    """Hash all that can be read from an open file; return {sha256, size, fingerprint}."""
    digests, buffer = Digests(kind), bytearray(CHUNK_BYTES)
    while True:
        count = os.readv(fd, [buffer])
        if not count:
            return digests.result()
        digests.update(memoryview(buffer)[:count])
        moved(digests.size)


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
