"""``data_plane``: what the engine itself is told. Every key is optional."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from config.landing import DEFAULT_LANDING, landing_problem
from config.schema.archive import Archive
from config.schema.base import Duration, Integer, Number, Rate, Seconds, Section, Size
from config.schema.http import Http
from config.timetable import DAY_MINUTES, parse_days, parse_hours
from config.types import DataType


class Ssh(Section):
    """Which known_hosts and ssh_config files count instead of the user's own; whom the ssh-agent is forwarded to."""

    known_hosts: str | None = None
    config: str | None = None
    forward_agent: bool | list[Annotated[str, Field(min_length=1)]] | None = None


class OnFinding(Section):
    """A command, as a list of words: it runs without a shell."""

    command: Annotated[list[str], Field(min_length=1)]
    min_interval: Duration | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_command(cls, value: Any) -> Any:
        """Take the words alone for the command: nothing else need be said of it."""
        return {"command": value} if isinstance(value, list) else value


class NodeSwitch(Section):
    """Switches of one node: off altogether, or for one data type; and a cap on its link."""

    enabled: bool | None = None
    games: bool | None = None
    npz: bool | None = None
    models: bool | None = None
    checkpoint: bool | None = None
    bandwidth_limit: Rate | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_bool(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


class TypeSwitches(Section):
    """Data types that move at all."""

    games: bool | None = None
    npz: bool | None = None
    models: bool | None = None
    checkpoint: bool | None = None


class ThresholdSection(Section):
    """When something becomes a finding. Those of disks are in ``sync_routing``."""

    lag_warning: Duration | None = None
    lag_critical: Duration | None = None
    training_data_warning: Duration | None = None
    disk_full_forecast: Duration | None = None


def _readable(data_type: DataType) -> AfterValidator:
    """Return the check that a template maps a place back to its key."""

    def check(template: str) -> str:
        problem = landing_problem(data_type, template)
        if problem is None:
            return template
        raise PydanticCustomError(
            "landing-template",
            "{found} cannot be read backwards, from a file to its key: {problem}; a sound one is {example}",
            {"found": repr(template), "problem": problem, "example": DEFAULT_LANDING[data_type]},
        )

    return AfterValidator(check)


class Landing(Section):
    """Where copies of foreign origin land, below the folder of their type."""

    games: Annotated[str, _readable(DataType.GAMES)] | None = None
    npz: Annotated[str, _readable(DataType.NPZ)] | None = None
    models: Annotated[str, _readable(DataType.MODELS)] | None = None
    checkpoint: Annotated[str, _readable(DataType.CHECKPOINT)] | None = None


def _read(parse: Callable[[str], Any]) -> BeforeValidator:
    """Return the validator of a text with a grammar of its own."""

    def validate(value: Any) -> Any:
        if not isinstance(value, str):
            raise PydanticCustomError("timetable", "{found} is not text; quote it", {"found": repr(value)})
        try:
            return parse(value)
        except ValueError as error:
            raise PydanticCustomError("timetable", "{cause}", {"cause": str(error)}) from error

    return BeforeValidator(validate)


def _days(value: Any) -> Any:
    """Days may be a list, too: one item is as good as one between commas."""
    return ",".join(map(str, value)) if isinstance(value, list) else value


class TimetableEntry(Section):
    """One row of the timetable: on these days, in these hours of local time, this limit."""

    days: Annotated[frozenset[int], _read(parse_days), BeforeValidator(_days)] = frozenset(range(7))
    hours: Annotated[tuple[int, int], _read(parse_hours)] = (0, DAY_MINUTES)
    limit: Literal["none"] | Rate
    node: str | None = None


class Bandwidth(Section):
    """``data_plane.bandwidth``: a limit of each transfer, and limits by weekday and hour."""

    per_transfer: Rate | None = None
    timetable: list[TimetableEntry] | None = None


def _rules_file(value: str) -> str:
    """A path of its own: not empty, and no folder."""
    if not value.strip() or value.endswith("/"):
        raise PydanticCustomError("rules-file", "{found} names no file", {"found": repr(value)})
    return value


class DataPlane(Section):
    """``data_plane``. The names without a unit in their value are those of the users' DataPlaneConfig."""

    node_id: str | None = None
    rules_file: Annotated[str, AfterValidator(_rules_file)] | None = None
    catalog_db_path: str | None = None
    manifest_refresh_interval: Seconds | None = None
    min_replication_factor: Annotated[Integer, Field(ge=1)] | None = None
    max_concurrent_syncs: Annotated[Integer, Field(ge=1)] | None = None
    default_bandwidth_limit_mbps: Annotated[Number, Field(gt=0)] | None = None
    bandwidth_limit: Rate | None = None
    bandwidth: Bandwidth | None = None
    s3_enabled: bool | None = None
    s3_bucket: str | None = None
    s3_sync_interval: Seconds | None = None
    large_file_threshold_mb: Annotated[Number, Field(gt=0)] | None = None
    large_file_threshold: Size | None = None
    transport_timeout_seconds: Seconds | None = None
    max_retries: Annotated[Integer, Field(ge=0)] | None = None
    emit_completion_events: bool | None = None
    count_games: bool | None = None
    chain_events: bool | None = None
    ephemeral_snapshot_interval: Duration | None = None
    ssh: Ssh | None = None
    on_finding: OnFinding | None = None
    http: Http | None = None
    archive: Archive | None = None
    landing: Landing | None = None
    nodes: dict[str, NodeSwitch | None] | None = None
    data_types: TypeSwitches | None = None
    thresholds: ThresholdSection | None = None
