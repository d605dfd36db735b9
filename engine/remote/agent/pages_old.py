"""The target's part in a page delta: hash the old version, copy it, put the new pages into the copy, prove that."""

from __future__ import annotations

import heapq
import os
from array import array
from typing import Any, Dict, Iterator, Optional, Tuple

from engine.remote.agent import pages
from engine.remote.agent.background import Task
from engine.remote.agent.durable import sync_file
from engine.remote.agent.failures import Failure
from engine.remote.agent.pages_behind import HashBehind
from engine.remote.agent.pages_copy import clone
from engine.remote.agent.pages_delta import DeltaReader, damaged
from engine.remote.agent.pages_moved import HASH_BYTES, moves_from, run_hashes
from engine.remote.agent.pages_talk import Talk
from engine.remote.agent.paths import confined, is_temporary, make_parents
from engine.remote.agent.snapshots import remove_with_companions
from engine.remote.agent.stats import pack_stat
from engine.remote.agent.storing import store

# What one frame holds of page checksums.
PART_BYTES = 128 << 10


class Rebuild:
    """The copy that becomes the new version: under a name of its own until it is proven to be that."""

    def __init__(self, file: pages.Quiet, order: Dict[str, Any], root: str, moved: pages.Moved) -> None:
        self.path = _temporary(order["path"], root)
        self._file = file
        self._size: int = order["size"]
        self._stays: bool = order["stays"]
        self._moved = moved
        make_parents(self.path, root)
        self._copying = Task(self._copy)

    def _copy(self) -> int:
        """Copy, and have the copy flushed while the delta travels, so that the last flush is short.

        Where hardly a page stays in its place it is all written over, so that a flush would be for nothing.
        """
        fd = clone(self._file.fd, self._file.size, self.path, self._size, self._moved)
        self._file.ensure_unchanged()
        if self._stays:
            getattr(os, "fdatasync", os.fsync)(fd)
        return fd

    def finish(self, delta_path: str) -> Tuple[int, HashBehind]:
        """Put into the copy what differs; return its descriptor, and the hash of it that is on its way."""
        fd: int = self._copying.result()
        delta_fd = os.open(delta_path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            delta = DeltaReader(delta_fd, self._size, self._file.size)
            whole, end = HashBehind(fd, self._size), 0
            for start, data in heapq.merge(self._moved_pages(delta), delta.parts(), key=lambda part: part[0]):
                if start < end:
                    raise damaged("it writes twice to one place")  # The first would be hashed, the second stay.
                whole.reached(start)
                end = store(fd, memoryview(data), start)
                self._moved(start)
            whole.reached(self._size)
        finally:
            os.close(delta_fd)
        return fd, whole

    def _moved_pages(self, delta: DeltaReader) -> Iterator[Tuple[int, bytes]]:
        """Yield (offset, bytes), ascending, of what is to be taken from elsewhere in the old version."""
        page = delta.page_bytes
        for new, old, count in delta.moves:
            yield new * page, os.pread(self._file.fd, count * page, old * page)


def tell_old(job: Dict[str, Any], talk: Talk) -> Dict[str, Any]:
    """Answer the orders of one delta; return {sha256, size, stat} of the flushed new version at its temporary name.

    Orders: ``pages`` (the checksums of these groups), ``moved`` (of these runs), ``blocks`` (of these pages),
    ``copy`` (the old version; the only one that may come while it is hashed), ``apply`` (a delta to the copy).
    Raises Failure checksum-mismatch, leaving the copy to be discarded, when that is not what was wanted.
    """
    file = pages.Quiet(job["path"], job["root"], job["stat"])
    page_bytes = file.page_bytes()
    talk.say({"page": page_bytes, "sample": pages.to_text(pages.sample(file, page_bytes, job["other_size"]))})
    rebuild: Optional[Rebuild] = None

    def moved(done: int) -> None:
        nonlocal rebuild
        if rebuild is None and talk.pending():
            rebuild = Rebuild(file, talk.hear()[1], job["root"], talk.moved)
        talk.moved(done)

    crcs = pages.checksums(file, page_bytes, moved)
    talk.say({"groups": pages.to_text(pages.group_hashes(crcs)), "count": len(crcs)})
    while True:
        word, order = talk.hear()
        if word == "pages":
            _tell_pages(crcs, pages.from_text(order), talk)
        elif word == "moved":
            _tell_runs(file, page_bytes, pages.from_text(order), job["other_size"], talk)
        elif word == "blocks":
            _tell_blocks(file, page_bytes, pages.numbers_of(pages.from_text(order), len(crcs)), talk)
        elif word == "copy":
            rebuild = Rebuild(file, order, job["root"], talk.moved)
        elif rebuild is not None:
            return _apply(rebuild, order, job["root"], talk)


def _tell_pages(crcs: "array[int]", bits: bytes, talk: Talk) -> None:
    part = array("I")
    for start, end in pages.spans_of(bits, len(crcs)):
        part.extend(crcs[start:end])
        if len(part) * part.itemsize >= PART_BYTES:
            talk.say({"crcs": pages.to_text(pages.packed(part)), "last": False})
            part = array("I")
    talk.say({"crcs": pages.to_text(pages.packed(part)), "last": True})


def _tell_runs(file: pages.Quiet, page_bytes: int, asked: bytes, new_size: int, talk: Talk) -> None:
    moves = moves_from(asked, new_size // page_bytes, file.size // page_bytes)
    step = PART_BYTES // HASH_BYTES
    for start in range(0, len(moves.old), step):
        part = slice(start, start + step)
        hashes = run_hashes(file, page_bytes, moves.old[part], moves.counts[part])
        talk.say({"crcs": pages.to_text(hashes), "last": False})
    talk.say({"crcs": "", "last": True})


def _tell_blocks(file: pages.Quiet, page_bytes: int, wanted: "array[int]", talk: Talk) -> None:
    step = max(1, PART_BYTES // (page_bytes // pages.DELTA_BLOCK_BYTES * wanted.itemsize))
    for start in range(0, len(wanted), step):
        part = pages.block_checksums(file, page_bytes, wanted, start, min(start + step, len(wanted)))
        talk.say({"crcs": pages.to_text(pages.packed(part)), "last": False})
    talk.say({"crcs": "", "last": True})


def _apply(rebuild: Rebuild, order: Dict[str, Any], root: str, talk: Talk) -> Dict[str, Any]:
    temp_path = _temporary(order["temp_path"], root)
    fd, whole = rebuild.finish(_temporary(order["delta_path"], root))
    flushing = Task(lambda: sync_file(fd))
    size = os.fstat(fd).st_size
    sha256 = whole.result(lambda: talk.moved(size))
    while not flushing.ended(1.0):
        talk.moved(size)
    synced = flushing.result()
    if sha256 != order["sha256"]:
        cause = "what was rebuilt at %s is not what the source holds" % rebuild.path
        raise Failure("checksum-mismatch", cause, "nothing: the file is sent whole")
    if os.lstat(rebuild.path).st_ino != os.fstat(fd).st_ino:
        raise Failure("transient-network", "%s was replaced" % rebuild.path, "it is tried again by itself")
    remove_with_companions(temp_path)
    os.rename(rebuild.path, temp_path)
    return {"sha256": sha256, "size": size, "stat": pack_stat(os.fstat(fd), None), "synced": synced}


def _temporary(path: str, root: str) -> str:
    """Return a path that is to be a temporary file of ours within the root."""
    if not is_temporary(os.path.basename(path)):
        raise Failure("bug", "%s is no temporary name of ours" % path, "report this with the log")
    return confined(path, root)
