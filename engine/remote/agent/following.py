"""Hashing a temporary file while another program writes it from front to back, a moment behind it.

What is read back comes from the same page cache as after the end, and is written back to the medium meanwhile, so that
neither the hash nor the last flush begins when the program has ended. Good only for a writer that writes each byte
once and in order (rsync --whole-file --inplace); the caller compares the stat that is returned with the one at the end.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import Any, Callable

from engine.remote.agent.background import Task
from engine.remote.agent.failures import Failure
from engine.remote.agent.paths import confined, is_temporary
from engine.remote.agent.stats import pack_stat

CHUNK_BYTES = 1 << 20
LOOK_AGAIN_SECONDS = 0.01
FLUSH_EVERY_BYTES = 32 << 20


def follow(path: str, size: int, root: str, check: Callable[[], None]) -> dict[str, Any]:
    """Return {sha256, size, stat, fingerprint} as soon as ``size`` bytes are there and hashed.

    ``check`` is called while it waits and may raise to stop.
    """
    if not is_temporary(os.path.basename(path)):
        raise Failure("bug", "%s is no temporary name of ours" % path, "report this with the log")
    confined(path, root)
    fd = _opened(path, check)
    try:
        digest, done = hashlib.sha256(), 0
        buffer = memoryview(bytearray(CHUNK_BYTES))
        flushing = None
        while done < size:
            check()
            count = os.readv(fd, [buffer[: min(CHUNK_BYTES, size - done)]])
            if not count:
                time.sleep(LOOK_AGAIN_SECONDS)
                continue
            digest.update(buffer[:count])
            if (done + count) // FLUSH_EVERY_BYTES != done // FLUSH_EVERY_BYTES:
                if flushing is not None:
                    flushing.result()
                flushing = Task(lambda: _flush(fd))
            done += count
        if flushing is not None:
            flushing.result()
        return {"sha256": digest.hexdigest(), "size": size, "stat": pack_stat(os.fstat(fd), None), "fingerprint": None}
    finally:
        os.close(fd)


def _opened(path: str, check: Callable[[], None]) -> int:
    """Wait for the file to appear; return it open."""
    while True:
        check()
        try:
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            time.sleep(LOOK_AGAIN_SECONDS)


def _flush(fd: int) -> None:
    getattr(os, "fdatasync", os.fsync)(fd)
