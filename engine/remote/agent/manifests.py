"""The SHA-256 of every chunk of a quiet file, and of the whole, in one pass; kept while the file stays as it is."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator, Optional, Tuple

from engine.remote.agent.failures import Failure
from engine.remote.agent.hashcache import KEPT_SECONDS, CacheFile, is_settled, seen_as
from engine.remote.agent.paths import checked, existing
from engine.remote.agent.stats import pack_stat, same_content, wal_of

# Hashes that travel in one message: 16 GiB of file at 4 MiB a chunk, a quarter of a megabyte as hex.
HASHES_PER_BATCH = 4096
READ_BYTES = 1 << 20
DIGEST_BYTES = 32

SCHEMA = """
CREATE TABLE IF NOT EXISTS manifests (
    path TEXT NOT NULL, chunk_bytes INTEGER NOT NULL, seen TEXT NOT NULL, sha256 TEXT NOT NULL, used_at REAL NOT NULL,
    digests BLOB NOT NULL, PRIMARY KEY (path, chunk_bytes)
) WITHOUT ROWID
"""


class ManifestCache:
    """Chunk hashes already computed; losing them loses only time."""

    def __init__(self, folder: str) -> None:
        self._file = CacheFile(os.path.join(folder, "manifests.db"), SCHEMA)

    def find(self, path: str, chunk_bytes: int, found: os.stat_result) -> Optional[Tuple[str, bytes]]:
        """Return (SHA-256 of the whole, digests of the chunks) taken of exactly this state of the file, or None."""
        wanted = "SELECT sha256, digests FROM manifests WHERE path = ? AND chunk_bytes = ? AND seen = ?"
        rows = self._file.run(wanted, (path, chunk_bytes, seen_as(found)))
        return (rows[0][0], rows[0][1]) if rows else None

    def note(self, path: str, chunk_bytes: int, found: os.stat_result, sha256: str, digests: bytes) -> None:
        """Keep the hashes of a file that is not being written any more."""
        now = time.time()
        if not is_settled(found, now):
            return
        row = (path, chunk_bytes, seen_as(found), sha256, now, digests)
        self._file.run("INSERT OR REPLACE INTO manifests VALUES (?, ?, ?, ?, ?, ?)", row)
        self._file.run("DELETE FROM manifests WHERE used_at < ?", (now - KEPT_SECONDS,))


def send_manifest(
    path: str, chunk_bytes: int, cache: ManifestCache, emit: Callable[[Any], None], check: Callable[[], None]
) -> dict[str, Any]:
    """Send all chunk hashes, as hex in batches, through ``emit``; return {sha256, size, stat} of the whole file.

    ``check`` is called for every megabyte and may raise to stop. Raises Failure source-changed for a file that did
    not keep still.
    """
    path = existing(checked(path))
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise Failure("unsupported", "%s is no regular file" % path, "the next scan finds what is there now")
        stat_before = pack_stat(before, wal_of(path))
        known = cache.find(path, chunk_bytes, before)
        if known is None:
            known = _read(fd, chunk_bytes, check)
            after = os.fstat(fd)
            if not same_content(stat_before, pack_stat(after, wal_of(path))):
                raise Failure("source-changed", "%s changed while it was hashed" % path, "it is hashed again by itself")
            cache.note(path, chunk_bytes, after, known[0], known[1])
    finally:
        os.close(fd)
    for batch in _batches(known[1]):
        emit(batch)
    return {"sha256": known[0], "size": before.st_size, "stat": stat_before}


def _batches(digests: bytes) -> Iterator[str]:
    step = HASHES_PER_BATCH * DIGEST_BYTES
    for start in range(0, len(digests), step):
        yield digests[start : start + step].hex()


def _read(fd: int, chunk_bytes: int, check: Callable[[], None]) -> Tuple[str, bytes]:
    """Return the whole file's SHA-256 and all chunks' digests; the two are computed side by side."""
    whole = hashlib.sha256()
    digests: "list[bytes]" = []
    chunk, left = hashlib.sha256(), chunk_bytes
    buffers = [bytearray(READ_BYTES), bytearray(READ_BYTES)]
    with ThreadPoolExecutor(1) as beside:
        pending = None
        while True:
            buffers.reverse()
            view = memoryview(buffers[0])[: min(READ_BYTES, left)]
            count = os.readv(fd, [view])
            if pending is not None:
                pending.result()
            if not count:
                break
            pending = beside.submit(whole.update, view[:count])
            chunk.update(view[:count])
            left -= count
            if not left:
                digests.append(chunk.digest())
                chunk, left = hashlib.sha256(), chunk_bytes
            check()
    if left < chunk_bytes:
        digests.append(chunk.digest())
    return whole.hexdigest(), b"".join(digests)
