"""The users' own sections beside hosts that syncdeck acts on: sync_routing and auto_sync."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from config.schema.base import Anything, InnerFolder, Integer, NameList, Number, Percent, Seconds, Section
from config.schema.rule import Rule


class ExcludedHost(Section):
    """One item of ``excluded_hosts``: a bare name, or a mapping with the types still received."""

    name: str
    receive_games: bool | None = None
    receive_npz: bool | None = None
    receive_models: bool | None = None
    reason: Anything = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class Subdirs(Section):
    """Folders of an external drive, relative to its path."""

    games: InnerFolder | None = None
    npz: InnerFolder | None = None
    models: InnerFolder | None = None
    checkpoint: InnerFolder | None = None


class ExternalStorage(Section):
    """One item of ``allowed_external_storage``: a drive of a host that receives data."""

    host: str
    path: str
    receive_games: bool | None = None
    receive_npz: bool | None = None
    receive_models: bool | None = None
    subdirs: Subdirs | None = None


class S3(Section):
    """``sync_routing.s3``."""

    enabled: bool | None = None
    bucket: str | None = None
    region: str | None = None
    prefix: str | None = None
    pull_games: bool | None = None
    pull_training_npz: bool | None = None
    pull_models: bool | None = None
    push_enabled_hosts: NameList | None = None
    sync_interval: Seconds | None = None
    primary_for_games: bool | None = None
    primary_for_models: bool | None = None
    primary_for_npz: bool | None = None


class SyncRouting(Section):
    """``sync_routing``: who receives, how full disks may get, how many copies."""

    max_disk_usage_percent: Percent | None = None
    target_disk_usage_percent: Percent | None = None
    min_free_disk_percent: Percent | None = None
    replication_target: Annotated[Integer, Field(ge=1)] | None = None
    excluded_hosts: list[ExcludedHost] | None = None
    allowed_external_storage: list[ExternalStorage] | None = None
    priority_hosts: NameList | None = None
    underserved_configs: NameList | None = None
    s3: S3 | None = None
    rules: list[Rule] | None = None


def _without_nulls(value: Any) -> Any:
    """An override of null says nothing, as everywhere in the file."""
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


class AutoSync(Section):
    """``auto_sync``. ``bandwidth_limit_mbps`` means megabytes per second, as it always has."""

    enabled: bool | None = None
    interval_seconds: Seconds | None = None
    gossip_interval_seconds: Seconds | None = None
    skip_nfs_sync: bool | None = None
    max_concurrent_syncs: Annotated[Integer, Field(ge=1)] | None = None
    min_games_to_sync: Integer | None = None
    bandwidth_limit_mbps: Annotated[Number, Field(gt=0)] | None = None
    exclude_hosts: NameList | None = None
    host_bandwidth_overrides: (
        Annotated[dict[str, Annotated[Number, Field(gt=0)]], BeforeValidator(_without_nulls)] | None
    ) = None
