"""The console on a terminal of its own, with 100,000 entries: first paint, idle cost, key to paint."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import psutil

from config.types import DataType
from engine.catalog.catalog import DataCatalog, ScannedRecord
from engine.clock import SystemClock
from engine.model import EntryKey, FileKind, FileStat
from engine.store.store import Store
from tests.bench.report import Row, figure

ENTRIES = 100_000
IDLE_SECONDS = 10.0
# The first look at every node and the first plan are over by then, on a busy machine too.
SETTLE_SECONDS = 15.0
KEYS = 60
HOSTS = """
hosts:
  box-1: {{ssh_host: 127.0.0.1, ssh_port: 1, ssh_user: nobody, ringrift_path: {root}, role: gpu_selfplay,
          status: retired, memory_gb: 1, cpus: 1}}
data_plane: {{node_id: console-bench}}
"""


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the rows of this section."""
    config, state = folder / "hosts.yaml", folder / "state"
    config.write_text(HOSTS.format(root=folder / "root"), encoding="utf-8")
    state.mkdir()
    await _fill(state, int(ENTRIES * scale))
    results = [await asyncio.to_thread(_one_run, config, state) for _ in range(runs)]
    paint, cpu, rate, keys, memory = (list(column) for column in zip(*results, strict=True))
    label = f"{int(ENTRIES * scale):,} entries"
    return [
        figure(f"console, {label}: first paint", paint, "s"),
        figure(f"console, {label}: idle CPU", cpu, "%"),
        figure(f"console, {label}: idle terminal output", rate, "B/s"),
        figure(f"console, {label}: key to paint, p95", keys, "ms"),
        figure(f"console, {label}: memory with the engine embedded", memory, "MiB"),
    ]


async def _fill(state: Path, count: int) -> None:
    store = await Store.open(state / "syncdeck.db")
    catalog = DataCatalog(store, SystemClock())
    scan = await catalog.begin_scan("box-1")
    for start in range(0, count, 1000):
        records = []
        for number in range(start, min(start + 1000, count)):
            path = f"run{number // 500}/games_hex8_2p_{number}.jsonl"
            key = EntryKey(DataType.GAMES, path, "box-1")
            stat = FileStat(1000 + number, 1_767_225_600_000_000_000 + number)
            records.append(ScannedRecord(key, "hex8_2p", f"/data/games/{path}", stat, FileKind.PLAIN, False))
        await catalog.record_scanned("box-1", scan, records)
    await store.close()


class Terminal:
    """A child on a pseudo-terminal of 120x40, and what it writes."""

    def __init__(self, argv: list[str]) -> None:
        self.started = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS="120", LINES="40")
            os.execv(argv[0], argv)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def read_for(self, seconds: float, until: bytes | None = None) -> bytes:
        """Return what arrives within a time, or until some bytes did."""
        end = time.perf_counter() + seconds
        got = b""
        while (left := end - time.perf_counter()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                with contextlib.suppress(OSError):
                    got += os.read(self._fd, 65536)
                if until is not None and until in got:
                    break
        return got

    def press(self, key: bytes) -> float:
        """Press a key; return the seconds until the first byte that it drew."""
        self.read_for(0.15)
        started = time.perf_counter()
        os.write(self._fd, key)
        select.select([self._fd], [], [], 5.0)
        return time.perf_counter() - started

    def end(self) -> None:
        """Stop the child."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)


def _one_run(config: Path, state: Path) -> tuple[float, float, float, float, float]:
    syncdeck = str(Path(sys.executable).with_name("syncdeck"))
    terminal = Terminal([syncdeck, "--config", str(config), "--state", str(state)])
    try:
        terminal.read_for(20.0, until=b"Needs you")
        paint = time.perf_counter() - terminal.started
        terminal.read_for(SETTLE_SECONDS)
        process = psutil.Process(terminal.pid)
        before = process.cpu_times()
        output = terminal.read_for(IDLE_SECONDS)
        after = process.cpu_times()
        cpu = 100.0 * (after.user + after.system - before.user - before.system) / IDLE_SECONDS
        terminal.press(b"2")
        terminal.read_for(2.0)
        presses = sorted(terminal.press(key) for key in ([b"j"] * 10 + [b"\x1b[6~"] * 5) * (KEYS // 15))
        memory = process.memory_info().rss / 2**20
        return paint, cpu, len(output) / IDLE_SECONDS, 1000 * presses[int(len(presses) * 0.95)], memory
    finally:
        terminal.end()
