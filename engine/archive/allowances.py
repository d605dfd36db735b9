"""Disk limits that an operator raised for a time: kept in the store, written down, running out by themselves."""

from __future__ import annotations

import json

from engine.archive.values import ArchiveError
from engine.audit import Audit
from engine.clock import Clock
from engine.errors import ErrorClass
from engine.hosts import check_hosts
from engine.inventory.fleet import Fleet
from engine.store.store import Store
from engine.views import ActionResult
from engine.words import span_text

_NAME = "disk-allowances"


class DiskAllowances:
    """By node: up to how many percent its disks may be filled, and until when. Owned by the event loop."""

    def __init__(self, store: Store, fleet: Fleet, clock: Clock, audit: Audit) -> None:
        self._store = store
        self._fleet = fleet
        self._clock = clock
        self._audit = audit
        self._held: dict[str, tuple[float, float]] = {}

    async def restore(self) -> None:
        """Take over what an earlier run was told and what has not run out."""
        kept = json.loads(await self._store.meta_get(_NAME) or "{}")
        self._held = {node: (percent, until) for node, (percent, until) in kept.items()}

    def percent_of(self, node: str) -> float | None:
        """Return the limit that holds for a node instead of the file's now, or None."""
        held = self._held.get(node)
        return held[0] if held is not None and held[1] > self._clock.now() else None

    def all(self) -> tuple[tuple[str, float, float], ...]:
        """Return (node, percent, until) of those that hold."""
        now = self._clock.now()
        return tuple((node, *held) for node, held in sorted(self._held.items()) if held[1] > now)

    async def allow(self, node: str, percent: float, seconds: float) -> ActionResult:
        """Raise a node's limit for a time; 0 seconds take it back. Raises SyncdeckError for what cannot be meant."""
        check_hosts("allow", [node], self._fleet.policy)
        if seconds < 0 or not 0 < percent < 100:
            cause, remedy = "a limit lies between 0 and 100 %, for a time", "write it like 90% --for 6h"
            raise ArchiveError("allow", node, cause, remedy, ErrorClass.CONFIG)
        in_file = self._fleet.policy.thresholds.disk_max_percent
        if seconds and percent <= in_file:
            cause = f"{percent:g} % raises nothing: the file's limit is {in_file:g} % already"
            remedy = "name a higher limit; a lower one is written into the file, as max_disk_usage_percent"
            raise ArchiveError("allow", node, cause, remedy, ErrorClass.CONFIG)
        now = self._clock.now()
        held = {name: one for name, one in self._held.items() if one[1] > now}
        if seconds:
            held[node] = (percent, now + seconds)
            message = f"{node}: disks may be filled to {percent:g} % for {span_text(seconds)}"
        else:
            message = f"{node}: the file's limit counts again"
            held.pop(node, None)
        await self._store.meta_set(_NAME, json.dumps(held))
        self._held = held
        await self._audit("disk allow", node, message)
        return ActionResult(1, message)
