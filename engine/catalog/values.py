"""What goes into the catalog and comes out of it, beside the values of ``engine/model.py``."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import SyncdeckError
from engine.model import DataType, EntryKey, FileKind, FileStat, LocationState, NodeState, ReplicaState, Version


class CatalogError(SyncdeckError):
    """Something was claimed about a file without the evidence that it needs."""


@dataclass(frozen=True, slots=True)
class ScannedRecord:
    """One data file that a scan met: its key, its absolute path on its node, and what it looks like.

    ``writing`` (a writer's lock lies beside it) makes nothing less worth saving; it only says "not final".
    """

    key: EntryKey
    config_key: str | None
    path: str
    stat: FileStat
    kind: FileKind
    writing: bool = False


@dataclass(frozen=True, slots=True)
class Met:
    """What a batch of scanned files came to.

    ``touched`` were new or looked different. ``outrun`` looked different too, but there is evidence of them newer than
    the scan: what the scan saw was left out, and whether it is still so only another look can tell.
    """

    touched: int
    outrun: int


@dataclass(frozen=True, slots=True)
class Found:
    """Evidence: the file at ``path`` held this content when it looked like ``stat``."""

    key: EntryKey
    location: str
    path: str
    version: Version
    stat: FileStat
    config_key: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """Evidence: a verified copy of a known content was published at ``path``, and looks like ``stat`` there."""

    key: EntryKey
    location: str
    path: str
    sha256: str
    stat: FileStat


@dataclass(frozen=True, slots=True)
class Place:
    """What counting copies must know of a location. ``durable``: a copy there counts as safe (now)."""

    location: str
    node_id: str
    durable: bool
    provider: str


@dataclass(frozen=True, slots=True)
class Places:
    """All locations of the fleet, and how many copies an entry needs where no rule said otherwise.

    Locations that are not named here hold copies that count for nothing.
    """

    places: tuple[Place, ...]
    wanted_copies: int = 1


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are asked for; everything that is set must hold.

    ``node`` takes a node id (any of its locations) or a location. ``missing_on`` likewise: the current
    version is not there. ``fewer_copies_than`` counts current copies at ``among`` (everywhere when None).
    ``older_than`` is a time: the current content was written before it.
    """

    data_type: DataType | None = None
    config_key: str | None = None
    node: str | None = None
    missing_on: str | None = None
    state: ReplicaState | None = None
    fewer_copies_than: int | None = None
    among: frozenset[str] | None = None
    older_than: float | None = None


@dataclass(frozen=True, slots=True)
class FreshnessRow:
    """One config key and data type. ``copies`` is that of the entry with the fewest durable copies.

    ``at_risk_bytes`` are those whose newest content has no durable copy. ``off_site_entries`` counts the
    entries with a verified copy at another provider than the origin's.
    """

    config_key: str | None
    data_type: DataType
    newest_mtime: float
    entries: int
    copies: int
    at_risk_bytes: int
    at_risk_entries: int
    off_site_entries: int


@dataclass(frozen=True, slots=True)
class HeldRow:
    """What one location holds of a config key and data type: the newest content, and how many are not current."""

    location: str
    config_key: str | None
    data_type: DataType
    newest_mtime: float
    entries: int
    outdated: int


@dataclass(frozen=True, slots=True)
class NodeRisk:
    """What would be lost if a node died now: content with no verified durable copy on another node."""

    node_id: str
    entries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class LocationCount:
    """How many copies of which state a location holds, and their size on disk."""

    location: str
    state: ReplicaState
    replicas: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The size of the catalog."""

    entries: int
    replicas: int


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """What was last known of a node; it outlives the engine."""

    node_id: str
    state: NodeState
    reason: str
    remedy: str
    address: str | None
    paused: bool
    last_seen_at: float | None
    last_sync_at: float | None
    changed_at: float


@dataclass(frozen=True, slots=True)
class LocationRecord:
    """What the last look at a location found."""

    location: str
    node_id: str
    state: LocationState
    root_path: str | None
    seen_at: float | None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One act of an operator or of the engine on its own."""

    at: float
    who: str
    action: str
    subject: str
    detail: str
