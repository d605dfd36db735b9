"""The values of the archive: one archive with its state, a proof, and where archives are kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.catalog.standing_in import VERIFIED
from engine.errors import SyncdeckError
from engine.model import EntryKey, FileStat, ReplicaState


class ArchiveError(SyncdeckError):
    """Archiving, verifying, restoring or deleting was refused, or did not work; nothing was lost."""


class ArchiveState(StrEnum):
    """The states of an archive. QUEUED and WRITING are work; BLOCKED waits for a person; only VERIFIED counts."""

    QUEUED = "queued"
    WRITING = "writing"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    VERIFIED = VERIFIED
    FAILED = "failed"
    REPLACED = "replaced"


class Original(StrEnum):
    """What became of the file that was archived."""

    KEPT = "kept"
    DELETING = "deleting"
    DELETED = "deleted"


class ArchiveCode(StrEnum):
    """What is still to be done with an archive, where its state does not say it; a reason without a code clears it."""

    AWAITS_DELETION = "awaits-deletion"
    """VERIFIED, and its original is to go: a killed engine goes on with that."""


UNFINISHED = (ArchiveState.QUEUED, ArchiveState.WRITING)


@dataclass(frozen=True, slots=True)
class ArchiveRecord:
    """One archive: of which version of which entry, where it is, where its original was, and what is known of both."""

    id: int
    entry_id: int
    key: EntryKey
    location: str
    path: str
    root: str
    codec: str
    state: ArchiveState
    reason: str
    code: ArchiveCode | None
    original_location: str
    original_path: str
    original: Original
    delete_original: bool
    sha256: str | None
    fingerprint: str | None
    size_bytes: int
    archive_sha256: str | None
    archive_bytes: int
    mtime_ns: int
    inode: int
    temporaries: tuple[tuple[str, str], ...]
    """(node, path) of our temporary files while it is written."""
    run: str
    who: str
    created_at: float
    verified_at: float | None

    @property
    def stat(self) -> FileStat:
        """What the archive file looked like when it was last read in full."""
        return FileStat(self.archive_bytes, self.mtime_ns, self.inode)


@dataclass(frozen=True, slots=True)
class NewArchive:
    """A copy that is to be archived."""

    entry_id: int
    key: EntryKey
    location: str
    path: str
    root: str
    codec: str
    original_location: str
    original_path: str
    delete_original: bool
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Witness:
    """A copy that vouches for a content: where it is, what it hashed to when it was read in full, and when."""

    location: str
    path: str
    sha256: str
    verified_at: float
    archive_id: int | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """Why a copy may go: its witnesses, which may not be deleted as long as it is alive."""

    id: int
    entry_id: int
    archive_id: int | None
    location: str
    path: str
    replica_state: ReplicaState
    copies_before: int
    copies_after: int
    expires_at: float
    witnesses: tuple[Witness, ...]
