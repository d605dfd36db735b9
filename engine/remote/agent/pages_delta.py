"""The delta file: the parts of a new version that the old one lacks, compressed, with what proves it whole.

``SYNCDECK-PAGES-1\\n``; the head as JSON, the pages that moved, and the index, each after its length (4 bytes); the
blocks of the index in order as one zstd or zlib stream; the SHA-256 of all that. The index holds runs of blocks: all
gaps, then all lengths, the four bytes of each in four planes, in zlib.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import zlib
from array import array
from typing import Any, Callable, Dict, Iterator, NamedTuple, Tuple

from engine.remote.agent.background import Task
from engine.remote.agent.failures import Failure
from engine.remote.agent.frames import read_exactly, write_all
from engine.remote.agent.pages import BLOCK_BYTES, DELTA_BLOCK_BYTES, PAGE_SIZES, Quiet, Runs, packed, unpacked
from engine.remote.agent.pages_moved import Moves, moves_from
from engine.remote.agent.programs import find_tool

MAGIC = b"SYNCDECK-PAGES-1\n"
LENGTH = struct.Struct(">I")
DIGEST_BYTES = 32
# Of 28 MB of game pages level 3 made 1.5 % less than 1 in the same 0.09 s, zlib at 1 in 0.15 s 13 % more.
ZSTD_LEVEL, ZLIB_LEVEL = "-3", 1
ZSTD, ZLIB = "zstd", "zlib"

Moved = Callable[[int], None]


class Delta(NamedTuple):
    """What makes a new version of ``size`` bytes of an old one: pages to take from elsewhere in it, blocks to add."""

    size: int
    page_bytes: int
    moves: Moves
    runs: Runs


def write_delta(fd: int, source: Quiet, delta: Delta, codec: str, moved: Moved) -> str:
    """Write a delta of ``source`` to the empty file ``fd``; return the file's SHA-256."""
    runs = delta.runs
    head = {"block": DELTA_BLOCK_BYTES, "page": delta.page_bytes, "size": delta.size, "runs": len(runs.starts)}
    head_data = json.dumps(dict(head, codec=codec)).encode("ascii")
    moves = delta.moves.packed()
    index = zlib.compress(_planes(packed(_gaps(runs))) + _planes(packed(runs.counts)), 6)
    write_all(fd, MAGIC + b"".join(LENGTH.pack(len(part)) + part for part in (head_data, moves, index)))
    parts = _parts(source, runs, moved)
    _write_zstd(fd, parts) if codec == ZSTD else _write_zlib(fd, parts)
    size = os.fstat(fd).st_size
    digest = _digest(fd, size)
    os.lseek(fd, 0, os.SEEK_END)
    write_all(fd, digest.digest())
    digest.update(digest.digest())
    return str(digest.hexdigest())


