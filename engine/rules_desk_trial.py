"""Policies tried on the real catalog: the image in memory, kept up to date, and simulations that a newer one ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from config.types import Policy
from engine.catalog.catalog import DataCatalog
from engine.catalog.outlines import Outlines
from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError
from engine.inventory.fleet import Fleet
from engine.model import LocationView
from engine.reconcile import Reconciler
from engine.routing.simulate import Simulation
from engine.routing.simulate_groups import Touched, touched_alone, touched_by
from engine.routing.simulate_image import CatalogImage
from engine.views_rules import SimulationView

PAGE_ROWS = 20_000
PAGE_ODD = 500


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
        self._sequence: int | None = None
        self._lock = asyncio.Lock()
        self._newest = 0
        self._touched: tuple[object, dict[str, Touched]] | None = None

    async def simulate(self, policy: Policy) -> SimulationView:
        """Return what a policy would change; raises Superseded when another is asked for meanwhile."""
        self._newest += 1
        pause = self._pause_for(self._newest)
        async with self._lock:
            pause()
            await self._refresh()
            started = time.perf_counter()
            old = await self._reconciler.context()
            old = replace(old, newest=old.newest or frozenset())
            new = replace(old, policy=policy, locations=self._views(policy))
            simulation = Simulation(self._image, old, new, pause)
            alone = await asyncio.to_thread(simulation.groups)
            for start in range(0, len(alone), PAGE_ODD):
                found = await self._catalog.by_ids(alone[start : start + PAGE_ODD])
                await asyncio.to_thread(simulation.alone, [entry for _, entry in found])
            view = await asyncio.to_thread(simulation.view, 0.0)
            return replace(view, seconds=time.perf_counter() - started)

    async def touched(self) -> dict[str, Touched]:
        """Return what each rule in force decides about, by name; kept while neither catalog nor rules change."""
        async with self._lock:
            await self._refresh()
            policy = self._fleet.policy
            state = (self._sequence, policy.digest)
            if self._touched is not None and self._touched[0] == state:
                return self._touched[1]
            now = self._clock.now()
            found, alone = await asyncio.to_thread(touched_by, self._image, policy, now, _breathe)
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
            self._image = CatalogImage()
            await self._take_in(None)
        self._sequence = sequence

    async def _take_in(self, since: int | None) -> None:
        after = 0
        while True:
            page = await self._outlines.outlines(after, PAGE_ROWS, since)
            if not page.rows:
                return
            await asyncio.to_thread(self._image.put, page.rows, page.locations, _breathe)
            after = page.rows[-1][0]

    def _views(self, policy: Policy) -> dict[str, LocationView]:
        copy = Fleet(policy, self._fleet.own_node, dict(self._fleet.nodes), dict(self._fleet.locations))
        copy.paused = set(self._fleet.paused)
        copy.apply_policy(policy)
        return dict(copy.location_views(self._reconciler.failing()))

    def _pause_for(self, number: int) -> Callable[[], None]:
        def pause() -> None:
            if number != self._newest:
                raise Superseded()
            _breathe()

        return pause


def _breathe() -> None:
    """Let other threads run: the event loop waits for the interpreter's lock otherwise."""
    time.sleep(0)
