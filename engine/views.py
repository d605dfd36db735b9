"""What an operator is shown: frozen values that a console or a command prints, and nothing else.

Everything here travels as JSON over the control socket (``engine/api``), so it holds only plain values,
tuples and other views. Times are seconds since the epoch; every view carries the time at which it was true.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.transport_views import BreakerView
from engine.views_archive import GamesView
from engine.views_engine import EngineView


@dataclass(frozen=True, slots=True)
class NodeView:
    """One host. ``state`` is a NodeState value; ``reason`` says why and ``remedy`` what mends it."""

    node: str
    state: str
    reason: str
    remedy: str
    last_seen_at: float | None
    last_sync_at: float | None
    lag_seconds: float | None
    durable: bool
    ephemeral: bool
    role: str
    trainer: bool
    paused: bool = False
    at_risk_bytes: int = 0
    at_risk_entries: int = 0
    breakers: tuple[BreakerView, ...] = ()


@dataclass(frozen=True, slots=True)
class StorageView:
    """One file system of a node, with thresholds in percent and the trend of ``used_percent`` (oldest first)."""

    node: str
    root: str
    location: str
    label: str
    total_bytes: int | None
    used_bytes: int | None
    used_percent: float | None
    state: str
    full_in_seconds: float | None
    max_percent: float
    target_percent: float
    trend: tuple[float, ...] = ()
    ephemeral: bool = False
    sampled_at: float | None = None


@dataclass(frozen=True, slots=True)
class TrainerFreshness:
    """How old what one trainer holds is, and whether it is the current version."""

    node: str
    held_age_seconds: float | None
    current: bool


@dataclass(frozen=True, slots=True)
class FreshnessView:
    """One config key and data type. ``copies`` is that of the entry with the fewest; ``off_site`` is
    "yes", "no" or "not configured"."""

    config_key: str
    data_type: str
    newest_age_seconds: float | None
    copies: int
    wanted: int
    off_site: str
    at_risk_bytes: int
    trainers: tuple[TrainerFreshness, ...] = ()
    entries: int = 0


@dataclass(frozen=True, slots=True)
class FindingView:
    """Something that needs the operator. ``action`` is the id of the console's action that mends it, or None."""

    id: str
    severity: str
    subject: str
    message: str
    remedy: str
    action: str | None
    at_risk_bytes: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class TransferView:
    """One transfer, running, waiting or over."""

    id: int
    key: str
    label: str
    config_key: str | None
    data_type: str
    source: str
    target: str
    transport: str | None
    state: str
    reason: str
    bytes_total: int
    bytes_done: int
    bytes_on_wire: int
    bytes_per_second: float | None
    seconds_left: float | None
    attempts: int
    error_class: str | None
    hint: str | None
    priority: int
    deadline: float | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    rule: str = ""
    line: int | None = None
    code: str | None = None
    """A TransferCode where something hangs on why it is in its state."""


@dataclass(frozen=True, slots=True)
class ThroughputView:
    """The last hour: bytes moved, share of transfers done at the first attempt (None: none yet), rates."""

    bytes_last_hour: int
    first_attempt_rate: float | None
    bytes_per_second: float
    limit_bytes_per_second: int | None
    trend: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusView:
    """Everything that the dashboard shows, true at ``at``. ``revision`` grows with every change."""

    at: float
    revision: int
    engine: EngineView
    nodes: tuple[NodeView, ...]
    storage: tuple[StorageView, ...]
    freshness: tuple[FreshnessView, ...]
    queue: tuple[tuple[str, int], ...]
    findings: tuple[FindingView, ...]
    at_risk_bytes: int
    running: tuple[TransferView, ...]
    waiting_reasons: tuple[tuple[str, int], ...]
    throughput: ThroughputView
    last_verified_at: float | None
    entries_total: int = 0
    replicas_total: int = 0
    orphan_games: int | None = None
    """Complete games in no canonical database, of what is counted; None before anything is."""


