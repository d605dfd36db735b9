"""The automatic policy: a location above its limit is brought down to its target by archiving the largest candidates.

Until an operator allows it, it only says what it would do. It also sees to weekly drills, and to archives that are
damaged or gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from engine.archive.allowances import DiskAllowances
from engine.archive.cold import cold_storage
from engine.archive.desk import USUAL_RATIO, ArchiveDesk
from engine.archive.surveying import Surveyor
from engine.archive.values import ArchiveError
from engine.archive.verifying import DRILL_SECONDS, Verifier
from engine.archive.watching import ArchiveWatch
from engine.clock import Clock
from engine.errors import SyncdeckError
from engine.inventory.fleet import Fleet
from engine.model import LocationView
from engine.store.store import Store
from engine.views_archive import ArchivePolicyView, ArchiveRequest, CandidateRow
from engine.words import counted, size_text

log = logging.getLogger(__name__)

ROUND_SECONDS = 600.0
DRILL_SAMPLE = 3
ALLOWED = "archive-allowed"


@dataclass(frozen=True, slots=True)
class Relief:
    """What would bring one location down to its target."""

    location: str
    percent: float
    rows: tuple[CandidateRow, ...]
    freed_bytes: int


class AutomaticArchive:
    """Looks every ten minutes."""

    def __init__(
        self,
        store: Store,
        fleet: Fleet,
        surveyor: Surveyor,
        desk: ArchiveDesk,
        verifier: Verifier,
        watch: ArchiveWatch,
        allowances: DiskAllowances,
        locations: Callable[[], dict[str, LocationView]],
        clock: Clock,
        may_act: Callable[[], bool],
    ) -> None:
        """``may_act``: whether the engine acts at all (it neither observes nor is paused)."""
        self._store = store
        self._fleet = fleet
        self._surveyor = surveyor
        self._desk = desk
        self._verifier = verifier
        self._watch = watch
        self._allowances = allowances
        self._locations = locations
        self._clock = clock
        self._may_act = may_act
        self.failure: SyncdeckError | None = None
        """Why the last round ended early; None when it did not."""

    async def run(self) -> None:
        """Act for ever; what fails for lack of a node is tried again in the next round."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            await self.attempt()

    async def attempt(self) -> None:
        """Do what is due now, and keep why that ended early if it did."""
        try:
            await self.round()
            self.failure = None
        except SyncdeckError as error:
            self.failure = error
            log.warning("the archive's round ended early: %s", error)

    async def round(self) -> None:
        """Do what is due now."""
        if not self._may_act():
            return
        await self._watch.look()
        last, _ = await self._verifier.last_drill()
        if (last is None or self._clock.now() - last >= DRILL_SECONDS) and await self._verifier.at_hand():
            await self._verifier.drill(DRILL_SAMPLE)
        await self._desk.repair()
        if await self.allowed():
            for relief in await self.reliefs():
                keys = tuple(row.key for row in relief.rows)
                if keys:  # a request without keys means everything there
                    await self._desk.run(ArchiveRequest(keys, relief.location))

    async def allowed(self) -> bool:
        """Return whether an operator let it act."""
        return await self._store.meta_get(ALLOWED) == "yes"

    async def allow(self, allowed: bool) -> None:
        """Let it act, or take that back."""
        await self._store.meta_set(ALLOWED, "yes" if allowed else "no")

    async def reliefs(self) -> list[Relief]:
        """Return what would be archived of every location above its limit, the largest candidates first."""
        thresholds, found = self._fleet.policy.thresholds, []
        waiting = await self._desk.blocked()
        for location, view in sorted(self._locations().items()):
            if not view.total_bytes or view.used_bytes is None:
                continue
            percent = 100.0 * view.used_bytes / view.total_bytes
            limit = max(view.allowed_percent or 0.0, thresholds.disk_max_percent)
            if percent <= limit:
                continue
            wanted = view.used_bytes - view.total_bytes * thresholds.disk_target_percent / 100.0
            rows = (await self._surveyor.survey(location)).may_go
            # What is blocked waits for a person: it is not asked for again in every round.
            rows = tuple(row for row in rows if (row.key, row.location) not in waiting)
            found.append(self._relief(location, percent, wanted, rows))
        return found

    def _relief(self, location: str, percent: float, wanted: float, rows: tuple[CandidateRow, ...]) -> Relief:
        most = self._fleet.policy.engine.archive.max_deletions_per_run
        chosen: list[CandidateRow] = []
        freed, here = 0, self._cold() == location
        for row in rows[:most]:
            if freed >= wanted:
                break
            chosen.append(row)
            freed += round(row.size_bytes * (1 - USUAL_RATIO)) if here else row.size_bytes
        return Relief(location, percent, tuple(chosen), freed)

    def _cold(self) -> str | None:
        try:
            return cold_storage(self._fleet.policy).location
        except ArchiveError:
            return None

    async def view(self) -> ArchivePolicyView:
        """Return whether it may act, and what it would do now."""
        words = [
            f"{relief.location} is {relief.percent:.0f} % full: {counted(len(relief.rows), 'file')} would be archived,"
            f" about {size_text(relief.freed_bytes)} freed"
            for relief in await self.reliefs()
        ]
        last, message = await self._verifier.last_drill()
        failure = "" if self.failure is None else f"{self.failure}; {self.failure.remedy}"
        return ArchivePolicyView(await self.allowed(), "; ".join(words), last, message, self._allowances.all(), failure)
