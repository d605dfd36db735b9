"""Disk limits and external drives."""

from __future__ import annotations

from collections.abc import Iterator

from config.document import Path
from config.lint.rule import Context, Hit, LintRule, both
from config.types import Severity

_ROUTING = "sync_routing"


def _target_not_below_max(context: Context) -> Iterator[Hit]:
    routing = context.cluster.routing
    target, maximum = routing.target_disk_usage_percent, routing.max_disk_usage_percent
    if target is not None and maximum is not None and target >= maximum:
        message = f"target_disk_usage_percent {target:g} is not below max_disk_usage_percent {maximum:g}: never cleaned"
        keys = ("target_disk_usage_percent", "max_disk_usage_percent")
        yield from both(context, (_ROUTING, keys[0]), (_ROUTING, keys[1]), message)


def _max_and_min_free(context: Context) -> Iterator[Hit]:
    routing = context.cluster.routing
    maximum, free = routing.max_disk_usage_percent, routing.min_free_disk_percent
    if maximum is not None and free is not None and maximum + free > 100:
        message = (
            f"max_disk_usage_percent {maximum:g} cannot be reached while min_free_disk_percent keeps {free:g} % free"
        )
        keys = ("max_disk_usage_percent", "min_free_disk_percent")
        yield from both(context, (_ROUTING, keys[0]), (_ROUTING, keys[1]), message)


def _percents(context: Context) -> Iterator[tuple[str, float, Path]]:
    routing = context.cluster.routing
    for key in ("max_disk_usage_percent", "target_disk_usage_percent", "min_free_disk_percent"):
        value = getattr(routing, key)
        if value is not None:
            yield key, value, (_ROUTING, key)


def _percent_as_fraction(context: Context) -> Iterator[Hit]:
    for key, value, where in _percents(context):
        if 0 < value < 1:
            meant = f"{value * 100:g}"
            yield Hit(where, f"{key} {value:g} means {value:g} percent; is {meant} meant?", f"write {meant}")


def _nothing_may_arrive(context: Context) -> Iterator[Hit]:
    routing = context.cluster.routing
    if routing.max_disk_usage_percent == 0:
        yield Hit((_ROUTING, "max_disk_usage_percent"), "max_disk_usage_percent 0 lets no disk receive anything")
    if routing.min_free_disk_percent == 100:
        yield Hit((_ROUTING, "min_free_disk_percent"), "min_free_disk_percent 100 lets no disk receive anything")


def _drives(context: Context) -> Iterator[tuple[str, str, Path]]:
    for index, item in enumerate(context.cluster.routing.allowed_external_storage or ()):
        yield item.host, item.path, (_ROUTING, "allowed_external_storage", index)


def _drive_on_absent_host(context: Context) -> Iterator[Hit]:
    for host, path, where in _drives(context):
        node = context.policy.nodes.get(host)
        if node is not None and node.status != "ready":
            message = f"the drive {path} of {host} receives nothing: the host has {context.status_of(host)}"
            yield from both(context, where, ("hosts", host, "status"), message)


def _drive_receives_nothing(context: Context) -> Iterator[Hit]:
    for index, item in enumerate(context.cluster.routing.allowed_external_storage or ()):
        if item.receive_games is False and item.receive_npz is False and item.receive_models is False:
            where = (_ROUTING, "allowed_external_storage", index)
            yield Hit(where, f"the drive {item.path} of {item.host} receives nothing: all three flags are false")


def _drive_path_relative(context: Context) -> Iterator[Hit]:
    for host, path, where in _drives(context):
        if not path.startswith(("/", "~")):
            yield Hit((*where, "path"), f"the drive path {path!r} of {host} is not absolute")


def _drive_twice(context: Context) -> Iterator[Hit]:
    seen: dict[tuple[str, str], Path] = {}
    for host, path, where in _drives(context):
        key = (host, path.rstrip("/"))
        if key in seen:
            yield from both(context, seen[key], where, f"the drive {path} of {host} is listed twice")
        seen.setdefault(key, where)


def _external_not_allowed(context: Context) -> Iterator[Hit]:
    allowed = {(host, path.rstrip("/")): where for host, path, where in _drives(context)}
    hosts_with_drive = {host for host, _ in allowed}
    for name, host, where in context.hosts():
        said = (*where, "use_external_storage")
        if host.use_external_storage and name not in hosts_with_drive:
            yield Hit(said, f"{name} uses external storage, but no allowed_external_storage names it: it gets nothing")
        path = (host.external_storage_path or "").rstrip("/")
        if host.use_external_storage and path and name in hosts_with_drive and (name, path) not in allowed:
            other = next(at for (owner, _), at in allowed.items() if owner == name)
            message = f"external_storage_path {path} of {name} is not the path in allowed_external_storage"
            yield from both(context, (*where, "external_storage_path"), (*other, "path"), message)


RULES = (
    LintRule(
        "target-not-below-max",
        Severity.WARNING,
        "target_disk_usage_percent is not below max_disk_usage_percent, so nothing is ever cleaned",
        "set the target about ten percent below the maximum",
        _target_not_below_max,
    ),
    LintRule(
        "max-above-min-free",
        Severity.WARNING,
        "max_disk_usage_percent and min_free_disk_percent add up to more than 100",
        "lower one of the two: together at most 100",
        _max_and_min_free,
    ),
    LintRule(
        "percent-as-fraction",
        Severity.WARNING,
        "a percentage below one, as if it were a fraction",
        "write percent: 90, not 0.9",
        _percent_as_fraction,
    ),
    LintRule(
        "nothing-may-arrive",
        Severity.WARNING,
        "a disk limit that no disk can keep, so that nothing is received anywhere",
        "write a limit that leaves room, such as 70 for the maximum and 15 for what stays free",
        _nothing_may_arrive,
    ),
    LintRule(
        "drive-on-absent-host",
        Severity.WARNING,
        "an external drive belongs to a host that is not ready",
        "make the host ready, or name another one for external copies",
        _drive_on_absent_host,
    ),
    LintRule(
        "drive-receives-nothing",
        Severity.WARNING,
        "an external drive has all receive flags false",
        "set a flag to true, or remove the item",
        _drive_receives_nothing,
    ),
    LintRule(
        "drive-path-relative",
        Severity.WARNING,
        "the path of an external drive is not absolute",
        "write the path from the root on, such as /Volumes/Data",
        _drive_path_relative,
    ),
    LintRule("drive-twice", Severity.WARNING, "a drive is listed twice", "keep one of the two", _drive_twice),
    LintRule(
        "external-not-allowed",
        Severity.WARNING,
        "a host's use_external_storage and allowed_external_storage do not agree",
        "add the drive, with the same path, to sync_routing.allowed_external_storage",
        _external_not_allowed,
    ),
)
