"""One look at one node: what its folders hold goes into the catalog, how full they are into the samples."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from config.classify import classify
from engine.catalog.catalog import DataCatalog, ScannedRecord
from engine.catalog.keys import key_of
from engine.catalog.roots import LocationRoot
from engine.clock import Clock
from engine.inventory.fleet import Fleet
from engine.model import FileKind, LocationState, StorageSample
from engine.remote.scan_types import FoundTemporary
from engine.remote.types import NodeAgent, RootStatus, ScanBatch, ScannedFile

ARCHIVE_NAME = re.compile(r"\.[0-9a-f]{12}\.(zst|gz)(\.failed-\d+)?$")
"""How our archives are called (``engine/archive/cold.py``): they are never data by themselves."""


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """What one scan of a node did."""

    files: int
    removed: int
    temporaries: tuple[FoundTemporary, ...]
    """Their paths are absolute."""
    unavailable: tuple[str, ...]
    duration_seconds: float


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
        roots = {(root.location, root.root): root for root in self._fleet.roots(node_id)}
        statuses = await agent.usage(self._fleet.scan_roots(node_id))
        self._take_statuses(statuses)
        scans = {
            (s.location, s.root): await self._catalog.begin_scan(s.location)
            for s in statuses
            if s.state is LocationState.AVAILABLE
        }
        files, removed = 0, 0
        temporaries: list[FoundTemporary] = []
        async for batch in agent.scan(self._fleet.scan_roots(node_id)):
            files += await self._record(batch.files, roots, scans)
            temporaries += self._absolute_temporaries(batch)
            for status in batch.roots:
                removed += await self._finish(status, scans)
        await self._sample(statuses)
        unavailable = tuple(s.location for s in statuses if s.state is not LocationState.AVAILABLE)
        duration = self._clock.monotonic() - started
        return ScanOutcome(files, removed, tuple(temporaries), unavailable, duration)

    def _take_statuses(self, statuses: Sequence[RootStatus]) -> None:
        now = self._clock.now()
        for status in statuses:
            self._fleet.root_seen(status, now)

    async def _record(
        self,
        files: Sequence[ScannedFile],
        roots: dict[tuple[str, str], LocationRoot],
        scans: dict[tuple[str, str], int],
    ) -> int:
        # In a thread: naming a thousand files takes longer than the event loop may be held.
        grouped = await asyncio.to_thread(self._named, files, roots, scans.keys())
        for place, records in grouped.items():
            await self._catalog.record_scanned(place[0], scans[place], records)
        return sum(len(records) for records in grouped.values())

    def _named(
        self, files: Sequence[ScannedFile], roots: dict[tuple[str, str], LocationRoot], scanned: Set[tuple[str, str]]
    ) -> dict[tuple[str, str], list[ScannedRecord]]:
        """Return the data files among those met as records for the catalog, by place."""
        grouped: dict[tuple[str, str], list[ScannedRecord]] = {}
        for file in files:
            place = (file.location, file.root)
            found = classify(file.path)
            if found.data_type is None or place not in scanned or ARCHIVE_NAME.search(file.path):
                continue  # What a checkpoint's archive is called begins like a checkpoint.
            key = key_of(roots[place], file.path, found.data_type)
            path = f"{self._fleet.root_paths[place]}/{file.path}"
            kind = FileKind(found.kind)
            record = ScannedRecord(key, found.config_key, path, file.stat, kind, file.writing)
            grouped.setdefault(place, []).append(record)
        return grouped

    def _absolute_temporaries(self, batch: ScanBatch) -> list[FoundTemporary]:
        roots = self._fleet.root_paths
        return [one._replace(path=f"{roots[(one.location, one.root)]}/{one.path}") for one in batch.temporaries]

    async def _finish(self, status: RootStatus, scans: dict[tuple[str, str], int]) -> int:
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


