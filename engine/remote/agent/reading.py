"""What a sender reads: a quiet file, hashed while it is read or behind it, and proven unchanged at the end."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from typing import Any, Callable, Dict, List, Optional

from engine.remote.agent.background import Task
from engine.remote.agent.chunks import CHUNK_BYTES
from engine.remote.agent.failures import Failure
from engine.remote.agent.paths import existing
from engine.remote.agent.stats import pack_stat, same_content, wal_of

# Chunks read ahead of the hash: the wire never waits for SHA-256 unless that is the slowest part.
BUFFERS = 4

Fill = Callable[[memoryview], int]
"""Reads the next bytes into a buffer and returns how many; 0 at the end."""


class HashedReading:
    """Reads through a ring of buffers, a thread hashing behind."""

    def __init__(self, fill: Fill) -> None:
        self._fill = fill
        self._digest = hashlib.sha256()
        self._buffers = [bytearray(CHUNK_BYTES) for _ in range(BUFFERS)]
        self._free = threading.Semaphore(BUFFERS)
        self._full: "queue.SimpleQueue[Optional[memoryview]]" = queue.SimpleQueue()
        self._hashing = Task(self._hash)
        self._turn = 0

    def read(self, at_most: int) -> memoryview:
        """Return the next bytes, being hashed meanwhile; empty at the end. Valid for the next few reads."""
        self._free.acquire()
        buffer = memoryview(self._buffers[self._turn])[:at_most]
        chunk = buffer[: self._fill(buffer)]
        self._full.put(chunk)
        self._turn = (self._turn + 1) % BUFFERS
        return chunk

    def sha256(self) -> str:
        """Return the SHA-256 of everything read, when all of it is hashed."""
        self._full.put(None)
        self._hashing.result()
        return self._digest.hexdigest()

    def _hash(self) -> None:
        while True:
            chunk = self._full.get()
            if chunk is None:
                return
            self._digest.update(chunk)
            self._free.release()


class QuietFile:
    """The open file, its SHA-256, and the proof that it did not change while it was read.

    From its beginning it is hashed as it is read. From further on a thread reads and hashes the whole of it beside:
    what the receiver has need not be read before the rest can go. Where its hash is known already, nobody hashes.
    """

    games_count: Optional[int] = None
    readable_by_name = True
    """Another program may read the very same bytes under ``path``."""

    def __init__(self, job: Dict[str, Any]) -> None:
        self.path = existing(job["source_path"])
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.size: int = job["size"]
        self._known: Optional[str] = job["sha256"]
        self._expected: List[int] = job["source_stat"] or self._stat()
        self._hashed: Optional[HashedReading] = None
        self._beside: Optional[Task] = None
        self._buffer = bytearray(0)
        self.ensure_unchanged()
        if self._expected[0] != self.size:
            raise self._changed()

    def begin(self, offset: int, news: Callable[[], None]) -> None:
        """Start reading at ``offset``; ``news`` is called while what must be read beside that is read."""
        os.lseek(self.fd, offset, os.SEEK_SET)
        if self._known is None and offset == 0:
            self._hashed = HashedReading(lambda buffer: os.readv(self.fd, [buffer]))
            return
        self._buffer = bytearray(CHUNK_BYTES)
        if self._known is None:
            self._beside = Task(lambda: self._hash_whole(news))

    def read(self, at_most: int) -> memoryview:
        """Return the next bytes; empty at the end. Valid until the next read."""
        if self._hashed is not None:
            return self._hashed.read(at_most)
        buffer = memoryview(self._buffer)[:at_most]
        return buffer[: os.readv(self.fd, [buffer])]

    def finish(self) -> str:
        """Return the SHA-256 of the whole file. Raises Failure source-changed when it is not what was promised."""
        sha256: str = self._known or (self._beside.result() if self._beside is not None else "")
        if self._hashed is not None:
            sha256 = self._hashed.sha256()
        self.ensure_unchanged()
        return sha256

    def ensure_unchanged(self) -> None:
        """Raise Failure source-changed when the path or the open file is not what was promised."""
        if not same_content(self._stat(), self._expected) or os.lstat(self.path).st_ino != os.fstat(self.fd).st_ino:
            raise self._changed()

    def _hash_whole(self, news: Callable[[], None]) -> str:
        digest = hashlib.sha256()
        buffer = bytearray(CHUNK_BYTES)
        with open(self.path, "rb", buffering=0) as file:
            while True:
                count = file.readinto(buffer)
                if not count:
                    return digest.hexdigest()
                digest.update(memoryview(buffer)[:count])
                news()

    def _stat(self) -> List[int]:
        return pack_stat(os.fstat(self.fd), wal_of(self.path))

    def _changed(self) -> Failure:
        return Failure("source-changed", "%s changed since it was looked at" % self.path, "the next scan sees it")
