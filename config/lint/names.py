"""Lists that name hosts and config keys: names that do not exist, or that cannot do what the list is for."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from config.classify import default_classifier
from config.document import Path
from config.lint.rule import Context, Hit, LintRule, both
from config.presets.preset import ringrift
from config.types import Severity


def _named(context: Context) -> Iterator[tuple[str, str, Path]]:
    """Yield every place that names a host: the name, the key for messages, the path."""
    cluster = context.cluster
    for index, item in enumerate(cluster.routing.excluded_hosts or ()):
        yield item.name, "sync_routing.excluded_hosts", ("sync_routing", "excluded_hosts", index)
    for index, drive in enumerate(cluster.routing.allowed_external_storage or ()):
        yield drive.host, "allowed_external_storage", ("sync_routing", "allowed_external_storage", index, "host")
    lists: tuple[tuple[str, Path, list[str] | None], ...] = (
        ("sync_routing.priority_hosts", ("sync_routing", "priority_hosts"), cluster.routing.priority_hosts),
        ("auto_sync.exclude_hosts", ("auto_sync", "exclude_hosts"), cluster.sync.exclude_hosts),
        ("p2p_voters", ("p2p_voters",), cluster.p2p_voters),
    )
    for key, path, names in lists:
        yield from ((name, key, (*path, index)) for index, name in enumerate(names or ()))
    if cluster.routing.s3 is not None:
        for index, name in enumerate(cluster.routing.s3.push_enabled_hosts or ()):
            yield name, "s3.push_enabled_hosts", ("sync_routing", "s3", "push_enabled_hosts", index)
    if cluster.consolidation is not None:
        for index, name in enumerate(cluster.consolidation.excluded_nodes or ()):
            yield name, "consolidation.excluded_nodes", ("consolidation", "excluded_nodes", index)
    if cluster.elo_sync is not None and cluster.elo_sync.coordinator:
        yield cluster.elo_sync.coordinator, "elo_sync.coordinator", ("elo_sync", "coordinator")
    for name in cluster.plane.nodes or ():
        yield name, "data_plane.nodes", ("data_plane", "nodes", name)


def _unknown_host(context: Context) -> Iterator[Hit]:
    names = list(context.cluster.hosts)
    for name, key, path in _named(context):
        if name not in context.cluster.hosts:
            near = difflib.get_close_matches(name, names, 1)
            yield Hit(path, f"{key} names {name}, which is not a host" + (f"; is {near[0]} meant?" if near else ""))


def _repeated_name(context: Context) -> Iterator[Hit]:
    first: dict[tuple[str, str], Path] = {}
    for name, key, path in _named(context):
        if (name, key) in first and key != "allowed_external_storage":
            yield Hit(path, f"{key} names {name} twice; line {context.line(first[name, key])} has it first")
        first.setdefault((name, key), path)


def _priority(context: Context) -> Iterator[tuple[str, Path]]:
    for index, name in enumerate(context.cluster.routing.priority_hosts or ()):
        if name in context.cluster.hosts:
            yield name, ("sync_routing", "priority_hosts", index)


def _priority_not_ready(context: Context) -> Iterator[Hit]:
    for name, path in _priority(context):
        if not context.policy.nodes[name].ready:
            message = f"the priority host {name} has {context.status_of(name)}, so it receives nothing"
            yield from both(context, path, ("hosts", name, "status"), message)


def _priority_excluded(context: Context) -> Iterator[Hit]:
    excluded: dict[str, tuple[str, Path]] = {}
    for name, key, path in _named(context):
        if key in ("sync_routing.excluded_hosts", "auto_sync.exclude_hosts"):
            excluded.setdefault(name, (key, path))
    for name, path in _priority(context):
        if context.cluster.hosts[name].skip_sync_receive:
            where: Path = ("hosts", name, "skip_sync_receive")
            yield from both(context, path, where, f"the priority host {name} has skip_sync_receive: true")
        if name in excluded:
            key, where = excluded[name]
            yield from both(context, path, where, f"the priority host {name} is excluded by {key}")


def _voters(context: Context) -> Iterator[tuple[str, Path]]:
    for index, name in enumerate(context.cluster.p2p_voters or ()):
        if name in context.cluster.hosts:
            yield name, ("p2p_voters", index)


def _voter_offline(context: Context) -> Iterator[Hit]:
    for name, path in _voters(context):
        if not context.policy.nodes[name].ready:
            message = f"the p2p voter {name} has {context.status_of(name)}"
            yield from both(context, path, ("hosts", name, "status"), message)


def _voter_without_p2p(context: Context) -> Iterator[Hit]:
    for name, path in _voters(context):
        if context.cluster.hosts[name].p2p_enabled is False:
            yield from both(
                context, path, ("hosts", name, "p2p_enabled"), f"the p2p voter {name} has p2p_enabled: false"
            )


def _voter_key_ignored(context: Context) -> Iterator[Hit]:
    listed = set(context.cluster.p2p_voters or ())
    for name, host, path in context.hosts():
        if host.p2p_voter and name not in listed:
            yield Hit((*path, "p2p_voter"), f"p2p_voter: true on {name} is ignored: p2p_voters does not list it")


def _unknown_config_key(context: Context) -> Iterator[Hit]:
    known = ringrift().all_config_keys()
    for index, key in enumerate(context.cluster.routing.underserved_configs or ()):
        if key in known:
            continue
        meant = default_classifier().config_key(key) or next(iter(difflib.get_close_matches(key, known, 1)), None)
        path: Path = ("sync_routing", "underserved_configs", index)
        asked = f"; is {meant} meant?" if meant else ""
        yield Hit(path, f"underserved_configs names {key}, which no data has{asked}", suggestion=meant)


RULES = (
    LintRule(
        "unknown-host",
        Severity.WARNING,
        "a list names a host that the file does not have",
        "correct the name, or remove it",
        _unknown_host,
    ),
    LintRule("repeated-name", Severity.NOTE, "a list names a host twice", "remove one of the two", _repeated_name),
    LintRule(
        "priority-not-ready",
        Severity.WARNING,
        "a priority host is not ready, so it receives nothing",
        "take it out of priority_hosts, or make it ready",
        _priority_not_ready,
    ),
    LintRule(
        "priority-excluded",
        Severity.WARNING,
        "a priority host is excluded, or skips receiving",
        "take it out of priority_hosts, or let it receive",
        _priority_excluded,
    ),
    LintRule(
        "voter-offline",
        Severity.WARNING,
        "a p2p voter is not ready, so the quorum has one voter less",
        "replace it in p2p_voters by a host that is ready",
        _voter_offline,
    ),
    LintRule(
        "voter-without-p2p",
        Severity.WARNING,
        "a p2p voter has p2p_enabled: false",
        "replace it in p2p_voters, or enable p2p on it",
        _voter_without_p2p,
    ),
    LintRule(
        "voter-key-ignored",
        Severity.NOTE,
        "p2p_voter: true on a host that p2p_voters does not list",
        "list the host in p2p_voters, or remove the key",
        _voter_key_ignored,
    ),
    LintRule(
        "unknown-config-key",
        Severity.WARNING,
        "underserved_configs names a config key that does not exist",
        "write board_players, such as hex8_2p",
        _unknown_config_key,
    ),
)
