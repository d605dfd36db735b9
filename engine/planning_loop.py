"""When to plan: soon after something changed, and everything every so often."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from engine.clock import Clock
from engine.errors import SyncdeckError
from engine.model import Refusal
from engine.reconcile import MOST_QUEUED, Reconciler

log = logging.getLogger(__name__)

FULL_PASS_SECONDS = 30.0
FULL_PASS_SHARE = 0.05
"""A full planning pass may take this share of the time: with many entries it runs less often."""
ROOM_LOOK_SECONDS = 0.5
"""How often the queue is looked at while it was too full for all that is planned."""
REFILL_ROOM = MOST_QUEUED // 2


class PlanningLoop:
    """Plans what changed soon after it changed, and everything every so often. Refusals of the last pass are kept."""

    def __init__(
        self, reconciler: Reconciler, clock: Clock, may_queue: Callable[[], bool], on_planned: Callable[[int], None]
    ) -> None:
        self._reconciler = reconciler
        self._clock = clock
        self._may_queue = may_queue
        self._on_planned = on_planned
        self._wake = asyncio.Event()
        self._full_due = True
        self._sequence = 0
        self._rest_after: int | None = None
        self.refused: tuple[Refusal, ...] = ()
        self.wanted_while_observing = 0
        self.failure: str | None = None

    def wake(self, full: bool = False) -> None:
        """Plan soon; ``full`` looks at every entry (a node came back, the policy changed)."""
        self._full_due = self._full_due or full
        self._wake.set()

    async def run(self) -> None:
        """Plan for ever."""
        next_full = self._clock.monotonic()
        while True:
            started = self._clock.monotonic()
            full = self._full_due or started >= next_full
            woken = self._wake.is_set()
            self._full_due = False
            self._wake.clear()
            try:
                if full or woken:
                    await self.once(full)
                if not full and await self._may_go_on():
                    await self.go_on()
                self.failure = None
            except SyncdeckError as error:
                self.failure = f"{error}; {error.remedy}"
                log.error("planning failed: %s", self.failure)
            if full:
                took = self._clock.monotonic() - started
                next_full = self._clock.monotonic() + max(FULL_PASS_SECONDS, took / FULL_PASS_SHARE)
            try:
                # Not wait_for: woken and cancelled at the same moment, it forgets the cancellation.
                async with asyncio.timeout(self._patience(next_full - self._clock.monotonic())):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def once(self, full: bool, snapshot_now: bool = False) -> int:
        """Plan once; return how many transfers were queued (none while observing)."""
        since = None if full else self._sequence
        if not self._may_queue():
            return await self._observe()
        report = await self._reconciler.reconcile(since, snapshot_now, look_on=full)
        self._sequence = report.sequence
        if full:
            self._rest_after = report.rest_after
            self.refused = report.refused
        elif report.rest_after is not None:
            # What changed lies among all that follow this row.
            known = self._rest_after
            self._rest_after = report.rest_after if known is None else min(known, report.rest_after)
        self._on_planned(report.queued)
        return report.queued

    @property
    def unfinished(self) -> bool:
        """Whether the queue was too full for all that is to be done."""
        return self._rest_after is not None

    async def go_on(self, snapshot_now: bool = False) -> int:
        """Plan what the last full pass left for want of room; return how many transfers were queued."""
        if self._rest_after is None or not self._may_queue():
            return 0
        report = await self._reconciler.reconcile(None, snapshot_now, self._rest_after, look_on=False)
        self._rest_after = report.rest_after
        self._on_planned(report.queued)
        return report.queued

    async def _may_go_on(self) -> bool:
        return self.unfinished and await self._reconciler.room() >= REFILL_ROOM

    def _patience(self, until_full_seconds: float) -> float:
        return min(max(until_full_seconds, 0.05), ROOM_LOOK_SECONDS if self.unfinished else FULL_PASS_SECONDS)

    async def _observe(self) -> int:
        wanted = await self._reconciler.survey()
        self.wanted_while_observing = wanted.queued
        self.refused = wanted.refused
        self._on_planned(0)
        return 0
