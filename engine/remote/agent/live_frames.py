"""What a database in WAL mode is made of at one moment, read from its -shm and -wal by descriptors of our own.

Formats: sqlite.org/walformat.html (wal-index header, WAL header, frames). Nothing here takes a lock: whoever reads
holds a read transaction meanwhile, which keeps every frame up to its mark where it is.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

INDEX_HEADER = struct.Struct(
    "=8xI BBHII II8s II"
)  # Change, initialised, byte order, page size, frames, pages, sums, salts
INDEX_HEADER_BYTES = 48
INDEX_SUMMED_BYTES = 40
BACKFILLED = struct.Struct("=96xI")
WAL_HEADER = struct.Struct(">IIII8sII")
FRAME_HEADER = struct.Struct(">II8sII")
MAGIC = 0x377F0682  # Its last bit says that checksums are made of big-endian words.
LARGEST_PAGE_BYTES = 65536
READ_BYTES = 4 << 20
WORD = 0xFFFFFFFF

Sums = Tuple[int, int]


class Moved(Exception):
    """What was read does not belong together: it was written to meanwhile. A new look may do better."""


class WalIndex(NamedTuple):
    """The wal-index header: the last commit's frame, size in pages and checksum; frames copied back to the main file.

    ``pages`` and ``page_bytes`` are 0 where no frame was ever written.
    """

    page_bytes: int
    frames: int
    pages: int
    sums: Sums
    salts: bytes
    backfilled: int

    @property
    def needs_frames(self) -> bool:
        """Return whether the main file alone is not yet all of it."""
        return self.frames > self.backfilled


def checksum(data: "bytes | memoryview", big_endian: bool, sums: Sums) -> Sums:
    """Return SQLite's running checksum over more bytes, a multiple of eight; for headers (see ``frame_sums``)."""
    words = array("I")
    words.frombytes(data)
    if big_endian != (sys.byteorder == "big"):
        words.byteswap()
    one, two = sums
    pairs = iter(words)
    for first, second in zip(pairs, pairs):
        one = (one + first + two) & WORD
        two = (two + second + one) & WORD
    return one, two


def read_index(fd: int) -> WalIndex:
    """Return the header as it is now; raise Moved when a commit is just writing it."""
    head = os.pread(fd, BACKFILLED.size, 0)
    again = os.pread(fd, BACKFILLED.size, 0)
    first, second = head[:INDEX_HEADER_BYTES], head[INDEX_HEADER_BYTES : 2 * INDEX_HEADER_BYTES]
    if len(again) < BACKFILLED.size or first != second or again[:INDEX_HEADER_BYTES] != first:
        raise Moved("the wal-index was being written")
    _, ready, _, page_bytes, frames, pages, sum1, sum2, salts, own1, own2 = INDEX_HEADER.unpack(first)
    native = sys.byteorder == "big"
    if not ready or checksum(first[:INDEX_SUMMED_BYTES], native, (0, 0)) != (own1, own2):
        raise Moved("the wal-index is not in order")
    # Read after the header: what was copied back of these very frames is never more than they are.
    (backfilled,) = BACKFILLED.unpack(again)
    page_bytes = LARGEST_PAGE_BYTES if page_bytes == 1 else page_bytes
    return WalIndex(page_bytes, frames, pages, (sum1, sum2), salts, backfilled)


