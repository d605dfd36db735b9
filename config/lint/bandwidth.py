"""Bandwidth: units that mislead, and overrides without effect."""

from __future__ import annotations

from collections.abc import Iterator

from config.globs import glob_matches
from config.lint.rule import Context, Hit, LintRule
from config.types import Severity


def _megabytes(context: Context) -> Iterator[Hit]:
    limit = context.cluster.sync.bandwidth_limit_mbps
    if limit is not None:
        path = ("auto_sync", "bandwidth_limit_mbps")
        yield Hit(path, f"bandwidth_limit_mbps {limit:g} means megabytes per second: {limit * 8:g} megabits")
    old = context.cluster.plane.default_bandwidth_limit_mbps
    if old is not None:
        path = ("data_plane", "default_bandwidth_limit_mbps")
        yield Hit(path, f"default_bandwidth_limit_mbps {old:g} means megabytes per second: {old * 8:g} megabits")


def _override_equals_limit(context: Context) -> Iterator[Hit]:
    limit = context.cluster.sync.bandwidth_limit_mbps
    for glob, value in (context.cluster.sync.host_bandwidth_overrides or {}).items():
        if value == limit:
            message = f"the override of {glob} equals the global limit {value:g}; old tools ignore it and use their own"
            yield Hit(("auto_sync", "host_bandwidth_overrides", glob), message)


def _override_matches_nothing(context: Context) -> Iterator[Hit]:
    for glob in context.cluster.sync.host_bandwidth_overrides or {}:
        if not any(glob_matches(name, glob) for name in context.cluster.hosts):
            yield Hit(("auto_sync", "host_bandwidth_overrides", glob), f"the override of {glob} matches no host")


def _timetable_matches_nothing(context: Context) -> Iterator[Hit]:
    section = context.cluster.plane.bandwidth
    for index, row in enumerate((section.timetable if section else None) or []):
        if row.node is not None and not any(glob_matches(name, row.node) for name in context.cluster.hosts):
            path = ("data_plane", "bandwidth", "timetable", index, "node")
            yield Hit(path, f"the row for {row.node} matches no host")


def _timetable_row_hidden(context: Context) -> Iterator[Hit]:
    """Of rows with the same days, hours and node only the first ever holds."""
    section = context.cluster.plane.bandwidth
    seen: set[object] = set()
    for index, row in enumerate((section.timetable if section else None) or []):
        said = (row.days, row.hours, row.node)
        if said in seen:
            path = ("data_plane", "bandwidth", "timetable", index)
            yield Hit(path, "an earlier row says these days and hours already: this one never holds")
        seen.add(said)


RULES = (
    LintRule(
        "bandwidth-in-megabytes",
        Severity.NOTE,
        "bandwidth_limit_mbps means megabytes, not megabits, per second",
        "nothing, if megabytes are meant; data_plane.bandwidth_limit takes a value with its unit, such as 20MB/s",
        _megabytes,
    ),
    LintRule(
        "override-equals-limit",
        Severity.NOTE,
        "a bandwidth override equals the global limit: kept here, ignored by old tools",
        "remove it, or give it a value of its own",
        _override_equals_limit,
    ),
    LintRule(
        "override-matches-nothing",
        Severity.NOTE,
        "a bandwidth override matches no host",
        "correct the pattern, or remove it",
        _override_matches_nothing,
    ),
    LintRule(
        "timetable-matches-nothing",
        Severity.NOTE,
        "a row of the bandwidth timetable matches no host",
        "correct its node, or remove it",
        _timetable_matches_nothing,
    ),
    LintRule(
        "timetable-row-hidden",
        Severity.WARNING,
        "a row of the bandwidth timetable repeats the days and hours of an earlier one",
        "keep one of the two",
        _timetable_row_hidden,
    ),
)
