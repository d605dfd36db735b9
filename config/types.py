"""The resolved configuration: what the rest of syncdeck knows of the operator's file.

Every value here is already validated, defaulted and decided; nothing outside ``config/`` reads YAML.
Lines are 1-based lines of the configuration file; ``None`` means "no line says so" (a built-in default).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from config.archive_settings import ArchiveSettings
from config.timetable import TimetableRow

PRIORITIES = {"critical": 100, "high": 75, "normal": 50, "low": 25, "background": 10}
"""The names of the five priorities and their numbers, as the users' planner has them."""


class DataType(StrEnum):
    """The kinds of data that syncdeck catalogues and moves."""

    GAMES = "games"
    MODELS = "models"
    NPZ = "npz"
    CHECKPOINT = "checkpoint"


class Transport(StrEnum):
    """The ways in which bytes travel; ``via`` of a rule names them."""

    P2P = "p2p"
    HTTP = "http"
    RSYNC = "rsync"
    S3 = "s3"
    BASE64 = "base64"
    AGENT = "agent"


class Severity(StrEnum):
    """How much a lint finding matters: an error or a warning stops or misroutes data; a note does not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One thing wrong with the configuration file, with the place, the remedy and the dotted key to blame."""

    rule: str
    severity: Severity
    file: str
    line: int
    column: int
    message: str
    remedy: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """One TCP address that may reach a node's SSH server."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class DriveSpec:
    """One ``sync_routing.allowed_external_storage`` item: a folder that receives data for a host."""

    node_id: str
    path: str
    subdirs: Mapping[DataType, str]
    line: int | None


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One host of the file, resolved.

    ``root`` is the folder that holds ``data/`` and ``models/`` (``~`` is the node's to expand); ``None``
    means that the host holds no code and no data. ``addresses`` are in the order in which they are tried.
    """

    node_id: str
    line: int
    status: str
    role: str
    provider: str
    region: str | None
    ephemeral: bool
    training: bool
    selfplay: bool
    gpu: bool
    priority: bool
    coordinator: bool
    nat_blocked: bool
    force_relay_mode: bool
    addresses: tuple[Address, ...]
    user: str | None
    identity_file: str | None
    root: str | None
    storage_paths: Mapping[str, str]
    drives: tuple[DriveSpec, ...]
    enabled: bool = True
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def durable(self) -> bool:
        """Whether a copy here counts as safe: rented boxes that vanish do not."""
        return not self.ephemeral

    @property
    def ready(self) -> bool:
        """Whether the node may receive data and is expected to answer."""
        return self.status == "ready" and self.enabled


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether one host receives one data type, and the reason and line that decide it.

    ``external_only``: it receives on its external drives, not below its own root (see ``config/places.py``).
    """

    receives: bool
    because: str
    line: int | None
    external_only: bool = False


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """What a routing rule applies to; an unset field matches everything. Ages in seconds, sizes in bytes."""

    data_types: frozenset[DataType] = frozenset(DataType)
    config_key: str = "*"
    path: str = "*"
    min_size_bytes: int | None = None
    max_size_bytes: int | None = None
    min_age_seconds: float | None = None
    max_age_seconds: float | None = None
    region: str = "*"


@dataclass(frozen=True, slots=True)
class RulePlace:
    """Where matching entries belong: ``copies`` nodes chosen by ``selector`` (``None``: every one it selects)."""

    selector: str
    copies: int | None


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One routing rule, from the file or built in (``line`` None). ``priority`` is 10, 25, 50, 75 or 100."""

    name: str
    match: RuleMatch
    place: tuple[RulePlace, ...]
    priority: int = 50
    deadline_seconds: float | None = None
    via: tuple[Transport, ...] = ()
    line: int | None = None
    file: str = ""
    """The file that ``line`` is in, where it is not the configuration file itself."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When something becomes a finding. The one table of thresholds; see docs/configuration.md."""

    disk_max_percent: float = 70.0
    disk_target_percent: float = 60.0
    disk_min_free_percent: float = 15.0
    lag_warning_seconds: float = 3_600.0
    lag_critical_seconds: float = 86_400.0
    training_data_warning_seconds: float = 21_600.0
    disk_full_forecast_seconds: float = 259_200.0


