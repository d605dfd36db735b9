"""Faults to put into the users' file of 42 hosts, each with the fix that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from config.editing.edits import Edit, InsertItem, InsertKey, SetValue
from config.editing.splice import apply_edits

ROUTING = ("sync_routing",)


@dataclass(frozen=True)
class Fault:
    """An edit that makes something wrong, and the id of the fix."""

    fix_id: str
    edits: tuple[Edit, ...]

    @property
    def rule(self) -> str:
        """The lint rule."""
        return self.fix_id.partition(":")[0]


def _add(path: tuple[Any, ...], value: Any) -> InsertItem:
    return InsertItem(path, 0, value)


FAULTS = (
    Fault("target-not-below-max:sync_routing", (SetValue((*ROUTING, "target_disk_usage_percent"), 70),)),
    Fault("unknown-host:sync_routing.priority_hosts:nobody-1", (_add((*ROUTING, "priority_hosts"), "nobody-1"),)),
    Fault(
        "unknown-key:hosts.nebius-backbone-1.is_ephemerall",
        (InsertKey(("hosts", "nebius-backbone-1"), "is_ephemerall", False),),
    ),
    Fault("gpu-none:nebius-backbone-1", (SetValue(("hosts", "nebius-backbone-1", "gpu"), "none"),)),
    Fault(
        "override-matches-nothing:auto_sync.host_bandwidth_overrides.zeta-*",
        (InsertKey(("auto_sync", "host_bandwidth_overrides"), "zeta-*", 7),),
    ),
)


def with_fault(text: str, fault: Fault) -> str:
    """Return a text with something wrong in it."""
    return apply_edits(text, *fault.edits)
