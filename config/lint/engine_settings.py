"""``data_plane`` and switches of the whole engine, and secrets that do not belong into the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from config.document import Path
from config.lint.rule import Context, Hit, LintRule
from config.types import Severity

_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "fish", "csh", "tcsh"})
_SECRET_KEY = re.compile(r"(pass(word|wd|phrase)|secret|token|api_?key|access_?key|private_?key|credential)", re.I)
_SECRET_VALUE = re.compile(
    r"(AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|gh[pousr]_\w{20,}|xox[abprs]-\w{8,}|sk-\w{20,}"
    r"|\b(?:\w*(?:password|secret|token|api_key))=[^\s$]{6,})",
    re.I,
)


def _unknown_node_id(context: Context) -> Iterator[Hit]:
    own = context.cluster.plane.node_id
    if own and own not in context.cluster.hosts:
        yield Hit(("data_plane", "node_id"), f"node_id {own} is not a host of this file")


def _on_finding_shell(context: Context) -> Iterator[Hit]:
    section = context.cluster.plane.on_finding
    if section is not None and PurePath(section.command[0]).name in _SHELLS and "-c" in section.command:
        yield Hit(("data_plane", "on_finding", "command"), f"on_finding runs through the shell {section.command[0]}")


def _auto_sync_off(context: Context) -> Iterator[Hit]:
    if context.cluster.sync.enabled is False:
        yield Hit(("auto_sync", "enabled"), "auto_sync.enabled is false: nothing moves unless an operator asks")


def _lag_order(context: Context) -> Iterator[Hit]:
    section, limits = context.cluster.plane.thresholds, context.policy.thresholds
    stated = section is not None and (section.lag_warning is not None or section.lag_critical is not None)
    if stated and limits.lag_warning_seconds >= limits.lag_critical_seconds:
        message = "lag_warning is not shorter than lag_critical: the warning never comes before the alarm"
        for key in ("lag_warning", "lag_critical"):
            if context.document.has(("data_plane", "thresholds", key)):
                yield Hit(("data_plane", "thresholds", key), message)


def _secrets(context: Context) -> Iterator[Hit]:
    for path, key, value in _texts(context.document.data):
        by_key = bool(_SECRET_KEY.search(key)) and not value.startswith(("/", "~", "$", "./")) and value != ""
        if by_key or _SECRET_VALUE.search(value):
            yield Hit(path, f"{context.document.dotted(path)} looks like a secret")


def _texts(data: Any) -> Iterator[tuple[Path, str, str]]:
    """Yield every text value with its path and its nearest key; each mapping and list once."""
    pending: list[tuple[Any, Path, str]] = [(data, (), "")]
    visited: set[int] = set()
    while pending:
        value, path, key = pending.pop()
        if isinstance(value, str):
            yield path, key, value
        elif isinstance(value, dict | list) and id(value) not in visited:
            visited.add(id(value))
            items = value.items() if isinstance(value, dict) else enumerate(value)
            named = isinstance(value, dict)
            pending.extend((item, (*path, step), str(step) if named else key) for step, item in items)


RULES = (
    LintRule(
        "unknown-node-id",
        Severity.ERROR,
        "data_plane.node_id names no host of the file",
        "write the name of the host on which the engine runs, or remove the key",
        _unknown_node_id,
    ),
    LintRule(
        "on-finding-shell",
        Severity.WARNING,
        "on_finding runs its command through a shell, which would interpret the names in a finding",
        "name the program itself and its arguments; put a script into a file",
        _on_finding_shell,
    ),
    LintRule(
        "auto-sync-off",
        Severity.WARNING,
        "auto_sync.enabled is false, so nothing moves by itself",
        "write enabled: true, or remove the key",
        _auto_sync_off,
    ),
    LintRule(
        "lag-order",
        Severity.WARNING,
        "lag_warning is not shorter than lag_critical",
        "make lag_warning the shorter one",
        _lag_order,
    ),
    LintRule(
        "secret-in-file",
        Severity.WARNING,
        "a value looks like a password, token or key",
        "move it to the environment or to a key file, and change it: files like this one are shared",
        _secrets,
    ),
)