@dataclass(frozen=True, slots=True)
class CatalogQuery:
    """What the catalog screen asks for. ``order`` is a column of CatalogRow; ``text`` a filter on key and origin."""

    text: str = ""
    data_type: str | None = None
    config_key: str | None = None
    node: str | None = None
    show: str = "all"
    """all, missing, under-replicated, at-risk, stale, diverged"""
    order: str = "key"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """One entry in a list."""

    id: int
    key: str
    path: str
    data_type: str
    config_key: str | None
    origin: str
    size_bytes: int
    mtime: float | None
    copies: int
    wanted: int
    states: str
    """Compact word for the worst thing true of it: ok, under-replicated, at-risk, stale, diverged, unhashed, gone"""


@dataclass(frozen=True, slots=True)
class CatalogWindow:
    """Rows ``offset`` .. ``offset + len(rows)`` of a query's ``total``."""

    revision: int
    total: int
    offset: int
    rows: tuple[CatalogRow, ...]


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """One copy of an entry."""

    node: str
    location: str
    path: str
    state: str
    sha256: str | None
    size_bytes: int
    verified_at: float | None
    durable: bool
    seen_at: float


@dataclass(frozen=True, slots=True)
class PlacementView:
    """Why an entry is, or is not, to be at one location: the rule, its line and what stands in the way."""

    location: str
    wanted: bool
    held: bool
    because: str
    rule: str
    line: int | None
    blocked: str | None = None


@dataclass(frozen=True, slots=True)
class EntryDetail:
    """One entry with its copies and its placements."""

    row: CatalogRow
    sha256: str | None
    off_site: str
    replicas: tuple[ReplicaView, ...]
    placements: tuple[PlacementView, ...]
    transfers: tuple[TransferView, ...] = ()
    games: GamesView | None = None
    """Of a games database whose current version is counted; ``games_sentence`` says what follows, in words."""
    games_sentence: str = ""


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One plan or refusal as shown; for a refusal ``targets`` holds the one location that was refused."""

    source: str
    targets: tuple[str, ...]
    entries: tuple[str, ...]
    priority: int
    reason: str
    rule: str
    line: int | None
    transport_preference: tuple[str, ...]
    deadline: float | None
    bytes: int


@dataclass(frozen=True, slots=True)
class RefusalView:
    """Something wanted that will not be moved, and why."""

    key: str
    node: str
    reason: str
    remedy: str
    rule: str
    line: int | None


@dataclass(frozen=True, slots=True)
class PlanView:
    """What would move now, and what would not."""

    at: float
    plans: tuple[PlanItem, ...]
    refused: tuple[RefusalView, ...]


@dataclass(frozen=True, slots=True)
class TransferPage:
    """The queue and its history: running first, then by urgency, then the newest finished ones."""

    revision: int
    total: int
    offset: int
    rows: tuple[TransferView, ...]


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What to sync: chosen entries (keys), or everything that matches; ``targets`` empty means by the rules."""

    keys: tuple[str, ...] = ()
    data_type: str | None = None
    config_key: str | None = None
    targets: tuple[str, ...] = ()
    priority: int | None = None
    emergency: bool = False
    nodes: tuple[str, ...] = ()
    """For an emergency: the nodes to save; empty means every ephemeral or failing one."""
    allow_fill: bool = False
    """For an emergency: may fill targets past max_disk_usage_percent, down to the min_free floor."""


@dataclass(frozen=True, slots=True)
class SyncPreview:
    """What a request would do. ``refused`` names what it could not do and why."""

    request: SyncRequest
    files: int
    bytes: int
    targets: tuple[str, ...]
    seconds: float | None
    items: tuple[PlanItem, ...]
    refused: tuple[RefusalView, ...]


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What a request did, in one sentence; ``accepted`` is how many transfers were queued or changed."""

    accepted: int
    message: str


@dataclass(frozen=True, slots=True)
class CheckResult(ActionResult):
    """What reading archives came to: ``accepted`` are good, and ``failed`` are the ids of those that are not."""

    failed: tuple[int, ...] = ()
