"""Archives: a file compressed, read back in full and compared; and decompressed again. In a process of its own."""

from __future__ import annotations

import hashlib
import os
from typing import Any, Callable, Dict, Iterator, Optional

from engine.remote.agent.archiving_codecs import compressor, decompressed
from engine.remote.agent.checks import check_file
from engine.remote.agent.durable import sync_file, sync_folder
from engine.remote.agent.failures import Failure
from engine.remote.agent.hashing import CHUNK_BYTES, HEADER_BYTES, neutral_header
from engine.remote.agent.paths import checked, confined, existing, is_temporary, make_parents
from engine.remote.agent.snapshots import remove_with_companions
from engine.remote.agent.stats import pack_stat, same_content, stat_file, usage, wal_of

# What the folder must still have free beside the largest that the new file can become.
ROOM_SLACK_BYTES = 1 << 20

Moved = Callable[[int], None]


class Digests:
    """SHA-256 of what passes by and, of a database, the fingerprint; see hashing.py."""

    def __init__(self, kind: str) -> None:
        self.whole = hashlib.sha256()
        self.size = 0
        self._neutral: Optional[Any] = hashlib.sha256() if kind == "sqlite" else None
        self._head = b""

    def update(self, chunk: Any) -> None:
        """Take the next bytes."""
        self.whole.update(chunk)
        self.size += len(chunk)
        if self._neutral is None:
            return
        if len(self._head) < HEADER_BYTES:
            missing = HEADER_BYTES - len(self._head)
            self._head += bytes(chunk[:missing])
            if len(self._head) < HEADER_BYTES:
                return
            self._neutral.update(neutral_header(self._head))
            chunk = chunk[missing:]
        self._neutral.update(chunk)

    def result(self) -> Dict[str, Any]:
        """Return {sha256, size, fingerprint}."""
        fingerprint = None
        if self._neutral is not None:
            if len(self._head) < HEADER_BYTES:
                self._neutral.update(neutral_header(self._head))
            fingerprint = self._neutral.hexdigest()
        return {"sha256": self.whole.hexdigest(), "size": self.size, "fingerprint": fingerprint}


def make_archive(job: Dict[str, Any], moved: Moved) -> Dict[str, Any]:
    """Compress ``path`` into the temporary file ``target``, flush it, read it back in full and compare.

    Returns {sha256, size, fingerprint, archive_sha256, stat}. Raises Failure source-changed when the file was written
    to meanwhile, no-space before the first byte where the folder may not hold it, and leaves no file then.
    """
    target = _prepared(job)
    path = existing(checked(job["path"]))
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        before = pack_stat(os.fstat(fd), wal_of(path))
        if job["stat"] is not None and not same_content(before, job["stat"]):
            raise _changed(path)
        _ensure_room(target, before[0])
        try:
            content = _compress(fd, target, job, moved)
            if not same_content(before, pack_stat(os.fstat(fd), wal_of(path))):
                raise _changed(path)
            found = read_archive(target, job["codec"], lambda done: moved(content["size"] + done), lambda _: None)
            if (found["sha256"], found["size"]) != (content["sha256"], content["size"]):
                cause = "%s reads back as another content than was written" % target
                raise Failure("checksum-mismatch", cause, "look at the drive's health, then try again")
        except BaseException:
            remove_with_companions(target)
            raise
    finally:
        os.close(fd)
    return dict(content, archive_sha256=found["archive_sha256"], stat=stat_file(target))


def verify_archive(job: Dict[str, Any], moved: Moved) -> Dict[str, Any]:
    """Read an archive in full; return {sha256, size, archive_sha256, stat}. Raises Failure for one that is damaged."""
    path = confined(job["path"], job["root"])
    if stat_file(path) is None:
        raise Failure("not-found", "%s is not there" % path, "restore it from another copy")
    found = read_archive(path, job["codec"], moved, lambda _: None)
    return dict(found, stat=stat_file(path))


def restore_archive(job: Dict[str, Any], moved: Moved) -> Dict[str, Any]:
    """Decompress an archive into the temporary file ``target``, flush it, and check it for its kind.

    Returns {sha256, size, fingerprint, stat}; raises Failure checksum-mismatch when the content is not ``sha256``.
    """
    target = _prepared(job)
    path = confined(job["path"], job["archive_root"])
    _ensure_room(target, job["size"])
    try:
        content = _decompress(path, target, job, moved)
        if content["sha256"] != job["sha256"]:
            raise Failure("checksum-mismatch", "%s holds another content than was archived" % path, _REPLACE)
        problem = check_file(target, job["kind"], lambda: None)
        if problem is not None:
            raise Failure("checksum-mismatch", "%s: %s" % (path, problem), _REPLACE)
    except BaseException:
        remove_with_companions(target)
        raise
    return dict(content, stat=stat_file(target))


_REPLACE = "archive it again from another copy"


def read_archive(path: str, codec: str, moved: Moved, take: Callable[[Any], None]) -> Dict[str, Any]:
    """Decompress to ``take``; return {sha256, size, archive_sha256}. Raises Failure for an archive that is damaged."""
    whole, packed, size = hashlib.sha256(), hashlib.sha256(), 0
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for chunk in decompressed(fd, codec, packed.update):
            whole.update(chunk)
            take(chunk)
            size += len(chunk)
            moved(size)
    finally:
        os.close(fd)
    return {"sha256": whole.hexdigest(), "size": size, "archive_sha256": packed.hexdigest()}


def _compress(fd: int, target: str, job: Dict[str, Any], moved: Moved) -> Dict[str, Any]:
    digests = Digests(job["kind"])
    out = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        packing = compressor(out, job["codec"])
        try:
            for chunk in _chunks(fd):
                digests.update(chunk)
                packing.feed(chunk)
                moved(digests.size)
            packing.finish(lambda: moved(digests.size))
        finally:
            packing.close()
        sync_file(out)
    finally:
        os.close(out)
    sync_folder(os.path.dirname(target))
    return digests.result()


def _decompress(path: str, target: str, job: Dict[str, Any], moved: Moved) -> Dict[str, Any]:
    digests = Digests(job["kind"])
    out = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:

        def take(chunk: Any) -> None:
            digests.update(chunk)
            view = memoryview(chunk)
            while view:
                view = view[os.write(out, view) :]

        read_archive(path, job["codec"], moved, take)
        sync_file(out)
    finally:
        os.close(out)
    return digests.result()


def _chunks(fd: int) -> Iterator[memoryview]:
    buffer = bytearray(CHUNK_BYTES)
    while True:
        count = os.readv(fd, [buffer])
        if not count:
            return
        yield memoryview(buffer)[:count]


def _prepared(job: Dict[str, Any]) -> str:
    """Return the temporary file that is written: a name of ours, in the root, its folders there, itself gone."""
    target: str = job["target"]
    if not is_temporary(os.path.basename(target)):
        raise Failure("bug", "%s is no temporary name of ours" % target, "report this with the log")
    make_parents(target, job["root"])
    remove_with_companions(target)
    return target


def _ensure_room(target: str, needed: int) -> None:
    folder = os.path.dirname(target)
    free = usage(folder)["free"]
    if free < needed + ROOM_SLACK_BYTES:
        cause = "up to %d bytes are written in %s, %d are free" % (needed, folder, free)
        raise Failure("no-space", cause, "free some space on this file system")


def _changed(path: str) -> Failure:
    return Failure("source-changed", "%s changed while it was archived" % path, "archive it when nobody writes to it")
