"""The temporary file at the target: locked, appended to in order, read back for its hash, flushed as it grows."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from typing import Any, Callable, Optional

from engine.remote.agent.chunks import CHUNK_BYTES
from engine.remote.agent.durable import sync_file
from engine.remote.agent.failures import Failure
from engine.remote.agent.holes import remove_holes, whole_from_start
from engine.remote.agent.orphans import end_lock_holder
from engine.remote.agent.paths import confined, is_temporary, make_parents
from engine.remote.agent.stats import pack_stat, usage
from engine.remote.agent.storing import store

LOCK_SECONDS = 10.0
# Whoever ends with its pipe is gone long before.
ORPHAN_SECONDS = 1.0
# A partial file is taken up at a multiple of this: what was torn by a crash is rarely its whole end.
RESUME_BYTES = 64 << 10
# Written back while the rest arrives, so that the last flush is short and a full disk shows early.
FLUSH_EVERY_BYTES = 32 << 20
# How soon the growth of a file that another process writes is seen.
LOOK_AGAIN_SECONDS = 0.004
# Below this a reservation costs more than it tells.
RESERVE_FROM_BYTES = 16 << 20
KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE of linux/falloc.h: the size stays the mark up to which chunks were verified


class PartialFile:
    """Only whole verified chunks are ever appended, so its size says where to resume."""

    def __init__(self, path: str, size: int, root: str, start_over: bool = False) -> None:
        if not is_temporary(os.path.basename(path)):
            raise Failure("bug", "%s is no temporary name of ours" % path, "report this with the log")
        confined(path, root)
        make_parents(path, root)
        self.path = path
        self.size = size
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._lock()
        if start_over:
            os.ftruncate(self.fd, 0)
        self.resumed = self._take_up()
        self.written = self.resumed
        self.hashed = 0
        self._digest = hashlib.sha256()
        self._moved = threading.Condition()
        self._complete = False
        self._filled_by_another = False
        self._failure: Optional[BaseException] = None
        self._reserve()
        self._flush_wanted = threading.Event()
        self._hasher = threading.Thread(target=self._guarded, args=(self._read_back,), daemon=True)
        self._hasher.start()
        threading.Thread(target=self._guarded, args=(self._flush_often,), daemon=True).start()

    def _lock(self) -> None:
        """Wait for a receiver that an earlier attempt left behind; it ends with its pipe, or is ended by us."""
        began = time.monotonic()
        until, orphaned = began + LOCK_SECONDS, began + ORPHAN_SECONDS
        while True:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    cause = "another receiver still writes %s" % self.path
                    raise Failure("transient-network", cause, "it is tried again by itself") from None
                if time.monotonic() > orphaned:
                    end_lock_holder(self.fd)
                time.sleep(0.05)

    def _take_up(self) -> int:
        """Cut the file back to what is verified from its start; return how much that is."""
        found = os.fstat(self.fd).st_size
        whole = whole_from_start(self.path, found) if found <= self.size else 0
        resumed = whole // RESUME_BYTES * RESUME_BYTES
        os.ftruncate(self.fd, resumed)
        remove_holes(self.path)
        return resumed

    def _lacking(self) -> int:
        """Return how many bytes are still to be stored."""
        return self.size - self.written

    def _reserve(self) -> None:
        """Raise no-space before the first byte where the rest cannot fit."""
        needed = self._lacking()
        free = usage(os.path.dirname(self.path))["free"]
        if needed > free:
            cause = "%d bytes are needed in %s, %d are free" % (needed, os.path.dirname(self.path), free)
            raise Failure("no-space", cause, "free some space on this file system")
        if needed < RESERVE_FROM_BYTES or os.uname().sysname != "Linux":
            return
        import ctypes
        import errno

        libc = ctypes.CDLL(None, use_errno=True)
        rest = ctypes.c_longlong(self.size - self.written)
        result = libc.fallocate(self.fd, KEEP_SIZE, ctypes.c_longlong(self.written), rest)
        if result != 0 and ctypes.get_errno() == errno.ENOSPC:
            raise Failure("no-space", "%s is full" % os.path.dirname(self.path), "free some space on this file system")

    def expect(self, size: int) -> None:
        """Learn the size when it is known, and hold room for that instead. Raises no-space."""
        if size != self.size:
            self.size = size
            os.ftruncate(self.fd, self.written)  # What was reserved beyond is given back.
            self._reserve()

    def append(self, chunk: memoryview) -> None:
        """Write the next bytes."""
        if self._failure is not None:
            raise self._failure
        if self.written + len(chunk) > self.size:
            raise Failure("source-changed", "more bytes arrived than the file has", "the next scan sees it")
        self._reached(store(self.fd, chunk, self.written))

    def _reached(self, position: int) -> None:
        """Say that everything before ``position`` is written: it is read back from now on."""
        with self._moved:
            self.written = position
            self._moved.notify_all()

    def filled_by_another(self) -> int:
        """Return a descriptor for a process that appends by itself; its progress is the file's size from now on."""
        os.lseek(self.fd, self.written, os.SEEK_SET)
        self._filled_by_another = True
        with self._moved:
            self._moved.notify_all()
        return self.fd

    def finish(self, waiting: Callable[[], None]) -> dict[str, Any]:
        """Flush, and return {sha256, size, stat, synced} of what was read back; ``waiting`` is called meanwhile."""
        with self._moved:
            self._complete = True
            self._moved.notify_all()
        while self._hasher.is_alive():
            self._hasher.join(0.25)
            waiting()
        if self._failure is not None:
            raise self._failure
        synced = sync_file(self.fd)
        stat = pack_stat(os.fstat(self.fd), None)
        return {"sha256": self._digest.hexdigest(), "size": self.written, "stat": stat, "synced": synced}

    def remove(self) -> None:
        """Remove the file: it is not what was sent, so there is nothing to resume."""
        os.unlink(self.path)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Run a helper thread's work; its failure is raised by whoever appends or finishes next."""
        try:
            work()
        except OSError as error:
            self._failure = error

    def _read_back(self) -> None:
        """Follow the writing with the hash, a chunk behind at most, and have every so many bytes flushed."""
        buffer = bytearray(CHUNK_BYTES)
        while True:
            ready = self._wait_for_more()
            if not ready:
                return
            view = memoryview(buffer)[: min(ready, CHUNK_BYTES)]
            count = os.preadv(self.fd, [view], self.hashed) if hasattr(os, "preadv") else self._pread(view)
            self._digest.update(view[:count])
            self.hashed += count
            if self.hashed // FLUSH_EVERY_BYTES != (self.hashed - count) // FLUSH_EVERY_BYTES:
                self._flush_wanted.set()

    def _wait_for_more(self) -> int:
        """Return how many bytes are written and not hashed yet; 0 when that was all."""
        with self._moved:
            while True:
                if self._filled_by_another:
                    self.written = os.fstat(self.fd).st_size
                ready = self.written - self.hashed
                if ready or self._complete:
                    return ready
                self._moved.wait(LOOK_AGAIN_SECONDS if self._filled_by_another else None)

    def _pread(self, view: memoryview) -> int:
        """macOS before 11 has no preadv."""
        data = os.pread(self.fd, len(view), self.hashed)
        view[: len(data)] = data
        return len(data)

    def _flush_often(self) -> None:
        flush = getattr(os, "fdatasync", os.fsync)
        while not self._complete:
            self._flush_wanted.wait()
            self._flush_wanted.clear()
            flush(self.fd)