class DeltaReader:
    """An open delta, found whole; ``parts`` gives its content. Raises Failure checksum-mismatch for a damaged one."""

    def __init__(self, fd: int, size: int, old_size: int) -> None:
        """``size`` is that of the file which the delta must make of an older one of ``old_size`` bytes."""
        self._fd = fd
        self._size = size
        end = os.fstat(fd).st_size - DIGEST_BYTES
        if end <= len(MAGIC) or os.pread(fd, DIGEST_BYTES, end) != _digest(fd, end).digest():
            raise damaged("it is not what was written")
        os.lseek(fd, 0, os.SEEK_SET)
        if read_exactly(fd, len(MAGIC)) != MAGIC:
            raise Failure("unsupported", "a delta of another version came", "nothing: the file is sent whole")
        head: Dict[str, Any] = json.loads(self._counted())
        if head["block"] != DELTA_BLOCK_BYTES:
            raise Failure("unsupported", "a delta of other blocks came", "nothing: the file is sent whole")
        if head["size"] != size:
            raise damaged("it belongs to another file")
        self._codec: str = head["codec"]
        self.page_bytes: int = head["page"]
        if self.page_bytes not in PAGE_SIZES:
            raise damaged("its page size is none")
        self.moves = moves_from(self._counted(), size // self.page_bytes, old_size // self.page_bytes)
        self.runs = _runs(self._counted(), head["runs"], -(-size // DELTA_BLOCK_BYTES))
        self._end = end

    def _counted(self) -> bytes:
        length = read_exactly(self._fd, LENGTH.size)
        data = read_exactly(self._fd, LENGTH.unpack(length)[0]) if length is not None else None
        if data is None:
            raise damaged("it was cut")
        return data

    def parts(self) -> "Iterator[Tuple[int, bytes]]":
        """Yield (offset, bytes) of what to write, in ascending order. Call it once."""
        body = iter(_read_zstd(self._fd, self._end) if self._codec == ZSTD else _read_zlib(self._fd, self._end))
        rest = b""
        for start, length in self.runs.spans(self._size):
            pieces, missing = [rest], length - len(rest)
            while missing > 0:
                piece = next(body, b"")
                if not piece:
                    raise damaged("it holds too little")
                pieces.append(piece)
                missing -= len(piece)
            data = b"".join(pieces)
            rest = data[length:]
            yield start, data[:length]
        if rest or next(body, b""):
            raise damaged("it holds too much")


def damaged(why: str) -> Failure:
    """Return the failure of a delta that cannot be used."""
    return Failure("checksum-mismatch", "the delta is damaged: %s" % why, "nothing: the file is sent whole")


def _parts(source: Quiet, runs: Runs, moved: Moved) -> Iterator[bytes]:
    done = 0
    for start, length in runs.spans(source.size):
        data = os.pread(source.fd, length, start)
        if len(data) != length:
            source.ensure_unchanged()
            raise Failure("unsupported", "%s could not be read" % source.path, "check that disk")
        yield data
        done += length
        moved(done)


def _write_zlib(fd: int, parts: Iterator[bytes]) -> None:
    packer = zlib.compressobj(ZLIB_LEVEL)
    for part in parts:
        write_all(fd, packer.compress(part))
    write_all(fd, packer.flush())


def _write_zstd(fd: int, parts: Iterator[bytes]) -> None:
    process = _zstd([ZSTD_LEVEL, "-T1"], stdin=subprocess.PIPE, stdout=fd)
    assert process.stdin is not None
    try:
        for part in parts:
            write_all(process.stdin.fileno(), part)
    except BrokenPipeError:
        pass  # It ended early, and says why.
    _settle(process)


def _read_zlib(fd: int, end: int) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    try:
        for piece in _body(fd, end):
            while piece:
                yield unpacker.decompress(piece, BLOCK_BYTES)
                piece = unpacker.unconsumed_tail
        if not unpacker.eof:
            raise damaged("its content was cut")
    except zlib.error as error:
        raise damaged(str(error)) from None


def _read_zstd(fd: int, end: int) -> Iterator[bytes]:
    process = _zstd(["-d"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    feeding = Task(lambda: _feed(process, fd, end))
    try:
        while True:
            piece = os.read(process.stdout.fileno(), BLOCK_BYTES)
            if not piece:
                break
            yield piece
        feeding.result()
        _settle(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _feed(process: "subprocess.Popen[bytes]", fd: int, end: int) -> None:
    assert process.stdin is not None
    try:
        for piece in _body(fd, end):
            write_all(process.stdin.fileno(), piece)
    except BrokenPipeError:
        return  # It ended early, and says why.
    finally:
        process.stdin.close()


def _body(fd: int, end: int) -> Iterator[bytes]:
    at = os.lseek(fd, 0, os.SEEK_CUR)
    while at < end:
        piece = os.pread(fd, min(BLOCK_BYTES, end - at), at)
        if not piece:
            raise damaged("it was cut")
        at += len(piece)
        yield piece


def _zstd(words: "list[str]", stdin: int, stdout: int) -> "subprocess.Popen[bytes]":
    tool = find_tool("zstd")
    if tool is None:
        raise Failure("unsupported", "there is no zstd any more", "install zstd on this node")
    return subprocess.Popen([tool, "-q", "-c", *words], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, bufsize=0)


def _settle(process: "subprocess.Popen[bytes]") -> None:
    """Wait for zstd's end; raise what it failed with."""
    assert process.stdin is not None and process.stderr is not None
    if not process.stdin.closed:
        process.stdin.close()
    words = process.stderr.read(2000).decode("utf-8", "replace").strip()
    process.stderr.close()
    if process.wait() == 0:
        return
    if "No space left" in words:
        raise Failure("no-space", words, "free some space on this file system")
    raise damaged(words or "zstd ended early")


def _digest(fd: int, size: int) -> Any:
    """Return the SHA-256, as an object, of a file's first bytes."""
    digest = hashlib.sha256()
    for at in range(0, size, BLOCK_BYTES):
        digest.update(os.pread(fd, min(BLOCK_BYTES, size - at), at))
    return digest


def _gaps(runs: Runs) -> "array[int]":
    """Return the distance from each run to the next: mostly small, so that three of its four bytes are zero."""
    end = 0
    gaps = array("I")
    for start, count in zip(runs.starts, runs.counts):
        gaps.append(start - end)
        end = start + count
    return gaps


def _runs(index: bytes, count: int, limit: int) -> Runs:
    """Return the runs of an index; raises Failure for one that leads past the file's last block."""
    data = zlib.decompressobj().decompress(index, 8 * min(count, limit) + 1)
    if len(data) != 8 * count:
        raise damaged("its index was cut")
    gaps, counts = unpacked(_interleaved(data[: 4 * count])), unpacked(_interleaved(data[4 * count :]))
    end = 0
    for number in range(count):
        gaps[number] += end
        end = gaps[number] + counts[number]
        if end > limit:
            raise damaged("its index leads too far")
    return Runs(gaps, counts)


def _planes(data: bytes) -> bytes:
    return b"".join(data[plane::4] for plane in range(4))


def _interleaved(data: bytes) -> bytes:
    plain = bytearray(len(data))
    each = len(data) // 4
    for plane in range(4):
        plain[plane::4] = data[plane * each : (plane + 1) * each]
    return bytes(plain)
