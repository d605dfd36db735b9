"""What would be lost with each node, for all 42 at once: how soon it is current after a change, at 100,000 entries."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from config.types import DataType
from engine.catalog.catalog import DataCatalog, ScannedRecord
from engine.client import EngineClient
from engine.clock import SystemClock
from engine.data_plane import UnifiedDataPlane
from engine.model import EntryKey, FileKind, FileStat
from engine.store.peek import STORE_NAME
from engine.store.store import Store
from tests.bench.report import Row, figure
from tests.fleet import FleetNode, openssh_fleet

ENTRIES = 100_000
NODES = 42
AT_ONCE = 1_000
PATIENCE_SECONDS = 300.0
POLL_SECONDS = 0.02


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the rows: one real node, where a file appears, and others that hold everything and never answer."""
    count, state = int(ENTRIES * scale), folder / "state"
    state.mkdir()
    others = [f"gone-{number:02d}" for number in range(NODES - 1)]
    with openssh_fleet(folder, 1) as fleet:
        node = fleet[0]
        node.models.mkdir(parents=True, exist_ok=True)
        away = {"ssh_host": "127.0.0.1", "ssh_port": 1, "ringrift_path": "/nowhere", "status": "ready", "cpus": 1}
        hosts = fleet.write_hosts(hosts={other: {**away, "role": "gpu_selfplay"} for other in others})
        await _fill(state, others, count)
        plane = UnifiedDataPlane(hosts, state, mode="headless", observe=True)
        await plane.start()
        try:
            await _until(lambda: _counted(plane, count))
            figures = [await _change(plane, node, number) for number in range(runs)]
        finally:
            await plane.close()
    looked, shown, asked, quiet = (list(column) for column in zip(*figures, strict=True))
    label = f"at risk, {NODES} nodes, {count:,} entries"
    return [
        figure(f"{label}: a new file, until its node was looked at", looked, "s"),
        figure(f"{label}: from then until the status shows it", shown, "s"),
        figure(f"{label}: asked for right after a change", asked, "s"),
        figure(f"{label}: asked for when nothing changed", quiet, "s"),
    ]


async def _fill(state: Path, nodes: list[str], count: int) -> None:
    """Catalogue games at nodes, as their scans would have."""
    store = await Store.open(state / STORE_NAME)
    catalog = DataCatalog(store, SystemClock())
    for place, node in enumerate(nodes):
        scan = await catalog.begin_scan(node)
        numbers = range(place, count, len(nodes))
        for start in range(0, len(numbers), AT_ONCE):
            records = [_record(node, number) for number in numbers[start : start + AT_ONCE]]
            await catalog.record_scanned(node, scan, records)
    await store.close()


def _record(node: str, number: int) -> ScannedRecord:
    path = f"run{number // 500}/games_hex8_2p_{number}.jsonl"
    stat = FileStat(1000 + number, 1_767_225_600_000_000_000 + number)
    key = EntryKey(DataType.GAMES, path, node)
    return ScannedRecord(key, "hex8_2p", f"/nowhere/data/games/{path}", stat, FileKind.PLAIN, False)


async def _counted(client: EngineClient, count: int) -> bool:
    return sum(row.entries for row in await client.at_risk()) >= count


async def _change(client: EngineClient, node: FleetNode, number: int) -> tuple[float, float, float, float]:
    """Write a file; return the seconds until it is catalogued, from then until it is shown, and of two questions."""
    shown_before = await _shown_at(client, node.name)
    name = f"hex8_2p_v{number}.pth"
    (node.models / name).write_bytes(os.urandom(20_000))
    started = time.perf_counter()
    while await client.entry(f"models:{name}") is None:
        await client.rescan((node.name,))  # Every time: one that comes while the node is looked at is not heard.
        await asyncio.sleep(POLL_SECONDS)
    looked = time.perf_counter()
    rows = await client.at_risk()
    asked = time.perf_counter() - looked
    assert next(row.entries for row in rows if row.node == node.name) == number + 1
    begun = time.perf_counter()
    await client.at_risk()
    quiet = time.perf_counter() - begun
    while await _shown_at(client, node.name) <= shown_before:  # noqa: ASYNC110 - looked at as a console would
        await asyncio.sleep(POLL_SECONDS)
    return looked - started, time.perf_counter() - looked, asked, quiet


async def _shown_at(client: EngineClient, node: str) -> int:
    return next(row.at_risk_entries for row in (await client.status()).nodes if row.node == node)


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - what is waited for is counted anew at each look
            await asyncio.sleep(0.2)
