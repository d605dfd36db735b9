"""Pages that only moved: VACUUM gives nearly every page of a database another number, and leaves most as they are.

The new version's page is looked for among the old one's by its CRC-32, which alone would mistake a few pages of a large
database for others: a page that seems to have moved alone is compared by a hash before that is believed. Two that moved
together vouch for each other.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from array import array
from typing import Iterator, List, Tuple

from engine.remote.agent.failures import Failure
from engine.remote.agent.pages import Quiet, packed, spans_of, unpacked

# Looked for only where at least so much of the file is not in its place: one page in eight.
WORTH_LOOKING_SHARE = 8
RUN_PAGES = 64
HASH_BYTES = 8
# How many pages are looked up at once: a Python dict of them takes some 25 MB.
LOOKUP_PAGES = 1 << 18
MASK = 0xFFFFFFFF


class Moves:
    """Runs of pages: (first page in the new version, first page in the old one, how many), ascending in the new."""

    def __init__(self) -> None:
        self.new, self.old, self.counts = array("I"), array("I"), array("I")

    def add(self, new: int, old: int, count: int = 1) -> None:
        """Add pages that come after all others."""
        if self.new and self.counts[-1] + count <= RUN_PAGES:
            last = self.counts[-1]
            if (self.new[-1] + last, self.old[-1] + last) == (new, old):
                self.counts[-1] += count
                return
        self.new.append(new)
        self.old.append(old)
        self.counts.append(count)

    def __iter__(self) -> Iterator[Tuple[int, int, int]]:
        return iter(zip(self.new, self.old, self.counts))

    def singles(self) -> "Moves":
        """Return the runs of one page."""
        alone = Moves()
        for new, old, count in self:
            if count == 1:
                alone.new.append(new)
                alone.old.append(old)
                alone.counts.append(count)
        return alone

    def packed(self) -> bytes:
        """Return all of it, compressed: neighbours mostly follow each other in both versions."""
        parts = [_gaps(self.new, self.counts), _gaps(self.old, self.counts), self.counts]
        return zlib.compress(b"".join(packed(part)[plane::4] for part in parts for plane in range(4)), 6)


def moves_from(data: bytes, new_pages: int, old_pages: int) -> Moves:
    """Return what ``Moves.packed`` returned; raises Failure for one that leads past either version's last page."""
    plain = zlib.decompressobj().decompress(data, 12 * max(1, new_pages) + 1)
    count, rest = divmod(len(plain), 12)
    parts: List["array[int]"] = []
    for part in range(3):
        values = bytearray(4 * count)
        for plane in range(4):
            start = (part * 4 + plane) * count
            values[plane::4] = plain[start : start + count]
        parts.append(unpacked(bytes(values)))
    moves = Moves()
    new = old = 0
    for number in range(count):
        new, old, length = (new + parts[0][number]) & MASK, (old + parts[1][number]) & MASK, parts[2][number]
        if length > RUN_PAGES or new + length > new_pages or old + length > old_pages:
            rest = 1
            break
        moves.new.append(new)
        moves.old.append(old)
        moves.counts.append(length)
        new, old = new + length, old + length
    if rest:
        raise Failure("checksum-mismatch", "the list of moved pages is damaged", "nothing: the file is sent whole")
    return moves


def find_moves(
    ours: "array[int]", numbers: "array[int]", theirs: "array[int]", bits: bytes, old_pages: int, their_count: int
) -> Moves:
    """Return where our pages ``numbers`` seem to lie among the old version's ``old_pages`` full ones.

    ``ours`` holds the full pages only, ``theirs`` those of their groups in ``bits``.
    """
    found = array("I", bytes(numbers.itemsize * len(numbers)))
    parts = 1 + len(theirs) // LOOKUP_PAGES
    for part in range(parts):
        places = {}
        at = 0
        for start, end in spans_of(bits, their_count):
            for number in range(start, end):
                if theirs[at] % parts == part and number < old_pages:
                    places[theirs[at]] = number + 1
                at += 1
        for position, number in enumerate(numbers):
            if number < len(ours) and ours[number] % parts == part:
                found[position] = places.get(ours[number], 0)
    moves = Moves()
    for position, place in enumerate(found):
        if place:
            moves.add(numbers[position], place - 1)
    return moves


def run_hashes(file: Quiet, page_bytes: int, starts: "array[int]", counts: "array[int]") -> bytes:
    """Return one hash for every run of pages."""
    hashes = []
    for start, count in zip(starts, counts):
        content = os.pread(file.fd, count * page_bytes, start * page_bytes)
        hashes.append(hashlib.blake2b(content, digest_size=HASH_BYTES).digest())
    return b"".join(hashes)


def proven(moves: Moves, ours: bytes, theirs: bytes) -> Moves:
    """Return the runs that are believed; the hashes are those of ``moves.singles()`` in both versions."""
    kept = Moves()
    at = 0
    for new, old, count in moves:
        place = slice(at, at + HASH_BYTES)
        at += HASH_BYTES if count == 1 else 0
        if count > 1 or ours[place] == theirs[place]:
            kept.new.append(new)
            kept.old.append(old)
            kept.counts.append(count)
    return kept


def without(numbers: "array[int]", moves: Moves) -> "array[int]":
    """Return the pages that did not just move."""
    left = array("I")
    at = 0
    for number in numbers:
        while at < len(moves.new) and moves.new[at] + moves.counts[at] <= number:
            at += 1
        if at == len(moves.new) or number < moves.new[at]:
            left.append(number)
    return left


def _gaps(starts: "array[int]", counts: "array[int]") -> "array[int]":
    end = 0
    gaps = array("I")
    for start, count in zip(starts, counts):
        gaps.append((start - end) & MASK)
        end = start + count
    return gaps
