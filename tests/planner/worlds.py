"""Small made-up fleets for tests of keys, routing, planning and health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.landing import DEFAULT_LANDING
from config.rules import built_in_rules
from config.types import (
    DataType,
    Decision,
    DriveSpec,
    EngineSettings,
    NodeSpec,
    Policy,
    RuleSpec,
    Thresholds,
)
from engine.catalog.roots import roots_of
from engine.model import (
    DataEntry,
    EntryKey,
    FileStat,
    LocationState,
    LocationView,
    NodeState,
    Replica,
    ReplicaState,
    Version,
)

NOW = 1_767_225_600.0
GB = 10**9
ALL = tuple(DataType)
DRIVE_SUBDIRS = {
    DataType.GAMES: "selfplay_repository",
    DataType.NPZ: "canonical_data",
    DataType.MODELS: "canonical_models",
    DataType.CHECKPOINT: "canonical_models",
}


def node(node_id: str, *, line: int = 1, drives: Sequence[str] = (), **changes: object) -> NodeSpec:
    """Return a ready, durable node; ``drives`` are paths of external drives that receive everything."""
    fields: dict[str, object] = {
        "node_id": node_id,
        "line": line,
        "status": "ready",
        "role": "gpu_selfplay",
        "provider": node_id.split("-", 1)[0],
        "region": None,
        "ephemeral": False,
        "training": False,
        "selfplay": True,
        "gpu": False,
        "priority": False,
        "coordinator": False,
        "nat_blocked": False,
        "force_relay_mode": False,
        "addresses": (),
        "user": "ubuntu",
        "identity_file": None,
        "root": "~/ringrift/ai-service",
        "storage_paths": {},
        "drives": tuple(DriveSpec(node_id, path, DRIVE_SUBDIRS, line) for path in drives),
    }
    return NodeSpec(**(fields | changes))  # type: ignore[arg-type]


def policy(
    nodes: Sequence[NodeSpec],
    *,
    refuses: Mapping[str, Sequence[DataType]] | None = None,
    rules: Sequence[RuleSpec] | None = None,
    target: int = 3,
    **settings: object,
) -> Policy:
    """Return a policy over nodes; ``refuses`` names the types that a host does not receive."""
    refused = refuses or {}
    decisions = {}
    for spec in nodes:
        for data_type in DataType:
            kept_out = data_type in refused.get(spec.node_id, ())
            coordinator = spec.coordinator and data_type in (DataType.GAMES, DataType.NPZ)
            if kept_out or not spec.ready or (coordinator and not spec.drives):
                decisions[(spec.node_id, data_type)] = Decision(False, "excluded", 7)
            else:
                decisions[(spec.node_id, data_type)] = Decision(True, "ready", spec.line, coordinator)
    return Policy(
        file="fleet.yaml",
        digest="0" * 64,
        nodes={spec.node_id: spec for spec in nodes},
        decisions=decisions,
        rules=(*(rules or ()), *built_in_rules(target)),
        thresholds=settings.pop("thresholds", Thresholds()),  # type: ignore[arg-type]
        engine=EngineSettings(landing=DEFAULT_LANDING, **settings),  # type: ignore[arg-type]
        replication_target=target,
    )


def views(fleet: Policy, **changes: Mapping[str, object]) -> dict[str, LocationView]:
    """Return a view of every location, all up and a tenth full; ``changes`` by location id."""
    found: dict[str, LocationView] = {}
    for spec in fleet.nodes.values():
        for root in roots_of(fleet, spec.node_id):
            fields: dict[str, object] = {
                "location": root.location,
                "node_id": spec.node_id,
                "is_drive": root.is_drive,
                "state": LocationState.AVAILABLE,
                "node_state": NodeState.UP,
                "durable": spec.durable,
                "provider": spec.provider,
                "region": spec.region,
                "total_bytes": 1000 * GB,
                "used_bytes": 100 * GB,
            }
            found[root.location] = LocationView(**(fields | dict(changes.get(root.location, {}))))  # type: ignore[arg-type]
    return found


def replica(
    location: str,
    state: ReplicaState = ReplicaState.CURRENT,
    *,
    size: int = 1000,
    sha: str | None = "a" * 64,
    changed: bool = False,
    hashed_at: float | None = NOW - 3600,
    mtime: float = NOW - 3600,
    wal: int = 0,
) -> Replica:
    """Return a copy at a location."""
    stat = FileStat(size, int(mtime * 1e9), wal_size_bytes=wal)
    known = None if state is ReplicaState.UNHASHED else sha
    verified = None if known is None else hashed_at
    return Replica(location, f"/{location}/file", state, stat, known, verified, hashed_at, NOW, changed)


def entry(
    name: str,
    *replicas: Replica,
    origin: str = "",
    data_type: DataType | None = None,
    size: int = 1000,
    sha: str | None = "a" * 64,
    config_key: str | None = "hex8_2p",
    mtime: float = NOW - 3600,
) -> DataEntry:
    """Return an entry; without ``sha`` its content was never hashed."""
    kind = data_type or (DataType.GAMES if origin else DataType.NPZ)
    current = Version(sha, size, mtime) if sha is not None else None
    return DataEntry(EntryKey(kind, name, origin), config_key, current, tuple(replicas))
