"""Who is kept from receiving, said in several places that may contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from config.document import Mark, Path
from config.lint.rule import Context, Hit, LintRule, both
from config.nodes import is_coordinator
from config.types import DataType, Severity

_NAMES_OF_COORDINATORS = ("mac-studio", "localhost", "local-mac", "coordinator", "macbook")
"""The old tools take a host for a coordinator when its name holds one of these."""


def _exclusions(context: Context, name: str) -> Iterator[tuple[str, Path]]:
    """Yield every place that excludes a host, with the name of the key."""
    for index, item in enumerate(context.cluster.routing.excluded_hosts or ()):
        if item.name == name:
            yield "sync_routing.excluded_hosts", ("sync_routing", "excluded_hosts", index)
    for index, excluded in enumerate(context.cluster.sync.exclude_hosts or ()):
        if excluded == name:
            yield "auto_sync.exclude_hosts", ("auto_sync", "exclude_hosts", index)
    host = context.cluster.hosts.get(name)
    if host is not None and host.skip_sync_receive:
        yield "skip_sync_receive", ("hosts", name, "skip_sync_receive")


def _excluded_and_external(context: Context) -> Iterator[Hit]:
    for index, item in enumerate(context.cluster.routing.allowed_external_storage or ()):
        storage: Path = ("sync_routing", "allowed_external_storage", index)
        exclusions = list(_exclusions(context, item.host))
        for key, path in exclusions:
            wins = "skip_sync_receive wins" if key == "skip_sync_receive" else "the drive still receives"
            message = f"{item.host} is excluded by {key} and has allowed_external_storage {item.path}; {wins}"
            yield Hit(path, f"{message}; see line {context.line(storage)}")
        if exclusions:
            lines = ", ".join(str(context.line(path)) for _, path in exclusions)
            keys = " and ".join(key for key, _ in exclusions)
            yield Hit(
                storage,
                f"{item.host} has allowed_external_storage {item.path} but is excluded by {keys}; see line {lines}",
            )


def _excluded_twice(context: Context) -> Iterator[Hit]:
    for name in context.cluster.hosts:
        exclusions = list(_exclusions(context, name))
        for key, path in exclusions if len(exclusions) > 1 else ():
            others = ", ".join(f"{other} (line {context.line(at)})" for other, at in exclusions if at != path)
            yield Hit(path, f"{name} is excluded by {key} and by {others}; taking it out of one changes little")


def _excluded_but_flag_true(context: Context) -> Iterator[Hit]:
    for index, item in enumerate(context.cluster.routing.excluded_hosts or ()):
        for key in ("receive_games", "receive_npz"):
            if getattr(item, key):
                path: Path = ("sync_routing", "excluded_hosts", index, key)
                yield Hit(path, f"{item.name} is excluded, so {key}: true has no effect")


def _excluded_voter(context: Context) -> Iterator[Hit]:
    excluded = {
        item.name: ("sync_routing", "excluded_hosts", index)
        for index, item in enumerate(context.cluster.routing.excluded_hosts or ())
    }
    for index, name in enumerate(context.cluster.p2p_voters or ()):
        if name in excluded:
            message = f"{name} is a p2p voter and excluded from data; old tools still count it as a place for copies"
            yield from both(context, excluded[name], ("p2p_voters", index), message)


def _coordinator_by_name(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if any(word in name.lower() for word in _NAMES_OF_COORDINATORS) and not is_coordinator(host):
            yield Hit(path, f"{name} is no coordinator, but old tools take it for one because of its name")


def _trainer_without_data(context: Context) -> Iterator[Hit]:
    for name, host, path in context.ready_hosts():
        decision = context.policy.receives(name, DataType.NPZ)
        if not context.policy.nodes[name].training or decision.receives:
            continue
        said: Path = (*path, "training_enabled" if host.training_enabled is not None else "role")
        message = f"{name} trains but receives no NPZ ({decision.because})"
        yield Hit(said, f"{message}; see line {decision.line}")
        if decision.line is not None and decision.line != context.line(said):
            yield Hit(Mark(decision.line, 1), f"{message}; see line {context.line(said)}")


RULES = (
    LintRule(
        "excluded-and-external",
        Severity.ERROR,
        "a host is excluded and has allowed external storage",
        "keep allowed_external_storage alone to receive on the drive only, or remove it to receive nothing",
        _excluded_and_external,
    ),
    LintRule(
        "excluded-twice",
        Severity.NOTE,
        "a host is excluded by more than one key",
        "keep one of them: sync_routing.excluded_hosts is the one that every reader knows",
        _excluded_twice,
    ),
    LintRule(
        "excluded-but-flag-true",
        Severity.WARNING,
        "an excluded host has receive_games or receive_npz: true, which has no effect",
        "take the host out of excluded_hosts, or remove the flag",
        _excluded_but_flag_true,
    ),
    LintRule(
        "excluded-voter",
        Severity.NOTE,
        "a p2p voter is excluded from data",
        "nothing to do for syncdeck; do not rely on copies that old tools count there",
        _excluded_voter,
    ),
    LintRule(
        "coordinator-by-name",
        Severity.NOTE,
        "a host's name makes old tools take it for a coordinator, its role does not",
        "rename the host, or give it role: coordinator if it is one",
        _coordinator_by_name,
    ),
    LintRule(
        "trainer-without-data",
        Severity.WARNING,
        "a ready training host receives no NPZ",
        "let it receive, or write training_enabled: false",
        _trainer_without_data,
    ),
)
