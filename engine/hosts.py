"""Hosts as somebody names them, who may mean another one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from config.types import Policy
from engine.errors import ErrorClass, SyncdeckError


def check_hosts(operation: str, names: Iterable[str], policy: Policy) -> None:
    """Raise SyncdeckError for the first name that is no host of the configuration; it says which one may be meant."""
    for name in names:
        if name not in policy.nodes:
            near = difflib.get_close_matches(name, policy.nodes, 1)
            meant = f"is {near[0]} meant? " if near else ""
            remedy = f"{meant}see the hosts with `syncdeck nodes ls`"
            raise SyncdeckError(operation, name, f"it is no host of {policy.file}", remedy, ErrorClass.CONFIG)
