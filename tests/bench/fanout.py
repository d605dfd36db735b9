"""One content from one node to eight at once, every node's upload capped, against one copy of it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from config.load import load
from engine.clock import SystemClock
from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind
from engine.remote.pool import SessionPool
from engine.transport.fetching import AgentFetching
from engine.transport.p2p import P2PTransport
from engine.transport.rates import RateCap
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransferJob
from tests.bench.data import MIB, random_file
from tests.bench.report import Row, faster, figure
from tests.fleet import Fleet, FleetNode, openssh_fleet

TARGETS = 8
UPLOAD_BYTES_PER_SECOND = 20_000_000
NAMES = TemporaryNames("b" * 8, "d" * 8)


class FanOut:
    """One source with a content, and as many targets."""

    def __init__(self, fleet: Fleet, pool: SessionPool, servers: NodeDataServers, size_bytes: int) -> None:
        self._seed, *self.targets = fleet.nodes
        self._pool = pool
        self._servers = servers
        self._transport = P2PTransport(pool.get, AgentFetching(fleet.options(), pool.links), servers, SystemClock())
        self._path = self._seed.models / "weights.pth"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        random_file(self._path, size_bytes)
        with self._path.open("rb") as file:
            self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        for node in fleet.nodes:
            servers.limit(node.name, UPLOAD_BYTES_PER_SECOND)

    @property
    def sent_by_source(self) -> int:
        """Bytes that the source's data server has sent so far."""
        return self._servers.sent_bytes(self._seed.name)

    async def run(self, targets: Sequence[FleetNode], times: list[float], number: int) -> None:
        """Bring the content to all targets at once, and add how long that took."""
        jobs = [await self._job(target, number) for target in targets]
        started = time.perf_counter()
        outcomes = await asyncio.gather(*(self._transport.copy(job, lambda done, wire: None) for job in jobs))
        times.append(time.perf_counter() - started)
        assert {outcome.sha256 for outcome in outcomes} == {self._sha256}
        for job in jobs:
            Path(job.temp_path).unlink()

    async def _job(self, target: FleetNode, number: int) -> TransferJob:
        stat = await (await self._pool.get(self._seed.name)).stat(str(self._path))
        await self._pool.get(target.name)
        assert stat is not None
        return TransferJob(
            source=self._seed.endpoint,
            target=target.endpoint,
            source_path=str(self._path),
            temp_path=NAMES.part(str(target.models / "weights.pth"), number, self._sha256),
            size_bytes=stat.size_bytes,
            content_id=self._sha256,
            kind=FileKind.PLAIN,
            source_stat=stat,
            sha256=self._sha256,
            rate=RateCap(),
            stall_timeout_seconds=60.0,
            check_source=False,
            target_root=str(target.root),
            source_root=str(self._seed.root),
        )


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the rows of this section."""
    one: list[float] = []
    all_at_once: list[float] = []
    sent: list[float] = []
    size_bytes = int(400 * scale) * MIB
    with ExitStack() as stack:
        fleet = stack.enter_context(openssh_fleet(folder, 1 + TARGETS))
        async with AsyncExitStack() as sessions:
            endpoints = {node.name: node.endpoint for node in fleet.nodes}
            pool = SessionPool(endpoints.__getitem__, fleet.options())
            sessions.push_async_callback(pool.close)
            policy = load(fleet.write_hosts(folder / "hosts.yaml")).policy
            servers = NodeDataServers(pool.get, fleet.options(), pool.links, lambda: policy, SystemClock())
            sessions.push_async_callback(servers.close)
            fan_out = FanOut(fleet, pool, servers, size_bytes)
            for number in range(runs):
                await fan_out.run(fan_out.targets[:1], one, 2 * number)
                before = fan_out.sent_by_source
                await fan_out.run(fan_out.targets, all_at_once, 2 * number + 1)
                sent.append((fan_out.sent_by_source - before) / size_bytes)
    label = f"{size_bytes // MIB} MiB to {TARGETS} nodes by p2p, 20 MB/s each"
    return [
        faster(label, all_at_once, "one copy (aim: at least 0.67)", one),
        figure("what the source sent for that, in copies", sent, "copies"),
    ]