def newest_frames(fd: int, index: WalIndex, news: Callable[[], None]) -> Dict[int, int]:
    """Return page number -> offset in the -wal of its newest content, every frame's checksum verified.

    Frames that were copied back are left out: the main file holds their pages, or newer frames do. Raises Moved when
    the frames are not those that the header speaks of. ``news`` is called as it goes on.
    """
    big_endian, before = _wal_header(fd, index)
    newest: Dict[int, int] = {}
    commit_pages = 0
    stride = FRAME_HEADER.size + index.page_bytes
    if index.backfilled:
        last = os.pread(fd, FRAME_HEADER.size, WAL_HEADER.size + (index.backfilled - 1) * stride)
        before = FRAME_HEADER.unpack(last)[3:] if len(last) == FRAME_HEADER.size else (0, 0)
    at_once = max(1, READ_BYTES // stride)
    for first in range(index.backfilled, index.frames, at_once):
        count = min(at_once, index.frames - first)
        start = WAL_HEADER.size + first * stride
        block = os.pread(fd, count * stride, start)
        if len(block) < count * stride:
            raise Moved("the -wal is shorter than its header says")
        stated: List[Sums] = []
        for offset in range(0, count * stride, stride):
            page, commit_pages, salts, one, two = FRAME_HEADER.unpack_from(block, offset)
            if salts != index.salts:
                raise Moved("the -wal was begun anew")
            stated.append((one, two))
            newest[page] = start + offset + FRAME_HEADER.size
        found = frame_sums(block, stride, big_endian, [before, *stated[:-1]])
        if found != stated:
            wrong = first + next(at for at in range(count) if found[at] != stated[at]) + 1
            raise Moved("frame %d of the -wal is not what its checksum says" % wrong)
        before = stated[-1]
        news()
    if (commit_pages, before) != (index.pages, index.sums):
        raise Moved("the last frame is not the commit that the wal-index speaks of")
    return newest


def _wal_header(fd: int, index: WalIndex) -> Tuple[bool, Sums]:
    """Return the order of its checksums' words, and the checksum with which the first frame's begins."""
    head = os.pread(fd, WAL_HEADER.size, 0)
    if len(head) < WAL_HEADER.size:
        raise Moved("the -wal has no header")
    magic, _, page_bytes, _, salts, one, two = WAL_HEADER.unpack(head)
    big_endian = bool(magic & 1)
    if magic & ~1 != MAGIC or page_bytes != index.page_bytes or salts != index.salts:
        raise Moved("the -wal was begun anew")
    if checksum(head[: WAL_HEADER.size - 8], big_endian, (0, 0)) != (one, two):
        raise Moved("the -wal's header is not what its checksum says")
    return big_endian, (one, two)


def frame_sums(block: bytes, stride: int, big_endian: bool, before: List[Sums]) -> List[Sums]:
    """Return the checksum of each frame in ``block``, each continued from the one in ``before``.

    All frames go side by side, 64 bits of a long integer for each: several times as fast as one word after the other,
    for a busy -wal may hold a gigabyte.
    """
    words = array("I")
    words.frombytes(block)
    if big_endian != (sys.byteorder == "big"):
        words.byteswap()
    half = (len(before) + 1) // 2
    mask = int.from_bytes(b"\xff\xff\xff\xff\0\0\0\0" * half, "little")
    ones = [_lanes([sums[0] for sums in before[turn::2]]) for turn in (0, 1)]
    twos = [_lanes([sums[1] for sums in before[turn::2]]) for turn in (0, 1)]
    per_frame = stride // 4
    # Of the frame's header only page number and commit size count, two words of six.
    for at in (0, *range(FRAME_HEADER.size // 4, per_frame, 2)):
        first, second = _row(words[at::per_frame]), _row(words[at + 1 :: per_frame])
        for turn in (0, 1):
            one, two = ones[turn], twos[turn]
            ones[turn] = one = (one + (first >> 32 * turn & mask) + two) & mask
            twos[turn] = (two + (second >> 32 * turn & mask) + one) & mask
    found: List[Sums] = [(0, 0)] * len(before)
    for turn in (0, 1):
        count = len(before[turn::2])
        found[turn::2] = zip(_unpacked(ones[turn], count), _unpacked(twos[turn], count))
    return found


def _row(words: "array[int]") -> int:
    if sys.byteorder == "big":
        words.byteswap()
    return int.from_bytes(words.tobytes(), "little")


def _lanes(values: List[int]) -> int:
    return int.from_bytes(struct.pack("<%dQ" % len(values), *values), "little")


def _unpacked(lanes: int, count: int) -> Tuple[int, ...]:
    return struct.unpack("<%dQ" % count, lanes.to_bytes(8 * count, "little"))


def salts_now(fd: int) -> Optional[bytes]:
    """Return the salts of a -wal's header; None where there is none."""
    head = os.pread(fd, WAL_HEADER.size, 0)
    return bytes(WAL_HEADER.unpack(head)[4]) if len(head) == WAL_HEADER.size else None
