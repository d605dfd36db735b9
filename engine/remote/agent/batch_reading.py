"""The files of a batch, read and hashed a chunk at a time."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

from engine.remote.agent.batch_format import CHUNK_BYTES, Piece, tail_of
from engine.remote.agent.checks import check_file
from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.growing import SETTLED_SECONDS
from engine.remote.agent.paths import existing
from engine.remote.agent.stats import pack_stat, same_content, wal_of


class Wanted(NamedTuple):
    """One file to send, as the job names it. ``growing``: only whole lines of what was there at ``stat``."""

    path: str
    stat: List[int]
    kind: str
    check: bool
    growing: bool


class Chunk(NamedTuple):
    """Part of a buffer, which is free again after its last chunk."""

    buffer: bytearray
    start: int
    end: int
    tail: bytes
    last: bool


class Source:
    """The files, of which several threads may read the next ones. A file's chunks are read by one of them, in order."""

    def __init__(self, files: "list[Wanted]", chunk_bytes: Callable[[int], int], busy: Callable[[], None]) -> None:
        """``chunk_bytes`` shortens chunks for a slow link; ``busy`` is called while a type check goes on."""
        self.hashed: List[Tuple[int, str]] = []
        """The SHA-256 of each file that was read whole, by its number."""
        self._files = files
        self._chunk_bytes = chunk_bytes
        self._busy = busy
        self._next = 0
        self._lock = threading.Lock()
        self._free: "queue.SimpleQueue[bytearray]" = queue.SimpleQueue()

    @property
    def left(self) -> bool:
        """Whether there are files that nobody took yet."""
        return self._next < len(self._files)

    @property
    def next_is_large(self) -> bool:
        """Whether the next file, which must be there, needs several chunks."""
        return self._is_large(self._next)

    def take(self) -> List[int]:
        """Return the next few files that fit into one chunk, or one that does not."""
        limit = self._chunk_bytes(CHUNK_BYTES)
        with self._lock:
            group: List[int] = []
            total = 0
            while self.left:
                total += self._files[self._next].stat[0]
                if group and total > limit:
                    break
                group.append(self._next)
                self._next += 1
            return group

    def chunks(self, group: "list[int]") -> Iterator[Chunk]:
        """Yield the chunks of files that were taken."""
        if len(group) == 1 and self._is_large(group[0]):
            yield from self._large(group[0])
        else:
            yield self.together(group)

    def together(self, group: "list[int]") -> Chunk:
        """Return one chunk of small files that were taken."""
        buffer = self._buffer(sum(self._files[index].stat[0] for index in group))
        pieces, at = [], 0
        with memoryview(buffer) as view:
            for index in group:
                piece = self._small(index, view[at : at + self._files[index].stat[0]])
                pieces.append(piece)
                at += piece.length
        return Chunk(buffer, 0, at, tail_of(pieces), True)

    def give_back(self, chunk: Chunk) -> None:
        """Hear that a chunk's contents are needed no more."""
        if chunk.last:
            self._free.put(chunk.buffer)

    def _is_large(self, index: int) -> bool:
        return self._files[index].stat[0] > self._chunk_bytes(CHUNK_BYTES)

    def _buffer(self, size: int) -> bytearray:
        """Return memory for ``size`` bytes, used before where there is some: the system gives new memory slowly."""
        try:
            buffer = self._free.get_nowait()
        except queue.Empty:
            return bytearray(max(size, CHUNK_BYTES))
        return buffer if len(buffer) >= size else bytearray(size)

    def _small(self, index: int, room: memoryview) -> Piece:
        try:
            size, lines = self._whole(self._files[index], room)
            return Piece(index, size, self._hash(index, room[:size]), size, lines)
        except (Failure, OSError) as error:
            return _failed(index, error, self._files[index].path)
        finally:
            room.release()

    def _large(self, index: int) -> Iterator[Chunk]:
        """Yield a file that needs several chunks; a batch's files are small enough to be read at once."""
        room = self._files[index].stat[0]
        buffer = self._buffer(room)
        with memoryview(buffer) as whole, whole[:room] as view:
            try:
                size, lines = self._whole(self._files[index], view)
            except (Failure, OSError) as error:
                yield Chunk(buffer, 0, 0, tail_of([_failed(index, error, self._files[index].path)]), True)
                return
            with view[:size] as content:
                sha256 = self._hash(index, content)
        at = 0
        while at < size:
            end = min(size, at + self._chunk_bytes(CHUNK_BYTES))
            last = end == size
            piece = Piece(index, end - at, sha256, size, lines) if last else Piece(index, end - at)
            yield Chunk(buffer, at, end, tail_of([piece]), last)
            at = end

    def _hash(self, index: int, content: memoryview) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self.hashed.append((index, sha256))
        return sha256

    def _whole(self, file: Wanted, room: memoryview) -> Tuple[int, Optional[int]]:
        """Read a file into ``room``; return its bytes and, of a log, its lines. Raises Failure or OSError."""
        path = existing(file.path)
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            opened = os.fstat(fd)
            if not file.growing:
                _ensure_same(path, opened, file)
                self._ensure_sound(path, file)
            count = _fill(fd, room)
            after = os.lstat(path)
        finally:
            os.close(fd)
        if count != len(room) or after.st_ino != opened.st_ino:
            raise _changed(path)
        if not file.growing:
            _ensure_same(path, after, file)
            return count, None
        if after.st_size < file.stat[0]:
            raise _changed(path)
        return _whole_lines(path, room, file.stat)

    def _ensure_sound(self, path: str, file: Wanted) -> None:
        if not file.check or (file.kind == "plain" and file.stat[0]):
            return
        problem = check_file(path, file.kind, self._busy)
        if problem is not None:
            raise Damaged(problem)


class Damaged(Failure):
    """The source failed the check of its type: nothing is wrong with the way."""

    def __init__(self, problem: str) -> None:
        super().__init__("checksum-mismatch", "the source is damaged: %s" % problem, "move it aside or restore it")
        self.problem = problem


def _failed(index: int, error: Exception, path: str) -> Piece:
    told = from_exception(error, path).as_json()
    if isinstance(error, Damaged):
        told["damaged"] = error.problem
    return Piece(index, 0, failure=told)


def _fill(fd: int, room: memoryview) -> int:
    count = 0
    while count < len(room):
        got = os.readv(fd, [room[count:]])
        if not got:
            break
        count += got
    return count


def _whole_lines(path: str, room: memoryview, stat: "list[int]") -> Tuple[int, int]:
    """Return how much of a log is complete lines, and how many; as ``copy_complete_lines`` has it."""
    content = bytes(room)
    size, lines = content.rfind(b"\n") + 1, content.count(b"\n")
    if size < len(content) and time.time() - stat[1] / 1e9 > SETTLED_SECONDS:
        size, lines = len(content), lines + 1
    if not size:
        raise Failure("source-changed", "%s has no complete line yet" % path, "it is tried again")
    return size, lines


def _ensure_same(path: str, found: os.stat_result, file: Wanted) -> None:
    # A -wal beside a file matters where one was seen, and for databases in any case.
    wal = wal_of(path) if file.kind == "sqlite" or file.stat[3] else None
    if not same_content(pack_stat(found, wal), file.stat):
        raise _changed(path)


def _changed(path: str) -> Failure:
    return Failure("source-changed", "%s changed since it was looked at" % path, "the next scan sees it")