@dataclass(frozen=True, slots=True)
class SshSettings:
    """Which known_hosts and ssh_config files count; ``None`` means the user's own.

    ``forward_agent``: patterns of the hosts that may use the operator's ssh-agent while they stream to another host.
    """

    known_hosts: str | None = None
    config: str | None = None
    forward_agent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OnFinding:
    """A command run (without a shell) for each new finding and recovery, at most once per finding and interval."""

    command: tuple[str, ...]
    min_interval_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class BandwidthSource:
    """Where a limit is written: the key as an operator reads it, and its line."""

    key: str
    line: int | None


@dataclass(frozen=True, slots=True)
class BandwidthSettings:
    """What the file says of bandwidth beside the plain limits: when others hold, each transfer's own, and the lines."""

    timetable: tuple[TimetableRow, ...] = ()
    per_transfer_bytes_per_second: int | None = None
    per_transfer_line: int | None = None
    fleet_source: BandwidthSource | None = None
    node_sources: Mapping[str, BandwidthSource] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpServerSpec:
    """A plain file server that runs on every host whose name matches ``node``, with ``root`` as its top folder.

    ``root`` is absolute, or relative to the host's own root. ``prefer``: it is tried before our own server.
    """

    node: str
    port: int
    root: str
    prefer: bool


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Whether and how nodes fetch from each other by plain HTTP. ``port`` 0: any free one."""

    enabled: bool = True
    port: int = 0
    networks: tuple[str, ...] = ()
    """All networks in which plain HTTP is used, the built-in ones (``config/http.py``) among them."""
    connections: int = 4
    servers: tuple[HttpServerSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What ``data_plane:`` and ``auto_sync:`` say of the engine itself. No cap where the file writes none."""

    node_id: str | None = None
    manifest_refresh_interval_seconds: float = 60.0
    min_replication_factor: int = 3
    max_concurrent_syncs: int = 5
    bandwidth_bytes_per_second: int | None = None
    node_bandwidth_bytes_per_second: Mapping[str, int] = field(default_factory=dict)
    large_file_threshold_bytes: int = 100 * 1024 * 1024
    stall_timeout_seconds: float = 600.0
    max_retries: int = 3
    snapshot_interval_seconds: float = 60.0
    ephemeral_snapshot_interval_seconds: float = 10.0
    s3_bucket: str | None = None
    ssh: SshSettings = SshSettings()
    on_finding: OnFinding | None = None
    landing: Mapping[DataType, str] = field(default_factory=dict)
    auto_sync_enabled: bool = True
    count_games: bool = True
    http: HttpSettings = HttpSettings()
    archive: ArchiveSettings = field(default_factory=ArchiveSettings)
    bandwidth: BandwidthSettings = BandwidthSettings()


@dataclass(frozen=True, slots=True)
class Policy:
    """The one effective policy: who receives what and why, which rules route, which limits hold.

    ``decisions`` has an entry for every host of the file and every data type.
    ``digest`` changes whenever the file's meaning may have changed (SHA-256 of its bytes, hex).
    """

    file: str
    digest: str
    nodes: Mapping[str, NodeSpec]
    decisions: Mapping[tuple[str, DataType], Decision]
    rules: tuple[RuleSpec, ...]
    thresholds: Thresholds
    engine: EngineSettings
    replication_target: int
    replication_target_line: int | None = None
    max_disk_line: int | None = None

    def receives(self, node_id: str, data_type: DataType) -> Decision:
        """Return the decision for a host; an unknown host receives nothing."""
        unknown = Decision(False, f"{node_id} is not a host of {self.file}", None)
        return self.decisions.get((node_id, data_type), unknown)
