"""SHA-256 of quiet files, and of SQLite files also a fingerprint that ignores what a backup alone changes."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Optional

from engine.remote.agent.failures import Failure
from engine.remote.agent.hashcache import HashCache
from engine.remote.agent.paths import existing
from engine.remote.agent.stats import pack_stat, same_content, wal_of

CHUNK_BYTES = 1 << 20
HEADER_BYTES = 100
# sqlite.org/fileformat2: write and read version (18, 19), file change counter (24), schema cookie (40),
# version-valid-for (92) and library version (96). A backup, or a switch of journal mode, changes only these.
VOLATILE_HEADER = ((18, 20), (24, 28), (40, 44), (92, 100))

Check = Callable[[], None]


def neutral_header(header: bytes) -> bytes:
    """Return a database's first 100 bytes with the volatile ones zeroed."""
    changed = bytearray(header)
    for start, end in VOLATILE_HEADER:
        changed[start:end] = bytes(end - start)
    return bytes(changed[: len(header)])


def hash_file(
    path: str, kind: str, cache: Optional[HashCache], check: Check, bytes_per_second: Optional[float] = None
) -> dict[str, Any]:
    """Return {sha256, size, stat, fingerprint}; the stat is equal before and after, else Failure source-changed.

    ``check`` is called for every chunk and may raise to stop. With a cache a file that did not change since it was
    last hashed is not read.
    """
    path = existing(path)
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        before = os.fstat(fd)
        stat_before = pack_stat(before, wal_of(path))
        known = cache.find(path, before) if cache else None
        if known is None:
            known = list(_digests(fd, kind == "sqlite", check, bytes_per_second))
            after = os.fstat(fd)
            if not same_content(stat_before, pack_stat(after, wal_of(path))):
                raise Failure("source-changed", "%s changed while it was hashed" % path, "it is hashed again by itself")
            if cache:
                cache.note(path, after, known[0], known[1])
    finally:
        os.close(fd)
    return {"sha256": known[0], "size": before.st_size, "stat": stat_before, "fingerprint": known[1]}


def _digests(fd: int, sqlite: bool, check: Check, bytes_per_second: Optional[float]) -> tuple[str, Optional[str]]:
    """Return the SHA-256 and, for SQLite, the fingerprint; the second one is computed beside the first."""
    whole, neutral = hashlib.sha256(), hashlib.sha256()
    started, done = time.monotonic(), 0
    buffers = [bytearray(CHUNK_BYTES), bytearray(CHUNK_BYTES)]
    with ThreadPoolExecutor(1) as beside:
        pending = None
        while True:
            buffer = buffers[0]
            buffers.reverse()
            count = os.readv(fd, [buffer])
            if not count:
                break
            chunk = memoryview(buffer)[:count]
            if pending is not None:
                pending.result()
            if sqlite:
                pending = beside.submit(_update_neutral, neutral, chunk, done == 0)
            whole.update(chunk)
            done += count
            check()
            if bytes_per_second:
                time.sleep(max(0.0, started + done / bytes_per_second - time.monotonic()))
        if pending is not None:
            pending.result()
    return whole.hexdigest(), neutral.hexdigest() if sqlite else None


def _update_neutral(neutral: Any, chunk: memoryview, first: bool) -> None:
    if first:
        neutral.update(neutral_header(bytes(chunk[:HEADER_BYTES])))
        chunk = chunk[HEADER_BYTES:]
    neutral.update(chunk)


def be_polite() -> None:
    """Lower this process's claim on the CPU and, where the system offers it, on the disk."""
    os.nice(19)
    libc_call = _ioprio_call()
    if libc_call is not None:
        libc_call()


def _ioprio_call() -> Optional[Callable[[], object]]:
    """Return a call that puts this process into Linux's idle I/O class, or None on other systems."""
    numbers = {"x86_64": 251, "aarch64": 30}
    number = numbers.get(os.uname().machine) if os.uname().sysname == "Linux" else None
    if number is None:
        return None
    import ctypes

    libc = ctypes.CDLL(None)
    who_process, idle_class = 1, 3 << 13
    return lambda: libc.syscall(number, who_process, 0, idle_class)
