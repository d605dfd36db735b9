"""Policies tried on the real catalog: the image in memory, kept up to date, and simulations that a newer one ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from config.types import Policy
from engine.catalog.catalog import DataCatalog
from engine.catalog.outlines import Outlines
from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError
from engine.inventory.fleet import Fleet
from engine.model import LocationView
from engine.planner.context import PlanContext
from engine.reconcile import Reconciler
from engine.routing.simulation.image import CatalogImage, Pause
from engine.routing.simulation.touched import Touched, touched_alone, touched_by
from engine.turns import Breather
from engine.views_rules import SimulationView, TrialView

if TYPE_CHECKING:
    from engine.routing.simulation.memory import Remembered
    from engine.routing.simulation.simulation import Simulation

T = TypeVar("T")

PAGE_ROWS = 5_000
"""So few that freeing them is no step to speak of."""
PAGE_ODD = 500
TELL_SECONDS = 0.5
"""Between two looks at how far a draft is."""


class Superseded(SyncdeckError):
    """A newer draft came before this one was through."""

    def __init__(self) -> None:
        super().__init__("try", "the draft", "a newer draft took its place", "ask again", ErrorClass.CONFIG)


class Trials:
    """Holds the image of the catalog; every method is for the event loop and works in threads."""

    def __init__(
        self, outlines: Outlines, catalog: DataCatalog, reconciler: Reconciler, fleet: Fleet, clock: Clock
    ) -> None:
        self._outlines = outlines
        self._catalog = catalog
        self._reconciler = reconciler
        self._fleet = fleet
        self._clock = clock
        self._image = CatalogImage()
        self._remembered: Remembered | None = None
        self._sequence: int | None = None
        self._lock = asyncio.Lock()
        self._newest = 0
        self._so_far: TrialView | None = None
        self._touched: tuple[object, dict[str, Touched]] | None = None

    async def simulate(self, policy: Policy) -> SimulationView:
        """Return what a policy would change; raises Superseded when another is asked for meanwhile."""
        self._newest += 1
        trial = _Trial(self._newest, self)
        async with self._lock:
            trial.pause()
            await self._refresh()
            started = trial.begin()
            old = await self._reconciler.context()
            old = replace(old, newest=old.newest or frozenset())
            new = replace(old, policy=policy, locations=self._views(policy))
            begin = partial(_begin, self._image, old, new, trial.pause, self._remembered)
            simulation = trial.simulation = await trial.in_thread(begin)
            self._remembered = simulation.remembered
            try:
                view = await self._tried(simulation, trial)
            finally:
                self._so_far = trial.simulation = None
                await asyncio.to_thread(simulation.forget, Breather())
            return replace(view, seconds=time.perf_counter() - started)

    async def _tried(self, simulation: Simulation, trial: _Trial) -> SimulationView:
        alone = await trial.in_thread(simulation.groups)
        for start in range(0, len(alone), PAGE_ODD):
            found = await self._catalog.by_ids(alone[start : start + PAGE_ODD])
            await trial.in_thread(partial(simulation.alone, found))
        return await trial.in_thread(partial(simulation.view, 0.0))

    @property
    def so_far(self) -> TrialView | None:
        """What the draft that is being tried comes to so far; None while there is nothing to tell yet."""
        return self._so_far

    def wants(self, number: int) -> bool:
        """Return whether no newer draft came than the one of a number."""
        return number == self._newest

    def tell(self, found: TrialView | None) -> None:
        """Keep what a draft comes to so far; None leaves what was told before."""
        self._so_far = found or self._so_far

    async def touched(self) -> dict[str, Touched]:
        """Return what each rule in force decides about, by name; kept while neither catalog nor rules change."""
        async with self._lock:
            await self._refresh()
            policy = self._fleet.policy
            state = (self._sequence, policy.digest)
            if self._touched is not None and self._touched[0] == state:
                return self._touched[1]
            now = self._clock.now()
            found, alone = await asyncio.to_thread(touched_by, self._image, policy, now, Breather())
            for start in range(0, len(alone), PAGE_ODD):
                page = [entry for _, entry in await self._catalog.by_ids(alone[start : start + PAGE_ODD])]
                await asyncio.to_thread(touched_alone, found, page, policy, now)
            self._touched = (state, found)
            return found

    async def _refresh(self) -> None:
        """Take in what changed since the last look; everything when entries have gone."""
        count, sequence = await self._outlines.size_and_sequence()
        if self._sequence == sequence and count == self._image.count:
            return
        await self._take_in(self._sequence)
        if self._image.count != count:
            gone, self._image = self._image, CatalogImage()
            await asyncio.to_thread(gone.forget, Breather())
            await self._take_in(None)
        self._sequence = sequence

    async def _take_in(self, since: int | None) -> None:
        after = 0
        while True:
            page = await self._outlines.outlines(after, PAGE_ROWS, since)
            if not page.rows:
                return
            await asyncio.to_thread(self._image.put, page.rows, page.locations, Breather())
            after = page.rows[-1][0]

    def _views(self, policy: Policy) -> dict[str, LocationView]:
        copy = Fleet(policy, self._fleet.own_node, dict(self._fleet.nodes), dict(self._fleet.locations))
        copy.paused = set(self._fleet.paused)
        copy.apply_policy(policy)
        return dict(copy.location_views(self._reconciler.failing()))


class _Trial:
    """One draft while it is tried: whether it is still wanted, and when something was last told of it."""

    def __init__(self, number: int, trials: Trials) -> None:
        self._number = number
        self._trials = trials
        self._began = self._told = 0.0
        self._left = False
        self._breathe = Breather()
        self.simulation: Simulation | None = None

    def begin(self) -> float:
        """Return when it began, in seconds of the performance counter."""
        self._began = self._told = time.perf_counter()
        return self._began

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Return what some work returns. When nobody waits for it any more it is ended before another can begin."""
        task = asyncio.ensure_future(asyncio.to_thread(_without_frames, work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._left = True
            await asyncio.wait({task})
            with suppress(Superseded):
                task.result()
            raise

    def pause(self) -> None:
        """Let others run, now and again after telling how far it is; raises Superseded once a newer draft came."""
        if self._left or not self._trials.wants(self._number):
            raise Superseded()
        now = time.perf_counter()
        if self.simulation is not None and now - self._told > TELL_SECONDS:
            self._trials.tell(self.simulation.so_far(now - self._began))
            self._told = time.perf_counter()
        self._breathe()


def _without_frames(work: Callable[[], T]) -> T:
    """Return what some work returns. That it is not wanted any more is told without the frames of the work: what they
    hold would be freed on the event loop, a tenth of a second for a hundred thousand entries."""
    with suppress(Superseded):
        return work()
    raise Superseded()


def _begin(
    image: CatalogImage, old: PlanContext, new: PlanContext, pause: Pause, remembered: Remembered | None
) -> Simulation:
    """Import numpy in the thread that needs it: it takes a tenth of a second, and commands never do."""
    from engine.routing.simulation.memory import Remembered
    from engine.routing.simulation.simulation import Simulation

    return Simulation(image, old, new, pause, remembered or Remembered())
