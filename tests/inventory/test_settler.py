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
    settler = Settler(Hasher(catalog, pool.get, TemporaryNames("a" * 8, "b" * 8), clock), clock, told.set)
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
