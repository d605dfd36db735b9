"""An emergency while bulk is running and every disk is as full as the rules let it be: bulk gives way, and goes on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.data_plane import UnifiedDataPlane
from engine.execution import runner
from engine.model import Transfer, TransferState
from engine.rescue.rescues import WAY
from engine.views import SyncRequest
from tests.e2e.cluster import Cluster, make_npz
from tests.rescue.fleets import all_up, engine_on, rented, rescue_of, risk_of, until

BULK_PATIENCE_SECONDS = 120.0
NODE, BULK = "node-1", "node-0"
MIB = 1 << 20
BULK_BYTES = 64 * MIB
QUICK, TRICKLE, OPEN = 3.0, 0.1, 1000.0
"""Megabytes per second: until enough of the bulk has arrived, while it must last, and when it goes on."""
ARRIVED_BYTES = 12 * MIB
"""Some whole pieces: what is less than one is sent again."""
UNIQUE = {"large.npz": 14 * MIB, "small.npz": 9 * MIB, "middle.npz": 11 * MIB}
"""Each too large to travel with others, so that each has a place of its own in the order."""


def write(group: Cluster, bulk_rate: float, **routing: Any) -> None:
    """Change keys of ``sync_routing``; there is one slot, and bulk leaves its node at this rate."""
    document = yaml.safe_load(group.config.read_text(encoding="utf-8"))
    document["sync_routing"] |= {"replication_target": 1, "excluded_hosts": [NODE, BULK]} | routing
    document["auto_sync"] |= {
        "max_concurrent_syncs": 1,
        "host_bandwidth_overrides": {BULK: bulk_rate},
    }
    written = group.config.with_suffix(".new")
    written.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    os.replace(written, group.config)


def full(folder: Path) -> dict[str, float]:
    """Return the limits by which the disk under a folder is too full for everything but an emergency."""
    usage = shutil.disk_usage(folder)
    used = 100.0 * usage.used / usage.total
    return {"max_disk_usage_percent": used / 2, "target_disk_usage_percent": used / 4, "min_free_disk_percent": 0.1}


async def the_bulk(engine: UnifiedDataPlane) -> Transfer:
    """Return the one transfer of the large file."""
    queue = engine._need().queue
    _, found = await queue.page(0, 50, "bulk.npz")
    (bulk,) = found
    return bulk


async def test_bulk_gives_way_to_the_smallest_unique_files_past_the_limit_and_goes_on_later(
    group: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "SPACE_CHECK_SECONDS", 1.0)  # Whether a full disk has room again is seen sooner.
    rented(group, NODE)
    write(group, QUICK)
    bulk_file = group.fleet[BULK].training / "bulk.npz"
    make_npz(bulk_file, BULK_BYTES)
    async with engine_on(group) as engine:
        await all_up(engine)

        async def moving() -> bool:
            return any(t.bytes_done >= ARRIVED_BYTES for t in (await engine.transfers(0, 10)).rows if "bulk" in t.key)

        await until(engine, moving)
        limits = full(group.folder)
        write(group, TRICKLE, **limits)

        async def limited() -> bool:
            return engine._need().fleet.policy.thresholds.disk_max_percent == limits["max_disk_usage_percent"]

        # Before there is anything to save: a file that is seen under the old limits is queued, and never refused.
        await until(engine, limited)
        for name, size in UNIQUE.items():
            make_npz(group.folder / name, size)
            os.replace(group.folder / name, group.fleet[NODE].training / name)  # Never seen half written.
        await engine.rescan((NODE,))

        async def refused_as_full() -> bool:
            preview = await engine.preview(SyncRequest(emergency=True, nodes=(NODE,)))
            return preview.files == 0 and len(preview.refused) == len(UNIQUE)

        await until(engine, refused_as_full)
        request = SyncRequest(emergency=True, nodes=(NODE,), allow_fill=True)
        assert (await engine.preview(request)).files == len(UNIQUE)
        assert (await the_bulk(engine)).state is TransferState.TRANSFERRING
        await engine.sync(request)

        async def saved() -> bool:
            view = await rescue_of(engine, NODE, "emergency")
            return view is not None and view.state == "done"

        await until(engine, saved)
        assert (await risk_of(engine, NODE)).entries == 0
        queue, bulk = engine._need().queue, await the_bulk(engine)
        _, rows = await queue.page(0, 50, ".npz")
        urgent = sorted((t for t in rows if t.emergency), key=lambda t: t.started_at or 0.0)
        assert [t.key.path for t in urgent] == sorted(UNIQUE, key=lambda name: UNIQUE[name])
        assert {t.state for t in urgent} == {TransferState.DONE}
        way = [edge.at for edge in await queue.history(bulk.id) if edge.reason == WAY]
        assert len(way) == 1 and way[0] <= (urgent[0].started_at or 0.0)
        assert bulk.state is not TransferState.DONE

        write(group, OPEN, max_disk_usage_percent=99, target_disk_usage_percent=98, min_free_disk_percent=1)

        async def gone_on() -> bool:
            return (await the_bulk(engine)).state is TransferState.DONE

        await until(engine, gone_on, BULK_PATIENCE_SECONDS)
        (copy,) = [path for path in group.copies_of("bulk.npz") if path != bulk_file]
        assert copy.read_bytes() == bulk_file.read_bytes()
        assert (await queue.attempts(bulk.id))[-1].bytes_on_wire < BULK_BYTES, "what had arrived was sent once more"
    assert group.temporaries() == []
