"""The users' own sections that other tools act on; syncdeck only looks for wrong names and misspelt keys in them."""

from __future__ import annotations

from config.schema.base import Anything, Integer, NameList, Number, Percent, Port, Seconds, Section


class EloSync(Section):
    """``elo_sync``: not ours to act on; lint checks the names in it."""

    coordinator: str | None = None
    sync_port: Port | None = None
    sync_interval: Seconds | None = None
    divergence_threshold: Number | None = None
    transports: NameList | None = None


class Consolidation(Section):
    """``consolidation``: not ours to act on; lint checks the names in it."""

    enabled: bool | None = None
    min_disk_free_gb: Number | None = None
    max_cpu_percent: Percent | None = None
    min_games_to_consolidate: Integer | None = None
    max_games_per_batch: Integer | None = None
    eligible_roles: NameList | None = None
    excluded_nodes: NameList | None = None
    prefer_nodes_with_most_data: bool | None = None
    consolidation_interval_seconds: Seconds | None = None


class RotatingPool(Section):
    """``disk_management.rotating_pool``: not ours to act on; lint looks for misspelt keys."""

    enabled: Anything = None
    quota_percent: Anything = None
    min_quota_gb: Anything = None
    max_quota_gb: Anything = None
    cleanup_age_hours: Anything = None
    priority_cleanup_on_pressure: Anything = None
    pool_subdirs: Anything = None


class DiskManagement(Section):
    """``disk_management``."""

    rotating_pool: RotatingPool | None = None


class Swim(Section):
    """``protocols.swim``: not ours to act on; lint looks for misspelt keys."""

    enabled: Anything = None
    bind_port: Anything = None
    failure_timeout: Anything = None
    suspicion_timeout: Anything = None
    ping_interval: Anything = None
    indirect_ping_count: Anything = None


class Raft(Section):
    """``protocols.raft``: as ``Swim``."""

    enabled: Anything = None
    bind_port: Anything = None
    compaction_min_entries: Anything = None
    auto_unlock_time: Anything = None
    use_manual_tick: Anything = None


class Protocols(Section):
    """``protocols``."""

    swim: Swim | None = None
    raft: Raft | None = None
    membership_mode: Anything = None
    consensus_mode: Anything = None


class ProviderTimeouts(Section):
    """One provider of ``provider_timeouts``: not ours to act on; lint looks for misspelt keys."""

    peer_timeout: Anything = None
    heartbeat_interval: Anything = None
    reason: Anything = None
