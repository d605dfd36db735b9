"""What a rescue counts: every file once, saved when it is safe, open again when something newer is only there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine.catalog.catalog import DataCatalog, ScannedRecord
from engine.catalog.exposure import ExposedEntry
from engine.clock import ManualClock
from engine.model import FileKind, FileStat
from engine.queue.queue import TransferQueue
from engine.rescue.records import Fate, Rescue, RescueKind, RescueRecords
from engine.rescue.track import Track, Tracker
from engine.rescue.transfers import RescueTransfers
from engine.store.store import Store
from tests.queue.samples import done, games, new

RESCUE = Rescue(1, RescueKind.DRAIN, ("vast-3",), ("vast-3",), False, 0.0)


def test_a_database_that_grew_after_it_was_copied_counts_only_what_it_grew_as_open() -> None:
    track = Track(RESCUE, {1: (1_000, Fate.OPEN), 2: (500, Fate.SAVED)}, left={1: 100})
    counted = track.counted()
    assert (counted.files_total, counted.files_done) == (2, 1)
    assert (counted.bytes_total, counted.bytes_done) == (1_500, 1_400)
    assert (track.standing().open_files, track.standing().open_bytes) == (1, 100)


def test_what_vanished_is_never_counted_as_saved() -> None:
    track = Track(RESCUE, {1: (1_000, Fate.GONE), 2: (500, Fate.SAVED)})
    counted = track.counted()
    assert (counted.files_done, counted.bytes_done, track.standing().gone) == (1, 500, 1)


def test_what_is_under_way_counts_as_arrived_but_never_for_more_than_there_is() -> None:
    track = Track(replace(RESCUE), {1: (1_000, Fate.OPEN)})
    assert track.counted(400).bytes_done == 400
    assert track.counted(9_000).bytes_done == 1_000


def test_the_smallest_open_file_comes_first() -> None:
    track = Track(RESCUE, {1: (30, Fate.OPEN), 2: (10, Fate.OPEN), 3: (20, Fate.SAVED), 4: (20, Fate.OPEN)})
    assert track.open_ids == [2, 4, 1]


@dataclass
class Rescued:
    """An emergency of vast-1, whose only file is open: 100 bytes of a.db."""

    clock: ManualClock
    catalog: DataCatalog
    queue: TransferQueue
    records: RescueRecords
    reads: RescueTransfers
    rescue: Rescue
    entry_id: int

    async def arrives(self, target: str) -> None:
        """Let a copy that was begun since the emergency arrive."""
        self.clock.advance(1.0)
        await done(self.queue, new("a.db", target=target))


@pytest.fixture
async def rescued(tmp_path: Path) -> AsyncIterator[Rescued]:
    clock = ManualClock()
    store = await Store.open(tmp_path / "state.db")
    try:
        catalog, records = DataCatalog(store, clock), RescueRecords(store)
        scan = await catalog.begin_scan("vast-1")
        found = ScannedRecord(games("a.db"), None, "/d/a.db", FileStat(100, 1), FileKind.SQLITE, False)
        await catalog.record_scanned("vast-1", scan, [found])
        ((entry_id, _),) = await catalog.iter_entries(0, 10)
        rescue = replace(RESCUE, kind=RescueKind.EMERGENCY, nodes=("vast-1",), started_at=clock.now())
        rescue = replace(rescue, id=await records.add(rescue))
        await records.put_open(rescue.id, [ExposedEntry(entry_id, 100, True)])
        reads = RescueTransfers(store, lambda: ("vast-1", "vast-2"))
        yield Rescued(clock, catalog, TransferQueue(store, clock), records, reads, rescue, entry_id)
    finally:
        await store.close()


async def test_a_copy_on_another_rented_box_saves_nothing(rescued: Rescued) -> None:
    for target, saved in (("vast-2", set()), ("mac-studio", {rescued.entry_id})):
        await rescued.arrives(target)
        found = await rescued.reads.copied_since(rescued.rescue.id, ("vast-1",), rescued.rescue.started_at)
        assert found == saved


@pytest.mark.parametrize("earlier", [False, True])
async def test_a_copy_of_what_began_anew_does_not_save_what_was_before(rescued: Rescued, earlier: bool) -> None:
    tracker = Tracker(rescued.catalog, rescued.records, rescued.reads)
    track = await tracker.resumed(rescued.rescue)
    await rescued.arrives("mac-studio")
    await tracker.update(track, [ExposedEntry(rescued.entry_id, 100, newer=not earlier, earlier=earlier)])
    assert track.open_ids == ([rescued.entry_id] if earlier else [])


async def test_what_a_person_cancelled_is_known_as_that_whatever_its_reason_says(rescued: Rescued) -> None:
    nodes, since = ("vast-1",), rescued.rescue.started_at
    (number,) = await rescued.queue.enqueue([new("a.db")])
    await rescued.queue.withdraw([number], "cancelled by the operator")
    assert await rescued.reads.cancelled(rescued.rescue.id, nodes, since) == []
    (number,) = await rescued.queue.enqueue([new("a.db")])
    await rescued.queue.cancel([number])
    assert [one.id for one in await rescued.reads.cancelled(rescued.rescue.id, nodes, since)] == [number]


async def test_only_what_goes_on_by_itself_is_under_way(rescued: Rescued) -> None:
    (number,) = await rescued.queue.enqueue([new("a.db")])

    async def moves(*closed: str) -> bool:
        (one,) = await rescued.reads.live(rescued.rescue.id, ("vast-1",))
        return one.moves(closed)

    assert await moves()
    await rescued.queue.wait(number, "mac-studio is lost")
    assert not await moves("mac-studio")
    assert await moves("hub"), "its node is open again, or rests and is probed soon"
    await rescued.queue.pause([number])
    assert not await moves()
    await rescued.queue.resume([number])
    assert await moves("mac-studio"), "nothing made it wait yet"
    await rescued.queue.block(number, "no room")
    assert not await moves()
