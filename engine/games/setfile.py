"""The file of one set: a line of JSON that says what was counted, then the sorted, unique hashes.

It describes itself, so that sets need no table of their own: a file that is gone is counted again.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.games.values import ContentName, CountedSet
from engine.model import FileStat
from engine.remote.agent.durable import sync_folder

MAGIC = b"SYNCDECK GAMES 1"
SUFFIX = ".games"
DRAFT_SUFFIX = ".draft"
HEAD = struct.Struct("<16sQ")
"""The magic, and the length of the JSON in bytes, padded to whole hashes."""
HASH_BYTES = 8
HASH_TYPE = np.dtype("<u8")
PART_HASHES = 1 << 19

Hashes = npt.NDArray[np.uint64]


def file_name(name: ContentName) -> str:
    """Return the name of a content's file: fixed length, whatever the key holds."""
    key, content = (hashlib.sha256(text.encode()).hexdigest() for text in (name.key, name.content))
    return f"{key[:24]}-{content[:24]}{SUFFIX}"


def head_of(counted: CountedSet, length: int = 0) -> bytes:
    """Return what comes before the hashes; ``length`` is the least number of bytes that it is to have."""
    stat = counted.stat
    facts = {
        "key": counted.name.key,
        "content": counted.name.content,
        "complete": counted.complete,
        "incomplete": counted.incomplete,
        "orphan_moves": counted.orphan_moves,
        "unique": counted.unique,
        "counted_at": counted.counted_at,
        "stat": [stat.size_bytes, stat.mtime_ns, stat.inode, stat.wal_size_bytes, stat.wal_mtime_ns],
        "not_games": counted.not_games,
    }
    text = json.dumps(facts, separators=(",", ":")).encode("ascii")
    text = text.ljust(length - HEAD.size)
    text += b" " * (-len(text) % HASH_BYTES)
    return HEAD.pack(MAGIC, len(text)) + text


def publish(draft: Path, path: Path) -> None:
    """Put a written draft in its place, durably."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(str(path.parent))


def read_head(path: Path) -> CountedSet | None:
    """Return what a set's file says of it, or None for one that is no whole set of ours."""
    try:
        with path.open("rb") as file:
            start = file.read(HEAD.size)
            if len(start) != HEAD.size:
                return None
            magic, length = HEAD.unpack(start)
            if magic != MAGIC or length > 1 << 20:
                return None
            facts: dict[str, Any] = json.loads(file.read(length))
            size = os.fstat(file.fileno()).st_size
        if size != HEAD.size + length + facts["unique"] * HASH_BYTES:
            return None
        return CountedSet(
            name=ContentName(facts["key"], facts["content"]),
            complete=facts["complete"],
            incomplete=facts["incomplete"],
            orphan_moves=facts["orphan_moves"],
            unique=facts["unique"],
            counted_at=facts["counted_at"],
            stat=FileStat(*facts["stat"]),
            not_games=facts["not_games"],
            path=str(path),
        )
    except (ValueError, KeyError, TypeError):
        return None


def parts_of(counted: CountedSet, at_once: int = PART_HASHES) -> Iterator[Hashes]:
    """Yield the hashes of a set in order, up to ``at_once`` at a time. Raises OSError when its file is gone."""
    if counted.unique == 0:
        return
    with open(counted.path, "rb") as file:
        file.seek(-counted.unique * HASH_BYTES, os.SEEK_END)
        while len(part := np.fromfile(file, HASH_TYPE, at_once)):
            yield part
