"""The limits that operators set while the engine runs: kept in the store, written down, running out by themselves."""

from __future__ import annotations

import json
from collections.abc import Callable

from config.units import rate_text
from engine.audit import Audit
from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError
from engine.hosts import check_hosts
from engine.inventory.fleet import Fleet
from engine.presentation.bandwidth import bandwidth_view
from engine.store.store import Store
from engine.transport.bandwidth.allocator import BandwidthAllocator
from engine.transport.bandwidth.limits import FLEET, OperatorLimit
from engine.views import ActionResult
from engine.views_bandwidth import BandwidthChange, BandwidthView

NO_LIMIT = "no limit"
_NAME = "bandwidth-limits"


class OperatorLimits:
    """Sets, takes back, keeps and shows limits."""

    def __init__(
        self,
        store: Store,
        fleet: Fleet,
        allocator: BandwidthAllocator,
        clock: Clock,
        user: Callable[[], str],
        audit: Audit,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._allocator = allocator
        self._clock = clock
        self._user = user
        self._audit = audit

    async def restore(self) -> None:
        """Take over what an earlier run was told and what has not run out."""
        kept = json.loads(await self._store.meta_get(_NAME) or "{}")
        limits = {name: OperatorLimit(*fields) for name, fields in kept.items()}
        self._allocator.set_limits(self._holding(limits))

    async def change(self, change: BandwidthChange) -> ActionResult:
        """Carry out a change; raises SyncdeckError for an unknown node, or a limit or time that cannot be meant."""
        self._check(change)
        name = change.node if change.node is not None else FLEET
        limits = self._holding(dict(self._allocator.operator_limits))
        if change.clear:
            before = limits.pop(name, None)
            message = f"{_of(name)}: the file's word counts again" if before else f"{_of(name)}: nothing was set"
        else:
            until = None if change.seconds is None else self._clock.now() + change.seconds
            limits[name] = OperatorLimit(change.limit_bytes_per_second, until, self._user())
            limit = NO_LIMIT if change.limit_bytes_per_second is None else rate_text(change.limit_bytes_per_second)
            span = "" if change.seconds is None else f" for {change.seconds / 60:.0f} min"
            message = f"{_of(name)}: {limit}{span}"
        await self._keep(limits)
        self._allocator.set_limits(limits)
        await self._audit("bandwidth", _of(name), message)
        return ActionResult(1, message)

    def view(self) -> BandwidthView:
        """Return the limits in force and what moves under them."""
        return bandwidth_view(self._allocator, self._fleet.policy, self._clock.now())

    async def _keep(self, limits: dict[str, OperatorLimit]) -> None:
        kept = {name: [limit.bytes_per_second, limit.until, limit.set_by] for name, limit in limits.items()}
        await self._store.meta_set(_NAME, json.dumps(kept))

    def _holding(self, limits: dict[str, OperatorLimit]) -> dict[str, OperatorLimit]:
        now = self._clock.now()
        return {name: limit for name, limit in limits.items() if limit.holds(now)}

    def _check(self, change: BandwidthChange) -> None:
        check_hosts("limit", [] if change.node is None else [change.node], self._fleet.policy)
        limit, seconds = change.limit_bytes_per_second, change.seconds
        if (limit is not None and limit <= 0) or (seconds is not None and seconds <= 0):
            cause = "a limit and its time are larger than nothing"
            raise SyncdeckError(
                "limit", _of(change.node or FLEET), cause, "use `syncdeck pause` to stop transfers", ErrorClass.CONFIG
            )


def _of(name: str) -> str:
    return name or "the fleet"
