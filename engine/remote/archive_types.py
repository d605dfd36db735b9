"""What the engine asks of a node about archives, deletions and full drives, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.model import FileKind, FileStat
from engine.views_archive import UsageRow

Moved = Callable[[int], None]
"""Called now and then with the bytes that a long request has read so far (of a folder tree: the files)."""


@dataclass(frozen=True, slots=True)
class ArchiveJob:
    """A file to compress into a temporary one. ``stat``: what the file must look like from beginning to end."""

    path: str
    stat: FileStat
    kind: FileKind
    temp_path: str
    root: str
    """The folder that the temporary file may not leave."""
    codec: str


@dataclass(frozen=True, slots=True)
class Archived:
    """A temporary archive that was flushed, read back in full, and found to hold what was read of the file."""

    sha256: str
    size_bytes: int
    fingerprint: str | None
    archive_sha256: str
    stat: FileStat


@dataclass(frozen=True, slots=True)
class ArchiveRead:
    """What an archive was found to hold when it was read in full."""

    sha256: str
    size_bytes: int
    archive_sha256: str
    stat: FileStat


@dataclass(frozen=True, slots=True)
class RestoreJob:
    """An archive to decompress into a temporary file, and what that must come to."""

    archive_path: str
    archive_root: str
    codec: str
    temp_path: str
    root: str
    sha256: str
    size_bytes: int
    kind: FileKind


@dataclass(frozen=True, slots=True)
class Restored:
    """A temporary file that was flushed and holds exactly what was archived."""

    sha256: str
    size_bytes: int
    fingerprint: str | None
    stat: FileStat


@dataclass(frozen=True, slots=True)
class Deletion:
    """One data file to delete, and everything that must hold of it in that moment. ``proof``: the proof's number."""

    proof: int
    path: str
    root: str
    stat: FileStat
    kind: FileKind
    sha256s: tuple[str, ...]
    fingerprints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deleted:
    """A file that is gone: what it hashed to, and what its file system had free right after, in bytes."""

    sha256: str
    freed_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Keeping:
    """One data file to rename to ``kept_path`` beside it, and everything that must hold of it in that moment."""

    path: str
    kept_path: str
    root: str
    stat: FileStat
    kind: FileKind
    sha256: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A file under its new name: its stat there, and what it hashed to."""

    stat: FileStat
    sha256: str
    fingerprint: str | None


class ArchiveAgent(Protocol):
    """The part of a node's agent that packs, unpacks, renames and, with a proof, deletes. All raise SyncdeckError."""

    async def read_fresh(self, path: str, kind: FileKind) -> tuple[str, FileStat]:
        """Read a file in full, niced, whatever was read of it before; return its SHA-256 and its stat."""
        ...

    async def archive(self, job: ArchiveJob, moved: Moved) -> Archived:
        """Compress a file and read the archive back in full; cancelling stops it."""
        ...

    async def verify_archive(self, path: str, root: str, codec: str, moved: Moved) -> ArchiveRead:
        """Read an archive in full; raises checksum-mismatch for one that cannot be unpacked."""
        ...

    async def restore_archive(self, job: RestoreJob, moved: Moved) -> Restored:
        """Decompress an archive; raises checksum-mismatch when it does not hold what was archived."""
        ...

    async def delete_proven(self, deletion: Deletion) -> Deleted:
        """Hash, compare and unlink one data file, in one call. Only ``engine/archive/deleting.py`` asks for this."""
        ...

    async def keep_beside(self, keeping: Keeping) -> Kept:
        """Hash, compare and rename one data file, in one call; the same call again ends well."""
        ...

    async def usage_tree(self, location: str, root: str, archives: str, most: int) -> Sequence[UsageRow]:
        """Return what fills a folder tree, at most so many folders, parents first; ``archives``: where ours lie."""
        ...
