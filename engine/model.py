"""The values of the data plane: places, entries, versions, replicas, plans, transfers.

Terms. A *location* is a folder tree that can hold copies: a node's own (id ``node``) or an external drive
(id ``node:/path/of/the/drive``). A *key* names one logical file fleet-wide (``engine/catalog/keys.py``).
Times are seconds since the epoch, sizes bytes, rates bytes per second, hashes lower-case hex SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from config.types import DataType, Transport
from engine.codes import TransferCode
from engine.errors import ErrorClass
from engine.samples import StorageSample

__all__ = ["DataType", "StorageSample", "Transport"]


class SyncPriority(IntEnum):
    """Order of work: higher first, then the earlier deadline."""

    CRITICAL = 100
    HIGH = 75
    NORMAL = 50
    LOW = 25
    BACKGROUND = 10


class NodeState(StrEnum):
    """What is known of reaching a node; each has its own remedy."""

    UP = "up"
    UNKNOWN = "unknown"
    AUTH_FAILED = "auth-failed"
    HOST_KEY_UNKNOWN = "host-key-unknown"
    HOST_KEY_CHANGED = "host-key-changed"
    REFUSED = "refused"
    TIMED_OUT = "timed-out"
    UNRESOLVED = "unresolved"
    NO_PYTHON = "no-python"
    LOST = "lost"
    ERROR = "error"
    UNUSED = "unused"


class LocationState(StrEnum):
    """Whether a location's folder can be read now. Only AVAILABLE makes an absent file really absent."""

    AVAILABLE = "available"
    NOT_MOUNTED = "not-mounted"
    MISSING = "missing"
    DENIED = "denied"
    UNKNOWN = "unknown"


class ReplicaState(StrEnum):
    """What a copy is worth. CURRENT counts towards the wanted number of copies, and ARCHIVED of the current version."""

    CURRENT = "current"
    STALE = "stale"
    DIVERGED = "diverged"
    UNHASHED = "unhashed"
    BAD = "bad"
    QUARANTINED = "quarantined"
    ARCHIVED = "archived"
    DELETING = "deleting"


class TransferState(StrEnum):
    """The states of a transfer; the last four are final except BLOCKED, which an operator can release."""

    QUEUED = "queued"
    WAITING = "waiting"
    CLAIMED = "claimed"
    SNAPSHOTTING = "snapshotting"
    TRANSFERRING = "transferring"
    VERIFYING = "verifying"
    PUBLISHING = "publishing"
    RETRY_AT = "retry_at"
    BLOCKED = "blocked"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


LIVE_STATES = frozenset(TransferState) - {TransferState.DONE, TransferState.CANCELLED, TransferState.FAILED}
RUNNING_STATES = LIVE_STATES - {
    TransferState.QUEUED,
    TransferState.WAITING,
    TransferState.RETRY_AT,
    TransferState.BLOCKED,
}


class FileKind(StrEnum):
    """How a file must be read and checked."""

    SQLITE = "sqlite"
    ZIP = "zip"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class FileStat:
    """What tells that a file changed: the main file and, for a database, its -wal together."""

    size_bytes: int
    mtime_ns: int
    inode: int = 0
    wal_size_bytes: int = 0
    wal_mtime_ns: int = 0

    def same_content_as(self, other: FileStat) -> bool:
        """Return whether nothing shows that the content changed between the two looks (inode ignored)."""
        return (
            self.size_bytes == other.size_bytes
            and self.mtime_ns == other.mtime_ns
            and self.wal_size_bytes == other.wal_size_bytes
            and (self.wal_size_bytes == 0 or self.wal_mtime_ns == other.wal_mtime_ns)
        )


@dataclass(frozen=True, slots=True)
class EntryKey:
    """The name of one logical file fleet-wide. ``origin`` is empty where names are shared by all nodes."""

    data_type: DataType
    path: str
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.data_type}:{self.path}" + (f"@{self.origin}" if self.origin else "")


@dataclass(frozen=True, slots=True)
class Version:
    """One content of an entry. For a database: of a snapshot artifact."""

    sha256: str
    size_bytes: int
    mtime: float
    games_count: int | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Replica:
    """A copy of an entry at a location. ``sha256`` is None while it was never hashed.

    ``path`` is absolute at the node. ``changed`` says that the file's stat differs from the one under which
    ``sha256`` was taken (a live database that grew since its last snapshot).
    """

    location: str
    path: str
    state: ReplicaState
    stat: FileStat
    sha256: str | None = None
    verified_at: float | None = None
    hashed_at: float | None = None
    seen_at: float = 0.0
    changed: bool = False


