"""One look at one node: what its folders hold goes into the catalog, how full they are into the samples."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence, Set
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from config.classify import classify
from engine.catalog.catalog import DataCatalog, ScannedRecord
from engine.catalog.keys import key_of
from engine.catalog.roots import LocationRoot
from engine.catalog.values import Met
from engine.clock import Clock
from engine.inventory.fleet import Fleet
from engine.inventory.gathering import gathered
from engine.model import FileKind, LocationState, StorageSample
from engine.remote.scan_types import FoundTemporary
from engine.remote.types import NodeAgent, RootStatus, ScanBatch, ScannedFile
from engine.shielded import finish_anyway
from engine.store.errors import StoreClosed

ARCHIVE_NAME = re.compile(r"\.[0-9a-f]{12}\.(zst|gz)(\.failed-\d+)?$")
"""How our archives are called (``engine/archive/cold.py``): they are never data by themselves."""

Place = tuple[str, str]
"""A location, and one of its roots as it is configured."""


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """What one look at a node did. ``whole``: every file was told, so that what is gone was noticed too.

    ``look`` is the number of a look that was taken whole into the catalog, None for one that was not.
    """

    files: int
    removed: int
    temporaries: tuple[FoundTemporary, ...]
    """Their paths are absolute."""
    unavailable: tuple[str, ...]
    duration_seconds: float
    whole: bool = True
    look: int | None = None
    touched: int = 0


@dataclass
class _Taken:
    """What of a look came into the catalog so far."""

    files: int = 0
    touched: int = 0
    everything: bool = True
    look: int | None = None


class NodeScanner:
    """Scans nodes into the catalog. Holds no state of its own."""

    def __init__(self, catalog: DataCatalog, fleet: Fleet, clock: Clock) -> None:
        self._catalog = catalog
        self._fleet = fleet
        self._clock = clock

    async def scan(self, node_id: str, agent: NodeAgent) -> ScanOutcome:
        """Scan every root of a node.

        Files that were not met are forgotten only under roots that were available and readable throughout.
        Raises SyncdeckError when the node is lost midway; what was read until then stays recorded.
        """
        started = self._clock.monotonic()
        roots = self._roots(node_id)
        statuses = await self._statuses(node_id, agent)
        scans = {place: await self._catalog.begin_scan(place[0]) for place in _available(statuses)}

        async def record(place: Place, records: Sequence[ScannedRecord]) -> Met:
            return await self._catalog.record_scanned(place[0], scans[place], records)

        taken, removed = _Taken(), 0
        temporaries: list[FoundTemporary] = []
        try:
            async with aclosing(gathered(agent.scan(self._fleet.scan_roots(node_id)))) as batches:
                async for batch in batches:
                    await self._record(batch, roots, scans.keys(), record, taken)
                    temporaries += self._absolute_temporaries(batch)
                    for status in batch.roots:
                        removed += await self._finish(status, scans)
        except BaseException:
            # Or the next look would wait for these scans before it takes anything for gone.
            with suppress(StoreClosed):  # Then nobody will look again, and these scans are gone with the store.
                await finish_anyway(self._catalog.abandon_scans(scans.values()))
            raise
        await self._sample(statuses)
        return self._outcome(started, statuses, taken, removed, tuple(temporaries), whole=True)

    async def changes(self, node_id: str, agent: NodeAgent, taken_look: int) -> ScanOutcome | None:
        """Take over what changed at a node since a look; None where its agent does not know that look any more.

        Nothing is forgotten, whatever was not met: only a scan tells what is gone. Raises like ``scan``.
        """
        started = self._clock.monotonic()
        roots = self._roots(node_id)
        statuses = await self._statuses(node_id, agent)
        begun = await self._catalog.sequence()

        async def record(place: Place, records: Sequence[ScannedRecord]) -> Met:
            return await self._catalog.record_changes(place[0], begun, records)

        taken = _Taken()
        async with aclosing(gathered(agent.changes(self._fleet.scan_roots(node_id), taken_look))) as batches:
            async for batch in batches:
                await self._record(batch, roots, _available(statuses), record, taken)
        if taken.look is None:
            return None
        outcome = self._outcome(started, statuses, taken, 0, (), whole=False)
        return outcome if outcome.look is not None else replace(outcome, look=taken_look)

    def _outcome(
        self,
        started: float,
        statuses: Sequence[RootStatus],
        taken: _Taken,
        removed: int,
        temporaries: tuple[FoundTemporary, ...],
        whole: bool,
    ) -> ScanOutcome:
        return ScanOutcome(
            taken.files,
            removed,
            temporaries,
            tuple(s.location for s in statuses if s.state is not LocationState.AVAILABLE),
            self._clock.monotonic() - started,
            whole,
            taken.look if taken.everything else None,
            taken.touched,
        )

    def _roots(self, node_id: str) -> dict[Place, LocationRoot]:
        return {(root.location, root.root): root for root in self._fleet.roots(node_id)}

    async def _statuses(self, node_id: str, agent: NodeAgent) -> Sequence[RootStatus]:
        statuses = await agent.usage(self._fleet.scan_roots(node_id))
        self._take_statuses(statuses)
        return statuses

    def _take_statuses(self, statuses: Sequence[RootStatus]) -> None:
        now = self._clock.now()
        for status in statuses:
            self._fleet.root_seen(status, now)

    async def _record(
        self,
        batch: ScanBatch,
        roots: dict[Place, LocationRoot],
        places: Set[Place],
        record: Callable[[Place, Sequence[ScannedRecord]], Awaitable[Met]],
        taken: _Taken,
    ) -> None:
        # In a thread: naming hundreds of files takes longer than the event loop may be held.
        grouped, left_out = await asyncio.to_thread(self._named, batch.files, roots, places)
        for place, records in grouped.items():
            met = await record(place, records)
            taken.files += len(records)
            taken.touched += met.touched
            taken.everything = taken.everything and not met.outrun
        taken.everything = taken.everything and not left_out
        taken.look = batch.look if batch.look is not None else taken.look

    def _named(
        self, files: Sequence[ScannedFile], roots: dict[Place, LocationRoot], scanned: Set[Place]
    ) -> tuple[dict[Place, list[ScannedRecord]], bool]:
        """Return the data files met as records for the catalog, by place, and whether any lies elsewhere."""
        grouped: dict[Place, list[ScannedRecord]] = {}
        left_out = False
        for file in files:
            place = (file.location, file.root)
            if place not in scanned:
                left_out = True
                continue
            found = classify(file.path)
            if found.data_type is None or ARCHIVE_NAME.search(file.path):
                continue  # What a checkpoint's archive is called begins like a checkpoint.
            key = key_of(roots[place], file.path, found.data_type)
            path = f"{self._fleet.root_paths[place]}/{file.path}"
            kind = FileKind(found.kind)
            record = ScannedRecord(key, found.config_key, path, file.stat, kind, file.writing)
            grouped.setdefault(place, []).append(record)
        return grouped, left_out

    def _absolute_temporaries(self, batch: ScanBatch) -> list[FoundTemporary]:
        roots = self._fleet.root_paths
        return [one._replace(path=f"{roots[(one.location, one.root)]}/{one.path}") for one in batch.temporaries]

    async def _finish(self, status: RootStatus, scans: dict[Place, int]) -> int:
        scan_id = scans.get((status.location, status.root))
        if scan_id is None or status.state is not LocationState.AVAILABLE:
            return 0
        self._fleet.unreadable[(status.location, status.root)] = status.unreadable
        return await self._catalog.finish_scan(status.location, scan_id, status.unreadable, status.path)

    async def _sample(self, statuses: Sequence[RootStatus]) -> None:
        now = self._clock.now()
        seen: dict[str, StorageSample] = {}
        for s in statuses:
            if s.state is LocationState.AVAILABLE and s.total_bytes and s.used_bytes is not None:
                seen.setdefault(s.location, StorageSample(s.location, now, s.total_bytes, s.used_bytes))
        await self._catalog.add_samples(list(seen.values()))


def _available(statuses: Sequence[RootStatus]) -> Set[Place]:
    return {(s.location, s.root) for s in statuses if s.state is LocationState.AVAILABLE}
