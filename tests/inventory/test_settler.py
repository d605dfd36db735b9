"""What is settled while a plan is made is planned after that, however quickly it was settled."""

from __future__ import annotations

import asyncio
from pathlib import Path

from config.types import DataType
from engine.catalog.catalog import DataCatalog, ScannedRecord
from engine.clock import ManualClock
from engine.integrity.temporary import TemporaryNames
from engine.inventory.hasher import Hasher
from engine.inventory.settler import Settler
from engine.model import EntryKey, FileKind, FileStat, ReplicaState
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, SshOptions
from engine.store.store import Store

KEY = EntryKey(DataType.NPZ, "hex8_2p.npz")


async def test_what_was_settled_before_anybody_waits_is_still_told(tmp_path: Path) -> None:
    store, clock = await Store.open(tmp_path / "state.db"), ManualClock()
    pool = SessionPool(lambda node: Endpoint(node, local=True), SshOptions(control_dir=tmp_path / "ssh"))
    catalog = DataCatalog(store, clock)
    told = asyncio.Event()
    hasher = Hasher(catalog, pool.get, TemporaryNames("a" * 8, "b" * 8), clock)
    settler = Settler(hasher, clock, lambda room_again: told.set())
    try:
        for node in ("one", "two"):
            path = tmp_path / node / KEY.path
            path.parent.mkdir()
            path.write_bytes(b"the same")
            found = path.stat()
            stat = FileStat(found.st_size, found.st_mtime_ns, found.st_ino)
            scan = await catalog.begin_scan(node)
            await catalog.record_scanned(node, scan, [ScannedRecord(KEY, "hex8_2p", str(path), stat, FileKind.ZIP)])
        entry = await catalog.get(KEY)
        assert entry is not None and settler.offer(entry)
        assert settler.settling(entry)  # So neither the plan that is shown nor the one that is queued has it.
        await told.wait()
        assert await settler.idle()
        assert not settler.settling(entry)
        assert not await settler.idle()
        settled = await catalog.get(KEY)
        assert settled is not None
        assert {replica.state for replica in settled.replicas} == {ReplicaState.CURRENT}
    finally:
        await settler.stop()
        await pool.close()
        await store.close()


async def test_more_than_can_wait_are_all_settled_in_the_end_and_bad_ones_hold_nobody_up(tmp_path: Path) -> None:
    store, clock = await Store.open(tmp_path / "state.db"), ManualClock()
    pool = SessionPool(lambda node: Endpoint(node, local=True), SshOptions(control_dir=tmp_path / "ssh"))
    catalog = DataCatalog(store, clock)
    room = asyncio.Event()
    hasher = Hasher(catalog, pool.get, TemporaryNames("a" * 8, "b" * 8), clock)
    settler = Settler(hasher, clock, lambda room_again: room.set() if room_again else None, most_waiting=300)
    count = 350
    records: dict[str, list[ScannedRecord]] = {"one": [], "two": []}
    try:
        for node, files in records.items():
            (tmp_path / node).mkdir()
            for number in range(count):
                path = tmp_path / node / f"{number}.pth"
                if number:  # Of the first one nothing but the scan is left.
                    path.write_bytes(b"content %d" % number)
                key = EntryKey(DataType.MODELS, path.name)
                files.append(ScannedRecord(key, None, str(path), FileStat(10, 10 + len(files)), FileKind.ZIP))
            scan = await catalog.begin_scan(node)
            for start in range(0, count, 500):
                await catalog.record_scanned(node, scan, files[start : start + 500])
        held_back, taken = [], 0
        for _ in range(2):
            room.clear()
            after = 0
            while page := await catalog.iter_entries(after, 500):
                after = page[-1][0]
                held_back.append(sum(settler.offer(entry) for _, entry in page))
                taken += sum(settler.settling(entry) for _, entry in page)
            if taken == 300:
                await room.wait()
            await settler.idle()
        # What found no room was not for planning either: it was offered again.
        assert (held_back, taken) == ([count, 50], count)
        unsettled = []
        after = 0
        while page := await catalog.iter_entries(after, 500):
            after = page[-1][0]
            unsettled += [str(entry.key) for _, entry in page if len(entry.locations) != 2]
        assert unsettled == ["models:0.pth"]
    finally:
        await settler.stop()
        await pool.close()
        await store.close()