@dataclass(frozen=True, slots=True)
class DataEntry:
    """One logical file with its current version and all its copies."""

    key: EntryKey
    config_key: str | None
    current: Version | None
    replicas: tuple[Replica, ...] = ()
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def data_type(self) -> DataType:
        """The kind of data."""
        return self.key.data_type

    @property
    def size_bytes(self) -> int:
        """Size of the current version, else of the largest copy seen."""
        if self.current is not None:
            return self.current.size_bytes
        return max((replica.stat.size_bytes for replica in self.replicas), default=0)

    @property
    def locations(self) -> frozenset[str]:
        """Where the current version is: as a file, or in a verified archive."""
        return frozenset(r.location for r in self.replicas if self.is_current(r))

    def is_current(self, replica: Replica) -> bool:
        """Return whether a copy of this entry is verified and of the current version; an archive of it is one."""
        if replica.state is ReplicaState.ARCHIVED:
            return self.current is not None and replica.sha256 == self.current.sha256
        return replica.state is ReplicaState.CURRENT


@dataclass(frozen=True, slots=True)
class LocationView:
    """One place that can hold copies, as the planner sees it at one moment."""

    location: str
    node_id: str
    is_drive: bool
    state: LocationState
    node_state: NodeState
    durable: bool
    provider: str
    region: str | None
    total_bytes: int | None
    used_bytes: int | None
    paused: bool = False
    everything_paused: bool = False
    failing: bool = False
    draining: bool = False
    allowed_percent: float | None = None  # The disk limit that an operator set for a time instead of the file's.
    readable_roots: tuple[str, ...] = ()  # Absolute folders that are there, where ``state`` is of one that is not.


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """A planned operation: these entries from one location to these, why, and by which rule and line."""

    source: str
    targets: tuple[str, ...]
    entries: tuple[EntryKey, ...]
    priority: SyncPriority
    reason: str
    rule: str
    line: int | None
    transport_preference: tuple[Transport, ...]
    deadline: float | None
    bytes: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something that is wanted will not be moved, and what would make it move."""

    key: EntryKey
    location: str
    reason: str
    remedy: str
    rule: str
    line: int | None
    code: str = ""


@dataclass(frozen=True, slots=True)
class PlanResult:
    """What the planner decided: plans in order of urgency, and every refusal."""

    plans: tuple[SyncPlan, ...]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class TransportResult:
    """What one transfer came to (the users' own field names first)."""

    success: bool
    transport_used: Transport
    bytes_transferred: int
    duration_seconds: float
    error: str | None = None
    retries: int = 0
    bytes_on_wire: int = 0
    sha256: str | None = None
    error_class: ErrorClass | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """One row of the queue: one entry to one target."""

    id: int
    key: EntryKey
    source: str
    target: str
    state: TransferState
    reason: str
    priority: SyncPriority
    bytes_total: int
    bytes_done: int = 0
    bytes_on_wire: int = 0
    attempts: int = 0
    transport: Transport | None = None
    transport_preference: tuple[Transport, ...] = ()
    error_class: ErrorClass | None = None
    hint: str | None = None
    deadline: float | None = None
    not_before: float | None = None
    rule: str = ""
    line: int | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    bytes_per_second: float | None = None
    sha256: str | None = None
    run_id: str | None = None
    temp_path: str | None = None
    final_path: str | None = None
    emergency: bool = False
    may_fill: bool = False
    code: TransferCode | None = None


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """One transport that was tried within an attempt and did not deliver: when, how far it came, and why it ended."""

    transport: Transport
    finished_at: float
    duration_seconds: float
    bytes_done: int
    bytes_on_wire: int
    error_class: ErrorClass
    error: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a transfer, kept until the history is pruned. ``bytes_resent`` travelled more than once because a try
    broke; ``duration_seconds`` is what the transports took; ``failures`` are their tries that ended in an error."""

    transfer_id: int
    number: int
    started_at: float
    finished_at: float
    transport: Transport
    success: bool
    bytes_done: int
    bytes_on_wire: int
    error_class: ErrorClass | None = None
    error: str | None = None
    hint: str | None = None
    steps: tuple[tuple[str, float], ...] = field(default=())
    source: str = ""
    target: str = ""
    duration_seconds: float = 0.0
    bytes_resent: int = 0
    failures: tuple[TransportFailure, ...] = field(default=())
