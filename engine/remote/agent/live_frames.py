"""What a database in WAL mode is made of at one moment, read from its -shm and -wal by descriptors of our own.

Formats: sqlite.org/walformat.html (wal-index header, WAL header, frames). Nothing here takes a lock: whoever reads
holds a read transaction meanwhile, which keeps every frame up to its mark where it is.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from typing import Callable, Dict, NamedTuple, Optional, Tuple

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
READ_BYTES = 1 << 20
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
    """Return SQLite's running checksum over more bytes, a multiple of eight. About 45 MB/s: a -wal is small."""
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

    Raises Moved when the frames are not those that the header speaks of. ``news`` is called as it goes on.
    """
    head = os.pread(fd, WAL_HEADER.size, 0)
    if len(head) < WAL_HEADER.size:
        raise Moved("the -wal has no header")
    magic, _, page_bytes, _, salts, sum1, sum2 = WAL_HEADER.unpack(head)
    big_endian = bool(magic & 1)
    sums = checksum(head[:24], big_endian, (0, 0))
    if magic & ~1 != MAGIC or page_bytes != index.page_bytes or salts != index.salts or sums != (sum1, sum2):
        raise Moved("the -wal was begun anew")
    newest: Dict[int, int] = {}
    commit_pages = 0
    stride = FRAME_HEADER.size + page_bytes
    at_once = max(1, READ_BYTES // stride)
    for first in range(0, index.frames, at_once):
        count = min(at_once, index.frames - first)
        start = WAL_HEADER.size + first * stride
        block = memoryview(os.pread(fd, count * stride, start))
        if len(block) < count * stride:
            raise Moved("the -wal is shorter than its header says")
        for offset in range(0, count * stride, stride):
            page, commit_pages, salts, sum1, sum2 = FRAME_HEADER.unpack_from(block, offset)
            body = offset + FRAME_HEADER.size
            sums = checksum(block[offset : offset + 8], big_endian, sums)
            sums = checksum(block[body : body + page_bytes], big_endian, sums)
            if salts != index.salts or sums != (sum1, sum2):
                raise Moved("frame %d of the -wal is not what its checksum says" % (first + offset // stride + 1))
            newest[page] = start + body
        news()
    if (commit_pages, sums) != (index.pages, index.sums):
        raise Moved("the last frame is not the commit that the wal-index speaks of")
    return newest


def salts_now(fd: int) -> Optional[bytes]:
    """Return the salts of a -wal's header; None where there is none."""
    head = os.pread(fd, WAL_HEADER.size, 0)
    return bytes(WAL_HEADER.unpack(head)[4]) if len(head) == WAL_HEADER.size else None
