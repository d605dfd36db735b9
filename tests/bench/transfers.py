"""Moving one file over ssh: ours (fsynced, verified by SHA-256 of what was written, published) against rsync."""

from __future__ import annotations

import asyncio
import hashlib
import resource
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from engine.clock import SystemClock
from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, PublishRequest
from engine.transport.agent import AgentTransport
from engine.transport.rates import RateCap
from engine.transport.rsync import RsyncTransport
from engine.transport.types import TransferJob, TransportAdapter
from tests.bench.data import MIB, games_database, live_writer, random_file
from tests.bench.report import Row, faster, figure
from tests.fleet import Fleet, FleetNode, openssh_fleet

HERE = Endpoint("here", local=True)
NAMES = TemporaryNames("b" * 8, "c" * 8)


class Mover:
    """Ours: what the executor does to one file, from the snapshot to the published name."""

    def __init__(self, node: FleetNode, pool: SessionPool, adapter: TransportAdapter) -> None:
        self._node = node
        self._pool = pool
        self._adapter = adapter
        self._count = 0

    async def move(self, source: Path, final: Path, kind: FileKind) -> None:
        """Copy, verify, publish; raises when any step fails."""
        self._count += 1
        agent, here = await self._pool.get(self._node.name), await self._pool.get(HERE.node_id)
        path, snapshot = str(source), None
        if kind is FileKind.SQLITE:
            snapshot = NAMES.snapshot(path, self._count, str(self._count))
            path = (await agent.snapshot(path, snapshot)).path
        stat = await agent.stat(path)
        assert stat is not None
        job = TransferJob(
            source=self._node.endpoint,
            target=HERE,
            source_path=path,
            temp_path=NAMES.part(str(final), self._count, f"{self._count:012d}"),
            size_bytes=stat.size_bytes,
            content_id=f"{self._count:012d}",
            kind=kind,
            source_stat=stat,
            sha256=None,
            rate=RateCap(),
            stall_timeout_seconds=60.0,
            check_source=kind is FileKind.SQLITE,
            target_root=str(final.parent),
        )
        outcome = await self._adapter.copy(job, lambda done, wire: None)
        published = await here.publish(
            PublishRequest(
                job.temp_path,
                str(final),
                outcome.sha256,
                outcome.size_bytes,
                stat.mtime_ns,
                outcome.temp_stat,
                None,
                root=str(final.parent),
            )
        )
        assert published.outcome == "published", published
        if snapshot is not None:
            await agent.discard([snapshot])


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the rows of this section."""
    rows: list[Row] = []
    with ExitStack() as stack:
        fleet = stack.enter_context(openssh_fleet(folder, 1))
        node = fleet[0]
        big, database = node.training / "random.npz", node.games / "live.db"
        random_file(big, int(1024 * scale) * MIB)
        games_database(database, int(350 * scale) * MIB)
        async with AsyncExitStack() as sessions:
            endpoints = {node.name: node.endpoint, HERE.node_id: HERE}
            pool = SessionPool(endpoints.__getitem__, fleet.options())
            sessions.push_async_callback(pool.close)
            rsync = Mover(node, pool, RsyncTransport(pool.get, fleet.options(), pool.links, SystemClock()))
            agent = Mover(node, pool, AgentTransport(pool.get, fleet.options(), pool.links))
            rows += await _compare(folder, fleet, node, big, FileKind.PLAIN, "1 GiB random", rsync, agent, runs)
            with live_writer(database):
                rows += await _compare(
                    folder, fleet, node, database, FileKind.SQLITE, "350 MB live database", rsync, agent, runs
                )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows.append(figure("peak memory of the engine process, transfers", [peak], "MiB"))
    return rows


async def _compare(
    folder: Path,
    fleet: Fleet,
    node: FleetNode,
    source: Path,
    kind: FileKind,
    label: str,
    rsync: Mover,
    agent: Mover,
    runs: int,
) -> list[Row]:
    times: dict[str, list[float]] = {name: [] for name in ("bare", "hashed", "rsync", "agent")}
    final = folder / "arrived"
    for _ in range(runs):
        await _timed(times["bare"], final, lambda: asyncio.to_thread(_bare_rsync, fleet, node, source, final))
        await _timed(times["hashed"], final, lambda: asyncio.to_thread(_hashed_rsync, fleet, node, source, final))
        await _timed(times["rsync"], final, lambda: rsync.move(source, final, kind))
        await _timed(times["agent"], final, lambda: agent.move(source, final, kind))
    bare, hashed = "rsync -a --fsync -e ssh", "rsync, then sha256sum on both ends"
    return [
        faster(f"{label}, rsync transport", times["rsync"], bare, times["bare"]),
        faster(f"{label}, rsync transport vs hashed", times["rsync"], hashed, times["hashed"]),
        faster(f"{label}, agent stream", times["agent"], bare, times["bare"]),
        faster(f"{label}, agent stream vs hashed", times["agent"], hashed, times["hashed"]),
    ]


async def _timed(times: list[float], final: Path, work: Callable[[], Awaitable[None]]) -> None:
    final.unlink(missing_ok=True)
    started = time.perf_counter()
    await work()
    times.append(time.perf_counter() - started)


def _bare_rsync(fleet: Fleet, node: FleetNode, source: Path, final: Path) -> None:
    shell = f"ssh -F {fleet.ssh_config}"
    subprocess.run(["rsync", "-a", "--fsync", "-e", shell, f"{node.name}:{source}", str(final)], check=True)


def _hashed_rsync(fleet: Fleet, node: FleetNode, source: Path, final: Path) -> None:
    _bare_rsync(fleet, node, source, final)
    remote = ["ssh", "-F", str(fleet.ssh_config), node.name, "sha256sum", str(source)]
    there = subprocess.run(remote, check=True, capture_output=True, text=True).stdout.split()[0]
    here = subprocess.run(["sha256sum", str(final)], check=True, capture_output=True, text=True).stdout.split()[0]
    assert len(there) == len(here) == hashlib.sha256().digest_size * 2
