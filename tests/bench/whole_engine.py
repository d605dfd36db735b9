"""The whole engine beside a node with 100,000 files: memory, hold-ups of its loop, and how soon new files arrive."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.store.peek import STORE_NAME
from tests.bench.report import Row, figure
from tests.bench.scan import _fill
from tests.fleet import Fleet, openssh_fleet

FILES = 100_000
NEW_FILES = 1_000
LATENCY_RUNS = 5
SCAN_INTERVAL = "2s"
PATIENCE_SECONDS = 3_600.0
"""Only a bench that will never end is ended: a busy machine makes everything take long."""
HOLD_UPS = Path(".bench/hold-ups.json")
"""The turns of the engine's loop by length, what the long ones did, and where they were met."""
HOLD_UPS_TOLD = 40
REPOSITORY = Path(__file__).parents[2]


class Engine:
    """The child process and its figures."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.rss_peak = 0.0
        self.hold_ups: list[dict[str, Any]] = []

    async def figures(self) -> dict[str, Any]:
        """Return what it cost since the last call."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(b"\n")
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        self.hold_ups.append(answer["hold_ups"])
        self.rss_peak = max(self.rss_peak, answer["rss_peak_mib"])
        return answer

    async def stop(self) -> None:
        """End it as a service manager would, by the end of its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the rows of this section. One run: each figure is of one engine's whole life."""
    count = int(FILES * scale)
    with openssh_fleet(folder, 3) as fleet:
        await asyncio.to_thread(_fill, fleet["node-1"].root / "data" / "selfplay", count)
        engine = await _start(fleet, folder / "state")
        started = time.perf_counter()
        await _until(engine, lambda f: bool(f["entries"] >= count))
        catalogued = time.perf_counter() - started
        await engine.figures()
        await asyncio.sleep(30.0)
        idle = await engine.figures()
        latencies = [await _latency(fleet, number) for number in range(LATENCY_RUNS)]
        await engine.figures()
        new = int(NEW_FILES * max(scale, 0.1))
        seconds = await _drain(fleet, new)
        busy = await engine.figures()
        await engine.stop()
        rate = await asyncio.to_thread(_rate, folder / "state" / STORE_NAME, 2 * new)
        turns = await asyncio.to_thread(_tell_hold_ups, engine.hold_ups)
    label = f"{count:,} files catalogued"
    return [
        figure(f"engine, {label} from nothing", [catalogued], "s"),
        figure(f"engine, {label}: peak memory", [engine.rss_peak], "MiB"),
        figure(f"engine, {label}: longest hold-up, rescanning", [idle["lag_ms"]], "ms"),
        figure(f"engine, {label}: longest hold-up, own work", [idle["own_lag_ms"]], "ms"),
        figure(f"engine, {label}: hold-ups over 5 ms in 30 s, own work", [idle["over_5_ms"]], "times"),
        figure(f"engine, {label}: turns of the loop in all its life", [turns[0]], "turns"),
        figure(f"engine, {label}: of these over 5 ms of its own work", [turns[1]], "turns"),
        figure(f"engine, {label}: processor time in 30 s", [idle["cpu_seconds"]], "s"),
        figure(f"engine, {label}: a new file at both targets", latencies, "s"),
        figure("engine, new small files: longest hold-up", [busy["lag_ms"]], "ms"),
        figure("engine, new small files: longest hold-up, own work", [busy["own_lag_ms"]], "ms"),
        figure(f"engine, {new:,} new small files to two targets, queued to done", [rate], "copies/s"),
        figure(f"engine, {new:,} new small files: written to there, scan and plan too", [seconds], "s"),
    ]


async def _start(fleet: Fleet, state: Path) -> Engine:
    routing = {"max_disk_usage_percent": 99, "target_disk_usage_percent": 98, "min_free_disk_percent": 1}
    # The 100,000 logs stay where they are; models go to both other nodes.
    plane = {"data_types": {"games": False}, "manifest_refresh_interval": SCAN_INTERVAL}
    hosts = fleet.write_hosts(extra={"sync_routing": routing, "data_plane": plane})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.engine_child", str(hosts), str(state)),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    return Engine(process)


async def _until(engine: Engine, holds: Callable[[dict[str, Any]], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds(await engine.figures()):  # noqa: ASYNC110 - another process sends no event
            await asyncio.sleep(0.1)


async def _latency(fleet: Fleet, number: int) -> float:
    """Return seconds from the end of writing a model to its being in place at both other nodes."""
    name = f"hex8_2p_v{number}.pth"
    (fleet["node-1"].models / name).write_bytes(os.urandom(20_000))
    started = time.perf_counter()
    await _arrived(fleet, [name])
    return time.perf_counter() - started


async def _drain(fleet: Fleet, count: int) -> float:
    """Return the seconds from the writing of many new models until all are at both other nodes."""
    names = [f"hex8_3p_{number}.pth" for number in range(count)]
    for name in names:
        (fleet["node-1"].models / name).write_bytes(os.urandom(20_000))
    started = time.perf_counter()
    await _arrived(fleet, names)
    return time.perf_counter() - started


def _tell_hold_ups(told: list[dict[str, Any]]) -> tuple[int, int]:
    """Write down what held the loop up, and return how many turns there were, and how many were long."""
    turns: Counter[str] = Counter()
    for one in told:
        turns.update(one["turns"])
    longest = sorted((long for one in told for long in one["longest"]), key=lambda long: -long[0])
    stacks: Counter[str] = Counter()
    for one in told:
        stacks.update(dict(one["stacks"]))
    HOLD_UPS.parent.mkdir(parents=True, exist_ok=True)
    report = {"turns": turns, "longest": longest[:HOLD_UPS_TOLD], "stacks": stacks.most_common(HOLD_UPS_TOLD)}
    HOLD_UPS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return turns.total(), sum(one["over"] for one in told)


def _rate(store: Path, copies: int) -> float:
    """Return how many of the newest copies were made a second, from the first one queued to the last one done."""
    query = "SELECT created_at, finished_at FROM transfers WHERE state = 'done' ORDER BY id DESC LIMIT ?"
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        rows = connection.execute(query, (copies,)).fetchall()
    seconds: float = max(done for _, done in rows) - min(queued for queued, _ in rows)
    return len(rows) / seconds


async def _arrived(fleet: Fleet, names: list[str]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        for node in ("node-0", "node-2"):
            for name in names:
                while not (fleet[node].models / name).exists():  # noqa: ASYNC110 - another process sends no event
                    await asyncio.sleep(0.01)
