"""Looking at a node with 100,000 files: first and again, into the catalog, while an event loop must stay smooth."""

from __future__ import annotations

import asyncio
import gc
import resource
import subprocess
import time
from pathlib import Path

from config.load import load
from engine.catalog.catalog import DataCatalog
from engine.clock import SystemClock
from engine.inventory.fleet import Fleet as KnownFleet
from engine.inventory.scanner import NodeScanner
from engine.remote.pool import SessionPool
from engine.store.store import Store
from engine.turns import let_threads_switch_soon
from tests.bench.report import Row, faster, figure
from tests.fleet import openssh_fleet

FILES = 100_000


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the rows of this section."""
    let_threads_switch_soon()  # As the engine does when it starts.
    count = int(FILES * scale)
    first, again, walk, lags = [], [], [], []
    with openssh_fleet(folder, 1) as fleet:
        node = fleet[0]
        await asyncio.to_thread(_fill, node.root / "data" / "selfplay", count)
        hosts = fleet.write_hosts(engine_node="elsewhere")
        pool = SessionPool({node.name: node.endpoint}.__getitem__, fleet.options())
        for number in range(runs):
            store = await Store.open(folder / f"catalog-{number}.db")
            clock = SystemClock()
            known = KnownFleet(load(hosts).policy, "elsewhere")
            known.apply_policy(known.policy)
            scanner = NodeScanner(DataCatalog(store, clock), known, clock)
            agent = await pool.get(node.name)
            find = ["find", str(node.root), "-type", "f", "-printf", r"'%s %T@ %p\n'"]
            command = ["ssh", "-F", str(fleet.ssh_config), node.name, *find]
            walk.append(await _seconds(asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)))
            gc.freeze()  # as the engine does when it starts
            lag = asyncio.get_running_loop().create_task(_worst_lag())
            first.append(await _seconds(scanner.scan(node.name, agent)))
            again.append(await _seconds(scanner.scan(node.name, agent)))
            lag.cancel()
            lags.append(await lag)
            await store.close()
        await pool.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    label = f"{count:,} files"
    return [
        faster(f"scan of {label} into the catalog, first", first, "ssh find -printf, result thrown away", walk),
        faster(f"scan of {label} into the catalog, again", again, "ssh find -printf, result thrown away", walk),
        figure("longest hold-up of the event loop during scans", [1000 * lag for lag in lags], "ms"),
        figure("peak memory of the engine process, scan", [peak], "MiB"),
    ]


def _fill(folder: Path, count: int) -> None:
    for index in range(count):
        place = folder / f"run{index // 500}"
        if index % 500 == 0:
            place.mkdir(parents=True)
        (place / f"games_hex8_2p_{index}.jsonl").write_bytes(b"{}\n")


async def _seconds(work) -> float:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def _worst_lag() -> float:
    worst = 0.0
    try:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - started - 0.001)
    except asyncio.CancelledError:
        return worst
