"""What an operator is shown of drives, archives and deletions. Plain values, as in ``engine/views.py``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One folder (or large file) of a drive. Bytes are parted by what they are; ``other``: unknown to us."""

    location: str
    path: str
    """Relative to the location's root; "" is the root itself."""
    files: int
    catalogued_bytes: int
    archive_bytes: int
    leftover_bytes: int
    """Temporary files of the engine."""
    other_bytes: int
    folders: int
    """How many folders it has; 0: nothing to open."""

    @property
    def bytes(self) -> int:
        """Everything in it."""
        return self.catalogued_bytes + self.archive_bytes + self.leftover_bytes + self.other_bytes


@dataclass(frozen=True, slots=True)
class UsageView:
    """The rows of one folder, largest first, and when the drive was looked at."""

    at: float
    location: str
    path: str
    rows: tuple[UsageRow, ...]


@dataclass(frozen=True, slots=True)
class GamesView:
    """What is known of the games of one database. ``elsewhere``: complete games that other verified databases hold."""

    complete: int
    elsewhere: int
    only_here: int
    incomplete: int
    """Games without moves: never counted as saved anywhere."""
    counted_at: float
    canonical: int = 0
    """How many of those elsewhere are in canonical databases."""
    orphan_moves: int = 0
    """Ids that have moves but no game."""


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """A copy that could be archived (or deleted), or why it may not be: then ``protected`` says so."""

    key: str
    location: str
    node: str
    path: str
    size_bytes: int
    age_seconds: float
    reasons: tuple[str, ...]
    protected: str | None
    durable_copies: int
    games: GamesView | None = None
    entry_id: int = 0


@dataclass(frozen=True, slots=True)
class CandidatePage:
    """A window onto the candidates: those that may go first, largest first; then the protected ones."""

    at: float
    total: int
    offset: int
    rows: tuple[CandidateRow, ...]
    free_bytes: int
    """What archiving all that may go would free at the usual ratio."""


@dataclass(frozen=True, slots=True)
class ArchiveRow:
    """One archive; ``original``: kept, deleting, deleted.

    ``state``: queued and writing are work; blocked waits for a person; cancelled; verified counts as a copy; failed was
    found damaged and counts for nothing; replaced is a failed one that was made again. A restore is a transfer.
    """

    id: int
    key: str
    location: str
    path: str
    original_location: str
    original_path: str
    original: str
    size_bytes: int
    archive_bytes: int
    codec: str
    sha256: str
    created_at: float
    verified_at: float | None
    state: str
    reason: str = ""
    bytes_done: int = 0
    bytes_per_second: float | None = None
    code: str | None = None
    """An ArchiveCode where something is still to be done with it."""


@dataclass(frozen=True, slots=True)
class ArchivePage:
    """A window onto the archives: those being worked on first, then the newest."""

    at: float
    total: int
    offset: int
    rows: tuple[ArchiveRow, ...]


@dataclass(frozen=True, slots=True)
class ArchiveRequest:
    """Which copies to archive: keys (at ``location``, or wherever they are candidates), or all candidates of it.

    ``destination`` None: the configured cold storage. ``delete_original``: replace the original once the archive is
    verified; the number of verified durable copies never falls.
    """

    keys: tuple[str, ...] = ()
    location: str | None = None
    destination: str | None = None
    codec: str = "zstd"
    delete_original: bool = True


@dataclass(frozen=True, slots=True)
class ArchiveStep:
    """One copy of a preview: what would happen, how many verified durable copies before and after."""

    key: str
    location: str
    size_bytes: int
    copies_before: int
    copies_after: int
    proof: str


@dataclass(frozen=True, slots=True)
class ArchivePreview:
    """What a request would do. ``freed_bytes`` is net of the archives; ``refused``: (key, why, remedy)."""

    request: ArchiveRequest
    steps: tuple[ArchiveStep, ...]
    bytes: int
    archive_bytes: int
    freed_bytes: int
    destination: str
    seconds: float | None
    refused: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """Which archives to restore: to where they came from, or to another location under the same key."""

    archive_ids: tuple[int, ...]
    location: str | None = None
    path: str | None = None
    """A file of the operator's choice on that location instead of the key's own place; one archive only."""


@dataclass(frozen=True, slots=True)
class ArchivePolicyView:
    """The automatic policy: whether it may act, what it would do now, and thresholds raised for a time."""

    allowed: bool
    dry_run: str
    """What it would do now, in one sentence; "" when no drive is above its limit."""
    last_drill_at: float | None
    last_drill: str
    allowances: tuple[tuple[str, float, float], ...]
    """(node, percent, until)"""
    failure: str = ""
    """Why the last round ended early, and what to do; "" when it did not."""
