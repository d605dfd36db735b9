"""Thresholds and engine settings: what the file says, and the defaults where it is silent.

What ``sync_routing`` and ``auto_sync`` say goes before ``data_plane``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from config.archive import build_archive
from config.globs import glob_matches
from config.http import build_http
from config.landing import DEFAULT_LANDING
from config.schema.cluster import ClusterFile
from config.schema.data_plane import Landing, Ssh, ThresholdSection
from config.types import DataType, EngineSettings, OnFinding, SshSettings, Thresholds

MEGABYTE = 1_000_000
"""Bytes in the megabyte of ``bandwidth_limit_mbps``."""

MEBIBYTE = 1_024 * 1_024
"""Bytes in the megabyte of ``large_file_threshold_mb``: the users' transport manager multiplies by this."""

T = TypeVar("T")


def replication_target(cluster: ClusterFile) -> int:
    """Return how many copies of everything are wanted."""
    default = EngineSettings().min_replication_factor
    return first(cluster.routing.replication_target, cluster.plane.min_replication_factor, default)


def build_thresholds(cluster: ClusterFile) -> Thresholds:
    """Return the thresholds; a default never contradicts a neighbour that the file states."""
    routing, default = cluster.routing, Thresholds()
    section = cluster.plane.thresholds or ThresholdSection()
    maximum = first(routing.max_disk_usage_percent, default.disk_max_percent)
    return Thresholds(
        disk_max_percent=maximum,
        disk_target_percent=first(routing.target_disk_usage_percent, min(default.disk_target_percent, maximum)),
        disk_min_free_percent=first(routing.min_free_disk_percent, min(default.disk_min_free_percent, 100 - maximum)),
        lag_warning_seconds=first(section.lag_warning, default.lag_warning_seconds),
        lag_critical_seconds=first(section.lag_critical, default.lag_critical_seconds),
        training_data_warning_seconds=first(section.training_data_warning, default.training_data_warning_seconds),
        disk_full_forecast_seconds=first(section.disk_full_forecast, default.disk_full_forecast_seconds),
    )


def build_engine_settings(cluster: ClusterFile) -> EngineSettings:
    """Return every setting of the engine."""
    sync, plane, default = cluster.sync, cluster.plane, EngineSettings()
    return EngineSettings(
        node_id=plane.node_id,
        manifest_refresh_interval_seconds=first(
            plane.manifest_refresh_interval, default.manifest_refresh_interval_seconds
        ),
        min_replication_factor=first(plane.min_replication_factor, default.min_replication_factor),
        max_concurrent_syncs=first(sync.max_concurrent_syncs, plane.max_concurrent_syncs, default.max_concurrent_syncs),
        bandwidth_bytes_per_second=_fleet_bandwidth(cluster),
        node_bandwidth_bytes_per_second=node_bandwidths(cluster),
        large_file_threshold_bytes=_large_file_threshold(cluster),
        stall_timeout_seconds=first(plane.transport_timeout_seconds, default.stall_timeout_seconds),
        max_retries=first(plane.max_retries, default.max_retries),
        snapshot_interval_seconds=first(sync.interval_seconds, default.snapshot_interval_seconds),
        ephemeral_snapshot_interval_seconds=first(
            plane.ephemeral_snapshot_interval, default.ephemeral_snapshot_interval_seconds
        ),
        s3_bucket=_bucket(cluster),
        ssh=_ssh(plane.ssh),
        on_finding=_on_finding(cluster),
        landing=_landing(plane.landing),
        auto_sync_enabled=first(sync.enabled, default.auto_sync_enabled),
        count_games=first(plane.count_games, default.count_games),
        http=build_http(plane.http),
        archive=build_archive(plane.archive),
    )


def node_bandwidths(cluster: ClusterFile) -> dict[str, int]:
    """Return the cap of every node that has one: its own switch, else the first override that its name matches."""
    caps: dict[str, int] = {}
    for name in cluster.hosts:
        switch = (cluster.plane.nodes or {}).get(name)
        override = matching_override(name, cluster.sync.host_bandwidth_overrides or {})
        if override is not None:
            caps[name] = _megabytes(override)
        elif switch is not None and switch.bandwidth_limit is not None:
            caps[name] = switch.bandwidth_limit
    return caps


def matching_override(name: str, overrides: Mapping[str, float]) -> float | None:
    """Return the override for a host: of its very name, else the first glob of the file that matches."""
    chosen = override_name(name, overrides)
    return None if chosen is None else overrides[chosen]


def override_name(name: str, overrides: Mapping[str, float]) -> str | None:
    """Return which override counts for a host, as the file calls it."""
    if name in overrides:
        return name
    return next((glob for glob in overrides if glob_matches(name, glob)), None)


def first(*values: T | None) -> T:
    """Return the first value that is not None; raises ValueError when there is none."""
    for value in values:
        if value is not None:
            return value
    raise ValueError("no value and no default")


def _megabytes(amount: float) -> int:
    return round(amount * MEGABYTE)


def _fleet_bandwidth(cluster: ClusterFile) -> int | None:
    """No cap unless one is written."""
    if cluster.sync.bandwidth_limit_mbps is not None:
        return _megabytes(cluster.sync.bandwidth_limit_mbps)
    if cluster.plane.bandwidth_limit is not None:
        return cluster.plane.bandwidth_limit
    old = cluster.plane.default_bandwidth_limit_mbps
    return None if old is None else _megabytes(old)


def _large_file_threshold(cluster: ClusterFile) -> int:
    old = cluster.plane.large_file_threshold_mb
    return first(
        cluster.plane.large_file_threshold,
        None if old is None else round(old * MEBIBYTE),
        EngineSettings().large_file_threshold_bytes,
    )


def _bucket(cluster: ClusterFile) -> str | None:
    """No bucket unless one is named, and S3 not switched off."""
    section, plane = cluster.routing.s3, cluster.plane
    if section is not None and (section.enabled is False or section.bucket):
        return None if section.enabled is False else section.bucket
    return None if plane.s3_enabled is False else plane.s3_bucket or None


def _ssh(section: Ssh | None) -> SshSettings:
    """Forwarding to every host is one pattern; it is off unless the file says otherwise."""
    if section is None:
        return SshSettings()
    forward = section.forward_agent or []
    return SshSettings(section.known_hosts, section.config, ("*",) if forward is True else tuple(forward))


def _on_finding(cluster: ClusterFile) -> OnFinding | None:
    section = cluster.plane.on_finding
    if section is None:
        return None
    command = tuple(section.command)
    return OnFinding(command) if section.min_interval is None else OnFinding(command, section.min_interval)


def _landing(section: Landing | None) -> dict[DataType, str]:
    return {
        data_type: (getattr(section, data_type.value) if section else None) or template
        for data_type, template in DEFAULT_LANDING.items()
    }
