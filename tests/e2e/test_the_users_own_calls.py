"""What the users' own programs call: get_data_plane, request_sync, sync_all, health_check."""

from __future__ import annotations

import contextlib
from pathlib import Path

from engine.data_plane import get_data_plane
from engine.model import DataType, SyncPriority
from tests.e2e.cluster import Cluster, cluster, make_npz
from tests.rescue.fleets import all_up, until

SOURCE, TARGET = "node-1", "node-2"


async def test_a_program_asks_for_a_sync_of_what_it_needs_and_then_of_everything(tmp_path: Path) -> None:
    with cluster(tmp_path, nodes=3) as group:
        for name in ("hex8_2p.npz", "square8_2p.npz"):
            make_npz(group.fleet[SOURCE].training / name)
        engine = get_data_plane(group.config, group.state, observe=True)
        await engine.start()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(engine.close)
            await all_up(engine)
            asked = await engine.request_sync(DataType.NPZ, "hex8_2p", (TARGET,), SyncPriority.HIGH)
            assert asked.accepted == 1 and "observes" in asked.message
            await engine.resume()
            await until(engine, lambda: _has(group, "hex8_2p.npz"))
            await engine.sync_all()
            await until(engine, lambda: _saved(group, "square8_2p.npz"))
            assert (await engine.health_check()).queue


async def _has(group: Cluster, name: str) -> bool:
    return (group.fleet[TARGET].training / name).exists()


async def _saved(group: Cluster, name: str) -> bool:
    return len(group.copies_of(name)) > 1
