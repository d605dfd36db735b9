"""Page checksums of a SQLite file: what tells two versions of a database apart without sending either.

A page is told by its CRC-32 and 64 pages by a hash over theirs. Both only choose what is sent: whether the result is
the file that the source holds is told by SHA-256 over all of it, so a collision (one in four thousand million for each
changed page) costs a whole copy, never a wrong one. A salt would not keep apart what was made to collide: two pages of
one length that collide from one start do so from any. CRC-32 is what Python computes fastest for a few KiB: 5.4 GB/s,
against 1.8 of SHA-256 with the CPU's help and 1.3 of BLAKE2b, calls included.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import zlib
from array import array
from typing import Callable, Iterator, List, Optional, Tuple

from engine.remote.agent.checks import SQLITE_MAGIC
from engine.remote.agent.failures import Failure
from engine.remote.agent.paths import checked, confined, existing
from engine.remote.agent.stats import pack_stat, same_content, wal_of

GROUP_PAGES = 64
GROUP_HASH_BYTES = 8
SAMPLES = 256
# A multiple of every page size.
BLOCK_BYTES = 1 << 20
# Of a page that differs only the blocks that differ are sent: SQLite's smallest page. A changed row touches its own
# place, an added one also the page's head.
DELTA_BLOCK_BYTES = 512
# sqlite.org/fileformat2: the page size is the big-endian number at 16; 1 means 65536.
PAGE_SIZE_AT = 16
PAGE_SIZES = frozenset(1 << power for power in range(9, 17))

Moved = Callable[[int], None]
"""Called with the bytes done so far; may raise to stop."""


class Quiet:
    """An open file that must stay what it was."""

    def __init__(self, path: str, root: str, expected: List[int]) -> None:
        self.path = existing(confined(checked(path), root))
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._expected = expected
        self.ensure_unchanged()
        self.size: int = expected[0]

    def ensure_unchanged(self) -> None:
        """Raise Failure source-changed when the file is not what it was promised to be."""
        found = os.fstat(self.fd)
        if not same_content(pack_stat(found, wal_of(self.path)), self._expected):
            raise Failure("source-changed", "%s changed since it was looked at" % self.path, "the next scan sees it")

    def page_bytes(self) -> int:
        """Return the page size that the header tells; raises Failure where this is no database."""
        header = os.pread(self.fd, 100, 0)
        size = int.from_bytes(header[PAGE_SIZE_AT : PAGE_SIZE_AT + 2], "big")
        size = 65536 if size == 1 else size
        if header[: len(SQLITE_MAGIC)] != SQLITE_MAGIC or size not in PAGE_SIZES:
            raise Failure("unsupported", "%s is not a SQLite database" % self.path, "nothing: it is sent whole")
        return size


def sample(file: Quiet, page_bytes: int, other_size: int) -> bytes:
    """Return the checksums of the blocks of a few pages that both versions have, spread evenly."""
    common = min(file.size, other_size) // page_bytes
    count = min(SAMPLES, common)
    places = array("I", [number * common // count for number in range(count)])
    return packed(block_checksums(file, page_bytes, places, 0, count))


def block_checksums(file: Quiet, page_bytes: int, pages: "array[int]", start: int, end: int) -> "array[int]":
    """Return the CRC-32 of every block of ``pages[start:end]``, as many for each; what lies past the end is empty."""
    found = array("I")
    crc32 = zlib.crc32
    for at in range(start, end):
        page = os.pread(file.fd, page_bytes, pages[at] * page_bytes)
        found.extend(
            [crc32(page[place : place + DELTA_BLOCK_BYTES]) for place in range(0, page_bytes, DELTA_BLOCK_BYTES)]
        )
    return found


def read_blocks(fd: int, size: int, ready: Callable[[], object] = lambda: None) -> Iterator[memoryview]:
    """Yield a file's bytes in order, in full blocks but for the last, each valid until the next.

    ``ready`` is called before each block is read, and may wait until it can be.
    """
    buffer = memoryview(bytearray(BLOCK_BYTES))
    os.lseek(fd, 0, os.SEEK_SET)
    done = 0
    while done < size:
        ready()
        filled = 0
        wanted = min(BLOCK_BYTES, size - done)
        while filled < wanted:
            count = os.readv(fd, [buffer[filled:wanted]])
            if not count:
                raise Failure("source-changed", "a file shrank while it was read", "the next scan sees it")
            filled += count
        yield buffer[:filled]
        done += filled


def checksums(file: Quiet, page_bytes: int, moved: Moved) -> "array[int]":
    """Return the CRC-32 of every page, the last of which may be short; raises Failure when the file changed."""
    found = array("I")
    crc32 = zlib.crc32
    done = 0
    for block in read_blocks(file.fd, file.size):
        found.extend([crc32(block[at : at + page_bytes]) for at in range(0, len(block), page_bytes)])
        done += len(block)
        moved(done)
    file.ensure_unchanged()
    return found


def group_hashes(pages: "array[int]") -> bytes:
    """Return one hash for every 64 pages, the last group of which may be shorter."""
    data = packed(pages)
    step = GROUP_PAGES * pages.itemsize
    return b"".join(
        hashlib.blake2b(data[at : at + step], digest_size=GROUP_HASH_BYTES).digest() for at in range(0, len(data), step)
    )


def differing_groups(ours: bytes, theirs: bytes) -> bytes:
    """Return a bit map of their groups that are not ours, lowest bit first."""
    step = GROUP_HASH_BYTES
    bits = bytearray((len(theirs) // step + 7) // 8)
    for number in range(len(theirs) // step):
        if ours[number * step : (number + 1) * step] != theirs[number * step : (number + 1) * step]:
            bits[number >> 3] |= 1 << (number & 7)
    return bytes(bits)


def spans_of(bits: bytes, page_count: int) -> Iterator[Tuple[int, int]]:
    """Yield (first page, past the last) of every group whose bit is set."""
    for number in range(-(-page_count // GROUP_PAGES)):
        if bits[number >> 3] & (1 << (number & 7)):
            yield number * GROUP_PAGES, min((number + 1) * GROUP_PAGES, page_count)


def differing_pages(ours: "array[int]", theirs: "array[int]", bits: bytes, their_count: int) -> "array[int]":
    """Return the numbers, from 0, of pages that both have and that differ; ``theirs`` holds the groups in ``bits``."""
    found = array("I")
    at = 0
    for start, end in spans_of(bits, their_count):
        for number in range(start, min(end, len(ours))):
            if ours[number] != theirs[at + number - start]:
                found.append(number)
        at += end - start
    return found


class Runs:
    """Blocks in ascending order, neighbours kept as one run: (first block, how many)."""

    def __init__(self, starts: "Optional[array[int]]" = None, counts: "Optional[array[int]]" = None) -> None:
        self.starts = starts if starts is not None else array("I")
        self.counts = counts if counts is not None else array("I")

    def add(self, start: int, count: int) -> None:
        """Add blocks that come after all others."""
        if self.starts and self.starts[-1] + self.counts[-1] == start:
            self.counts[-1] += count
        elif count > 0:
            self.starts.append(start)
            self.counts.append(count)

    def spans(self, size: int) -> Iterator[Tuple[int, int]]:
        """Yield (offset, bytes), none longer than what is read at once; the file of ``size`` bytes may end in one."""
        most = BLOCK_BYTES // DELTA_BLOCK_BYTES
        for start, count in zip(self.starts, self.counts):
            for first in range(start, start + count, most):
                length = min(most, start + count - first) * DELTA_BLOCK_BYTES
                yield first * DELTA_BLOCK_BYTES, min(length, size - first * DELTA_BLOCK_BYTES)


def differing_blocks(file: Quiet, page_bytes: int, pages: "array[int]", theirs: "array[int]", compared: int) -> Runs:
    """Return our blocks that they lack, all of them in ``pages``.

    ``theirs`` holds the checksums of the blocks of the first ``compared`` pages; the others are taken whole.
    """
    runs = Runs()
    each = page_bytes // DELTA_BLOCK_BYTES
    end = -(-file.size // DELTA_BLOCK_BYTES)
    for at, page in enumerate(pages):
        first = page * each
        if at >= compared:
            runs.add(first, min(each, end - first))
            continue
        ours = block_checksums(file, page_bytes, pages, at, at + 1)
        for number in range(min(each, end - first)):
            if ours[number] != theirs[at * each + number]:
                runs.add(first + number, 1)
    return runs


def bit_map(numbers: "array[int]") -> bytes:
    """Return ascending numbers as a compressed bit map, lowest bit first."""
    bits = bytearray((numbers[-1] >> 3) + 1 if numbers else 0)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return zlib.compress(bytes(bits), 1)


def numbers_of(bit_map: bytes, limit: int) -> "array[int]":
    """Return the numbers below ``limit`` that a compressed bit map holds."""
    bits = zlib.decompressobj().decompress(bit_map, limit // 8 + 1)
    found = array("I")
    for at, byte in enumerate(bits):
        if byte:
            found.extend([at * 8 + bit for bit in range(8) if byte & (1 << bit) and at * 8 + bit < limit])
    return found


def packed(values: "array[int]") -> bytes:
    """Return numbers as little-endian bytes."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def unpacked(data: bytes) -> "array[int]":
    """Return what ``packed`` was given; raises Failure for what it never returns."""
    values = array("I")
    if len(data) % values.itemsize:
        raise Failure("bug", "page checksums were cut", "report this with the log")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def to_text(data: bytes) -> str:
    """Return bytes as a frame can hold them."""
    return base64.b64encode(data).decode("ascii")


def from_text(text: str) -> bytes:
    """Return the bytes of a frame's text."""
    return base64.b64decode(text)
