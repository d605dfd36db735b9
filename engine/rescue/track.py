"""One rescue that is looked after: which of its files are saved, in step with what is stored."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from engine.catalog.catalog import DataCatalog
from engine.catalog.exposure import ExposedEntry
from engine.locations import node_of
from engine.model import Replica, ReplicaState
from engine.rescue.records import Fate, Rescue, RescueKind, RescueRecords
from engine.rescue.sentences import Standing
from engine.rescue.transfers import RescueTransfers

LOST_STATES = frozenset({ReplicaState.BAD, ReplicaState.DELETING, ReplicaState.QUARANTINED})
LOOKED_UP_AT_ONCE = 500


@dataclass
class Track:
    """A rescue and its files. ``refused`` says why planning could not place a file, by key."""

    rescue: Rescue
    files: dict[int, tuple[int, Fate]] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)
    """Bytes that are still only there, of each open entry: of a database that was copied before, what it grew since."""
    written: frozenset[int] = frozenset()
    refused: dict[str, str] = field(default_factory=dict)
    planned: frozenset[int] = frozenset()
    look_due: float = 0.0
    plan_due: float = 0.0

    @property
    def open_ids(self) -> list[int]:
        """The row ids of what is not saved yet, the smallest first."""
        found = [(size, entry_id) for entry_id, (size, fate) in self.files.items() if fate is Fate.OPEN]
        return [entry_id for _, entry_id in sorted(found)]

    def standing(self) -> Standing:
        """Return what is still open."""
        opened = self._opened()
        gone = sum(fate is Fate.GONE for _, fate in self.files.values())
        written = sum(entry_id in self.written for entry_id, _ in opened)
        return Standing(len(opened), sum(size for _, size in opened), written, gone)

    def counted(self, arriving_bytes: int = 0) -> Rescue:
        """Return the rescue with its counts as they are now; ``arriving_bytes`` have come of what is under way."""
        saved = sum(fate is Fate.SAVED for _, fate in self.files.values())
        kept = sum(size for size, fate in self.files.values() if fate is not Fate.GONE)
        total = sum(size for size, _ in self.files.values())
        done = kept - sum(left for _, left in self._opened())
        return replace(
            self.rescue,
            files_total=len(self.files),
            files_done=saved,
            bytes_total=total,
            bytes_done=min(max(done, 0) + arriving_bytes, total),
        )

    def _opened(self) -> list[tuple[int, int]]:
        """Return the open entries with the bytes of each that are still only there."""
        return [(i, self.left.get(i, size)) for i, (size, fate) in self.files.items() if fate is Fate.OPEN]


class Tracker:
    """Keeps tracks in step with the catalog. Raises StoreError."""

    def __init__(self, catalog: DataCatalog, records: RescueRecords, transfers: RescueTransfers) -> None:
        self._catalog = catalog
        self._records = records
        self._transfers = transfers

    async def resumed(self, rescue: Rescue) -> Track:
        """Return the track of a rescue of an earlier run."""
        return Track(rescue, await self._records.files(rescue.id))

    async def update(self, track: Track, found: Sequence[ExposedEntry]) -> bool:
        """Take what is at risk now; return whether anything changed.

        An emergency has saved a file that is written to all the time once a copy begun after its start has arrived,
        unless an earlier version lies there that the copied one did not go on from; a drain has not, as long as
        anything newer is only there.
        """
        exposed = {one.entry_id: one for one in found}
        copied = await self._copied(track)
        track.written = frozenset(one.entry_id for one in found if one.newer and one.entry_id in copied)
        if track.rescue.kind is RescueKind.EMERGENCY:
            exposed = {key: one for key, one in exposed.items() if one.earlier or key not in copied}
        track.left = {key: one.bytes for key, one in exposed.items()}
        grown = (replace(one, bytes=max(one.bytes, track.files.get(key, (0, 0))[0])) for key, one in exposed.items())
        changed = [one for one in grown if track.files.get(one.entry_id) != (one.bytes, Fate.OPEN)]
        left = [key for key, (_, fate) in track.files.items() if fate is Fate.OPEN and key not in exposed]
        fates = dict.fromkeys(copied.intersection(left), Fate.SAVED)
        fates |= await self._fates([key for key in left if key not in copied], track.rescue.nodes)
        await self._records.put_open(track.rescue.id, changed)
        await self._records.settle(track.rescue.id, fates)
        track.files |= {one.entry_id: (one.bytes, Fate.OPEN) for one in changed}
        track.files |= {key: (track.files[key][0], fate) for key, fate in fates.items()}
        return bool(changed or fates)

    async def _copied(self, track: Track) -> set[int]:
        """Return the entries that were brought to safety once, though something newer may have been written since."""
        before = {key for key, (_, fate) in track.files.items() if fate is Fate.SAVED}
        rescue = track.rescue
        return before | await self._transfers.copied_since(rescue.id, rescue.nodes, rescue.started_at)

    async def _fates(self, ids: Sequence[int], nodes: Collection[str]) -> dict[int, Fate]:
        """Return of entries that are no longer at risk whether they are saved, or vanished from everywhere.

        What is neither stays open: a newer version was written where it is not safe, and the one that was at risk lies
        where it lay.
        """
        fates: dict[int, Fate] = dict.fromkeys(ids, Fate.GONE)
        for start in range(0, len(ids), LOOKED_UP_AT_ONCE):
            for entry_id, entry in await self._catalog.by_ids(ids[start : start + LOOKED_UP_AT_ONCE]):
                if any(self._is_safe(replica, nodes) for replica in entry.replicas):
                    fates[entry_id] = Fate.SAVED
                elif any(replica.state not in LOST_STATES for replica in entry.replicas):
                    del fates[entry_id]
        return fates

    def _is_safe(self, replica: Replica, nodes: Collection[str]) -> bool:
        elsewhere = node_of(replica.location) not in {*nodes, *self._transfers.endangered()}
        return elsewhere and replica.state in (ReplicaState.CURRENT, ReplicaState.ARCHIVED) and not replica.changed
