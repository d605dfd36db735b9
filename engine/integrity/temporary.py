"""Names of our temporary files: beside the final file, telling engine, run, transfer and content.

``.{basename}.syncdeck-{engine id}-{run id}-{transfer id}-{content}.part`` for a copy on its way in, ``.snap``
for a snapshot of a live database; ``.part.have`` tells which pieces of a part that is filled out of order are
verified, and belongs to it. The leading dot hides them from the users' own discovery; the run in the
name is what keeps a process orphaned by a killed engine from ever being taken for one of ours.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass

from engine.model import EntryKey, FileStat

MAX_NAME_BYTES = 255 - len("-journal")
"""NAME_MAX of every file system that we meet (ext4, APFS, XFS), less what SQLite appends for its companions."""
CONTENT_CHARACTERS = 12

_NAME = re.compile(
    r"^\.(?P<base>.+)\.syncdeck-(?P<engine>[0-9a-f]{8})-(?P<run>[0-9a-f]{8})"
    r"-(?P<transfer>[0-9]+)-(?P<content>[0-9a-z]+)\.(?P<suffix>part|snap)(?P<holes>\.have~?)?$",
    re.DOTALL,
)
_SHORT_CONTENT = re.compile(r"^[0-9a-z]{12,}$")


@dataclass(frozen=True, slots=True)
class TemporaryName:
    """A temporary file's name, taken apart. ``base`` may have been shortened."""

    base: str
    engine_id: str
    run_id: str
    transfer_id: int
    content: str
    is_snapshot: bool


@dataclass(frozen=True, slots=True)
class TemporaryNames:
    """Makes the temporary names of one run of one engine; both ids are 8 lower-case hex digits."""

    engine_id: str
    run_id: str

    def part(self, final_path: str, transfer_id: int, content_id: str) -> str:
        """Return the path under which a copy arrives, in the folder of its final path."""
        return self._path(final_path, transfer_id, content_id, "part")

    def snapshot(self, database_path: str, transfer_id: int, content_id: str) -> str:
        """Return the path of a snapshot, beside its database."""
        return self._path(database_path, transfer_id, content_id, "snap")

    def is_stale(self, name: str) -> bool:
        """Return whether a file name is a temporary of this engine, left by another run."""
        return is_stale(name, self.engine_id, self.run_id)

    def _path(self, path: str, transfer_id: int, content_id: str, suffix: str) -> str:
        start = path.rfind("/") + 1
        folder, base = path[:start], path[start:]
        tail = f".syncdeck-{self.engine_id}-{self.run_id}-{transfer_id}-{_short(content_id)}.{suffix}"
        room = MAX_NAME_BYTES - 1 - len(tail)
        if len(base) > room or not base.isascii():
            base = base.encode("utf-8", "surrogateescape")[:room].decode("utf-8", "ignore")
        return f"{folder}.{base}{tail}"


def parse_temporary(path: str) -> TemporaryName | None:
    """Return what a path's name tells, or None when it is not a temporary file of ours."""
    found = _NAME.match(posixpath.basename(path))
    if found is None:
        return None
    return TemporaryName(
        base=found["base"],
        engine_id=found["engine"],
        run_id=found["run"],
        transfer_id=int(found["transfer"]),
        content=found["content"],
        is_snapshot=found["suffix"] == "snap",
    )


def owner_of(path: str) -> str:
    """Return the temporary file that a path of ours belongs to: itself, or the part whose holes it tells."""
    found = _NAME.match(posixpath.basename(path))
    return path if found is None or not found["holes"] else path[: -len(found["holes"])]


def is_stale(path: str, engine_id: str, run_id: str) -> bool:
    """Return whether a path names a temporary file of this engine id that an earlier run left behind.

    Files of other engines are never stale to us: they may be at work.
    """
    name = parse_temporary(path)
    return name is not None and name.engine_id == engine_id and name.run_id != run_id


def content_id(key: EntryKey, stat: FileStat, sha256: str | None) -> str:
    """Return the name of a content: its SHA-256 where known, else a hash of key and stat.

    A partial file is continued only under the id it was begun under, so every field that shows a change is in it.
    """
    if sha256 is not None:
        return sha256
    facts = (stat.size_bytes, stat.mtime_ns, stat.inode, stat.wal_size_bytes, stat.wal_mtime_ns)
    return hashlib.sha256(f"{key}\0{facts}".encode("utf-8", "surrogateescape")).hexdigest()


def _short(content: str) -> str:
    if _SHORT_CONTENT.match(content):
        return content[:CONTENT_CHARACTERS]
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:CONTENT_CHARACTERS]
