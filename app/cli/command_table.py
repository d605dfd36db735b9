"""Every command of the command line, by group and name, and where its function is: loaded when it is needed.

A command is the function ``app.cli.commands.MODULE.FUNCTION``; all of them together take a quarter of a second to
import, which a console that is being opened, or any other command, need not wait for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import cast

COMMANDS: Mapping[str, Mapping[str, str]] = {
    "": {
        "status": "status.status",
        "plan": "plan.plan",
        "sync": "sync.sync",
        "emergency": "emergency.emergency",
        "pause": "pause.pause",
        "resume": "pause.resume",
        "audit": "audit.audit",
    },
    "transfers": {
        "": "transfers.transfers",
        "show": "transfers_show.transfers_show",
        "pause": "transfers_pause.transfers_pause",
        "resume": "transfers_pause.transfers_resume",
        "cancel": "transfers_pause.transfers_cancel",
        "retry": "transfers_retry.transfers_retry",
        "keep-both": "transfers_keep_both.transfers_keep_both",
    },
    "archive": {
        "list": "archive_show.archive_list",
        "candidates": "archive_show.archive_candidates",
        "usage": "archive_show.archive_usage",
        "run": "archive_run.archive_run",
        "cancel": "archive_run.archive_cancel",
        "restore": "archive_check.archive_restore",
        "verify": "archive_check.archive_verify",
        "drill": "archive_check.archive_drill",
        "allow": "archive_check.archive_allow",
        "undo": "archive_run.archive_undo",
    },
    "disk": {"allow": "disk_allow.disk_allow"},
    "bandwidth": {"show": "bandwidth_show.bandwidth_show", "set": "bandwidth_set.bandwidth_set"},
    "catalog": {
        "ls": "catalog_ls.catalog_ls",
        "where": "catalog_where.catalog_where",
        "games": "catalog_games.catalog_games",
        "pin": "catalog_pin.catalog_pin",
        "unpin": "catalog_pin.catalog_unpin",
        "classify": "catalog_classify.catalog_classify",
    },
    "config": {"lint": "config_lint.config_lint", "effective": "config_effective.config_effective"},
    "nodes": {
        "ls": "nodes_ls.nodes_ls",
        "test": "nodes_test.nodes_test",
        "enrol": "nodes_enrol.nodes_enrol",
        "leftovers": "nodes_leftovers.nodes_leftovers",
        "at-risk": "nodes_at_risk.nodes_at_risk",
        "drain": "nodes_drain.nodes_drain",
        "pause": "pause.pause",
        "resume": "pause.resume",
    },
    "transports": {
        "status": "transports_status.transports_status",
        "reset": "transports_reset.transports_reset",
        "test": "transports_test.transports_test",
    },
    "rules": {
        "list": "rules_show.rules_list",
        "explain": "rules_show.rules_explain",
        "simulate": "rules_change.rules_simulate",
        "set": "rules_change.rules_set",
        "remove": "rules_change.rules_remove",
        "undo": "rules_change.rules_undo",
        "fix": "rules_change.rules_fix",
    },
    "lab": {"up": "lab_up.lab_up"},
}
GROUPS = {
    "archive": "Old data, compressed, read back in full, and restored.",
    "disk": "How full disks may become.",
    "bandwidth": "How fast transfers may go, and who says so.",
    "transfers": "Show transfers: running ones first, then by urgency, then finished ones, newest first.",
    "catalog": "What data there is and where.",
    "config": "What the configuration file says and means.",
    "nodes": "The fleet's hosts.",
    "transports": "The ways in which bytes move.",
    "rules": "Which files belong where: routing rules, tried before they are saved.",
    "lab": "A whole fleet on this machine, for trying.",
}

VALUED = ("--config", "--state")
"""The options that take a value and may stand before a command."""


def load(group: str, name: str) -> Callable[..., int]:
    """Return a command's function."""
    module, function = COMMANDS[group][name].split(".")
    return cast(Callable[..., int], getattr(importlib.import_module(f"app.cli.commands.{module}"), function))


def needed(arguments: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """Return the part of the table that a command line can mean: all of it for help and for what is no command."""
    words = _words(arguments)
    if "--help" in arguments or (words and words[0] not in (*COMMANDS, *COMMANDS[""])):
        return COMMANDS
    if not words:
        return {}
    alone = COMMANDS[""].get(words[0])
    return {words[0]: COMMANDS[words[0]]} if alone is None else {"": {words[0]: alone}}


def _words(arguments: Sequence[str]) -> list[str]:
    """Return what stands on a command line that is neither an option nor the value of one before the command."""
    before = ("", *arguments)
    return [a for last, a in zip(before, arguments, strict=False) if not a.startswith("-") and last not in VALUED]
