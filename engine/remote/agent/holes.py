"""Which pieces of a temporary file hold verified content, where it was filled out of order.

``<temp>.have`` beside the file says so; without it the file is whole from its start up to its size. Whoever
continues the file reads this first. It is only a hint of what need not be fetched again: the hash of the whole
file decides.
"""

from __future__ import annotations

import json
import os
from typing import List, NamedTuple, Optional, Tuple

from engine.remote.agent.durable import sync_file, sync_folder
from engine.remote.agent.paths import HOLES, HOLES_DRAFT

# More than the spans of any fetch that this program makes; a larger file is not one of ours.
MOST_BYTES = 4 << 20


class Holes(NamedTuple):
    """What ``<temp>.have`` says: the content it is of, and its verified chunks as sorted spans [first, past)."""

    content: str
    chunk_bytes: int
    spans: List[Tuple[int, int]]

    def prefix_bytes(self) -> int:
        """Return how many bytes from the start are verified; of whole chunks, so maybe beyond the file's end."""
        return self.spans[0][1] * self.chunk_bytes if self.spans and self.spans[0][0] == 0 else 0


def read_holes(temp_path: str) -> Optional[Holes]:
    """Return what is known of a temporary file's holes, or None where it has none. What cannot be read says that
    nothing is verified."""
    try:
        fd = os.open(temp_path + HOLES, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        return Holes("", 1, [])
    try:
        return _parsed(os.read(fd, MOST_BYTES))
    finally:
        os.close(fd)


def _parsed(data: bytes) -> Holes:
    try:
        value = json.loads(data)
        spans = [(int(first), int(past)) for first, past in value["spans"]]
        found = Holes(str(value["content"]), int(value["chunk_bytes"]), spans)
    except (ValueError, KeyError, TypeError):
        return Holes("", 1, [])
    ends = [end for span in spans for end in span]
    if found.chunk_bytes <= 0 or ends != sorted(ends) or any(end < 0 for end in ends):
        return Holes("", 1, [])
    return found


def write_holes(temp_path: str, holes: Holes) -> None:
    """Replace what is known of a temporary file's holes; when this returns it outlasts a power cut."""
    draft = temp_path + HOLES_DRAFT
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        body = {"content": holes.content, "chunk_bytes": holes.chunk_bytes, "spans": holes.spans}
        view = memoryview(json.dumps(body, separators=(",", ":")).encode("ascii"))
        while view:
            view = view[os.write(fd, view) :]
        sync_file(fd)
    finally:
        os.close(fd)
    new = not os.path.lexists(temp_path + HOLES)
    os.replace(draft, temp_path + HOLES)
    if new:
        sync_folder(os.path.dirname(temp_path))


def remove_holes(temp_path: str) -> None:
    """Forget the holes: the file has none any more, or is gone."""
    for suffix in (HOLES, HOLES_DRAFT):
        try:
            os.unlink(temp_path + suffix)
        except FileNotFoundError:
            continue


def whole_from_start(temp_path: str, size: int) -> int:
    """Return up to where a temporary file of ``size`` bytes is verified without a hole."""
    holes = read_holes(temp_path)
    return size if holes is None else min(size, holes.prefix_bytes())
