"""The engine, headless, in a process of its own that tells what it costs: ``python -m tests.bench.engine_child``."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from engine.data_plane import UnifiedDataPlane
from tests.bench.hold_ups import HoldUps

LOOK_SECONDS = 0.001


class LagMeter:
    """The longest time for which the event loop ran nothing of ours; and how much of that was computed by us.

    On a busy machine the first is also what others took; the second is ours alone: of the loop's own thread, or with
    ``time.process_time`` of all threads.
    """

    def __init__(self, computed: Callable[[], float] = time.thread_time) -> None:
        self._computed = computed
        self.forget()

    def forget(self) -> None:
        """Start anew."""
        self.worst = 0.0
        self.own_worst = 0.0
        self.over_5_ms = 0

    async def run(self) -> None:
        """Measure for ever."""
        while True:
            started, computed = time.perf_counter(), self._computed()
            await asyncio.sleep(LOOK_SECONDS)
            lag = time.perf_counter() - started - LOOK_SECONDS
            own = min(lag, self._computed() - computed)
            self.worst, self.own_worst = max(self.worst, lag), max(self.own_worst, own)
            self.over_5_ms += own > 0.005


async def main(config: Path, state: Path) -> None:
    """Run until stdin ends; answer each line read from it with one line of figures since the last."""
    plane = UnifiedDataPlane(config, state, mode="headless", observe=False)
    hold_ups = HoldUps()
    with hold_ups.watching(asyncio.get_running_loop()):
        await _serve(plane, hold_ups)


async def _serve(plane: UnifiedDataPlane, hold_ups: HoldUps) -> None:
    await plane.start()
    meter = LagMeter()
    task = asyncio.get_running_loop().create_task(meter.run())
    cpu = time.process_time()
    while await asyncio.to_thread(sys.stdin.readline):
        status = await plane.status()
        figures = {
            "lag_ms": 1000 * meter.worst,
            "own_lag_ms": 1000 * meter.own_worst,
            "over_5_ms": meter.over_5_ms,
            "cpu_seconds": time.process_time() - cpu,
            "rss_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "entries": status.entries_total,
            "replicas": status.replicas_total,
            "queue": dict(status.queue),
            "hold_ups": hold_ups.told(),
        }
        meter.forget()
        hold_ups.forget()
        cpu = time.process_time()
        print(json.dumps(figures), flush=True)
    task.cancel()
    await plane.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
