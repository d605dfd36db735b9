"""What a host says of its state and its work."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from config.lint.rule import Context, Hit, LintRule, both
from config.nodes import role_of, status_of
from config.types import Severity

KNOWN_STATUSES = (
    "ready", "offline", "retired", "proxy_only", "destroyed", "pending_setup", "needs_setup", "terminated", "setup",
    "archived", "unknown",
)  # fmt: skip
_ACTIVE_FOR_OLD_TOOLS = frozenset({"destroyed", "proxy_only", "pending_setup", "needs_setup"})
KNOWN_ROLES = (
    "gpu_selfplay", "gpu_training_primary", "gpu_selfplay_primary", "nn_training_primary", "gpu_training",
    "gpu_training_selfplay", "cpu_selfplay", "coordinator", "backbone", "proxy",
)  # fmt: skip
_GONE = re.compile(
    r"(?<!\bnot )(?<!\bnot yet )(?<!\bnever )(?<!\bno longer )\b"
    r"(terminated|retired|destroyed|decommissioned|deleted|rejected|unreachable|shut ?down|no longer exists)\b",
    re.I,
)


def _ready_but_gone(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        found = _GONE.search(str(host.note)) if host.note and status_of(host) == "ready" else None
        if found:
            message = f"{name} has status: ready, but its note says {found[0].lower()}"
            yield from both(context, (*path, "status"), (*path, "note"), message)


def _active_for_old_tools(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if status_of(host) in _ACTIVE_FOR_OLD_TOOLS:
            message = f"{name} has status: {status_of(host)}, which receives nothing here; old tools count it as active"
            yield Hit((*path, "status"), message)


def _unknown_status(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if host.status and status_of(host) not in KNOWN_STATUSES:
            near = difflib.get_close_matches(status_of(host), KNOWN_STATUSES, 1)
            meant = f"; is {near[0]} meant?" if near else ""
            yield Hit(
                (*path, "status"), f"{name} has status: {host.status}, which is unknown: it receives nothing{meant}"
            )


def _missing_status(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if not host.status:
            yield Hit((*path, "status"), f"{name} has no status: it receives nothing")


def _unknown_role(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        role = role_of(host)
        near = [] if role in KNOWN_ROLES else difflib.get_close_matches(role, KNOWN_ROLES, 1, 0.85)
        if near and role:
            yield Hit((*path, "role"), f"{name} has role: {host.role}, which is unknown; is {near[0]} meant?")


def _missing_role(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        silent = host.training_enabled is None and host.selfplay_enabled is None
        if not role_of(host) and silent:
            yield Hit(path, f"{name} has no role, so it neither trains nor plays")


def _training_role_switched_off(context: Context) -> Iterator[Hit]:
    for name, host, path in context.hosts():
        if "training" in role_of(host) and host.training_enabled is False:
            message = f"{name} has role: {host.role} and training_enabled: false; it counts as no trainer"
            yield from both(context, (*path, "role"), (*path, "training_enabled"), message)


RULES = (
    LintRule(
        "ready-but-gone",
        Severity.WARNING,
        "a host is ready, but its note says that it is terminated, retired or rejects the key",
        "set status: retired, or correct the note",
        _ready_but_gone,
    ),
    LintRule(
        "status-active-for-old-tools",
        Severity.NOTE,
        "a status that receives nothing here, but that old tools count as active",
        "set status: retired once no old tool needs the host",
        _active_for_old_tools,
    ),
    LintRule(
        "unknown-status",
        Severity.WARNING,
        "a status that nobody knows; only ready receives",
        "write one of: " + ", ".join(KNOWN_STATUSES),
        _unknown_status,
    ),
    LintRule(
        "missing-status",
        Severity.WARNING,
        "a host has no status; only ready receives",
        "add status: ready, or the status that it has",
        _missing_status,
    ),
    LintRule(
        "unknown-role",
        Severity.WARNING,
        "a role that looks like a misspelt one",
        "write the role as the other hosts do",
        _unknown_role,
    ),
    LintRule(
        "missing-role",
        Severity.NOTE,
        "a host has no role, no training_enabled and no selfplay_enabled",
        "add a role, such as gpu_selfplay",
        _missing_role,
    ),
    LintRule(
        "training-role-switched-off",
        Severity.WARNING,
        "a role with training and training_enabled: false",
        "change the role, or remove training_enabled",
        _training_role_switched_off,
    ),
)
