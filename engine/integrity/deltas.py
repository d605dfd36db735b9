"""Page deltas of databases: the names of their files, and when sending a difference is worth its cost. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from engine.integrity.temporary import CONTENT_CHARACTERS, parse_temporary

SMALLEST_BYTES = 1 << 20
"""Below this, comparing takes as long as sending all of it, on any link."""
WORTH_IT_SHARE = 0.7
"""A delta of more of what would be sent otherwise saves too little for reading both versions (measured: comparing and
rebuilding 350 MB takes as long as streaming a third of it over loopback)."""
HOPELESS_SHARE = 0.85
"""Of the sampled pages: 256 of them tell a share within some 0.06, so that what is worth it is not given up."""
MAX_BASE_BYTES = 240
"""What name and tail may come to together, so that every file system takes it with our marks and companions."""
DELTA_MARK, REBUILT_MARK = "d", "r"
"""Follow the content in a temporary name: the delta itself, and the copy of the old version that becomes the new."""


@dataclass(frozen=True, slots=True)
class DeltaPaths:
    """The temporary files of one delta: at the source, at the target, and the rebuilt file there."""

    at_source: str
    at_target: str
    rebuilt: str


def delta_paths(source_path: str, temp_path: str) -> DeltaPaths | None:
    """Return the names that belong to the transfer of ``temp_path``, or None where that is no temporary name of ours.

    That of the source lies beside the file that is read, which may itself be a snapshot of ours.
    """
    name = parse_temporary(temp_path)
    if name is None or not temp_path.endswith(".part"):
        return None
    folder, base = posixpath.split(source_path)
    snapshot = parse_temporary(source_path)
    tail = temp_path[temp_path.rindex(f".syncdeck-{name.engine_id}-") :]
    room = MAX_BASE_BYTES - len(tail)
    base = base if snapshot is None else snapshot.base
    kept = base.encode("utf-8", "surrogateescape")[:room].decode("utf-8", "ignore")
    beside = posixpath.join(folder, f".{kept}{tail}")
    return DeltaPaths(_marked(beside, DELTA_MARK), _marked(temp_path, DELTA_MARK), _marked(temp_path, REBUILT_MARK))


def is_delta_part(path: str) -> bool:
    """Return whether a temporary name is that of a file of a delta."""
    name = parse_temporary(path)
    return (
        name is not None
        and not name.is_snapshot
        and len(name.content) == CONTENT_CHARACTERS + 1
        and name.content[-1] in (DELTA_MARK, REBUILT_MARK)
    )


def worth_comparing(new_bytes: int, old_bytes: int, arrived_bytes: int) -> bool:
    """Return whether comparing may pay, from sizes alone: what the old version cannot have must be sent anyway."""
    if min(new_bytes, old_bytes) < SMALLEST_BYTES:
        return False
    return worth_sending(max(0, new_bytes - old_bytes), new_bytes, arrived_bytes, 0)


def hopeless(differing: int, sampled: int, new_bytes: int, old_bytes: int) -> bool:
    """Return whether a sample of the pages that both have shows that nearly all of the file would be sent."""
    if not sampled:
        return True
    grown = max(0, new_bytes - old_bytes)
    return grown + (new_bytes - grown) * differing / sampled > HOPELESS_SHARE * new_bytes


def worth_sending(delta_bytes: int, new_bytes: int, arrived_bytes: int, hash_bytes: int) -> bool:
    """Return whether a delta of so many bytes of pages is cheaper than the bytes of the file that did not arrive yet.

    Both are counted uncompressed: what compresses one compresses the other.
    """
    return delta_bytes + hash_bytes <= WORTH_IT_SHARE * (new_bytes - arrived_bytes)


def _marked(path: str, mark: str) -> str:
    return f"{path.removesuffix('.part')}{mark}.part"
