"""Every transport on one file of random bytes, verified by SHA-256 and published with fsync, against its peers.

The content's hash is known before, as the catalog knows it of every quiet file. Peers verify nothing by themselves:
each is measured as it is, and with a flush and sha256sum at the target, which is what ours always do.
"""

from __future__ import annotations

import asyncio
import hashlib
import resource
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path

from config.load import load
from engine.clock import SystemClock
from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind, Transport
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, PublishRequest
from engine.transport.fetch_types import Served
from engine.transport.rates import RateCap
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransferJob, TransportAdapter
from tests.bench.data import MIB, random_file
from tests.bench.peers import curl, flush_and_hash, ssh_peers
from tests.bench.report import Row, faster, figure
from tests.fleet import FleetNode, openssh_fleet

HERE = Endpoint("here", local=True)
NAMES = TemporaryNames("b" * 8, "e" * 8)
RSYNC, CURL = "rsync -a --fsync -e ssh", "curl"
VERIFIED = " + fsync + sha256sum"
Times = dict[str, list[float]]


class Contest:
    """One file on one node, brought here again and again."""

    def __init__(self, node: FleetNode, pool: SessionPool, servers: NodeDataServers, folder: Path) -> None:
        self.source = node.training / "random.npz"
        self.final = folder / "arrived" / "random.npz"
        self.final.parent.mkdir()
        self._node = node
        self._pool = pool
        self._servers = servers
        self._count = 0
        self._sha256 = ""

    def prepare(self, size_bytes: int) -> None:
        """Write the file and note its hash."""
        random_file(self.source, size_bytes)
        with self.source.open("rb") as file:
            self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()

    async def ours(self, adapter: TransportAdapter) -> None:
        """Copy, verify and publish by one transport; raises when any of it fails."""
        self._count += 1
        here, there = await self._pool.get(HERE.node_id), await self._pool.get(self._node.name)
        stat = await there.stat(str(self.source))
        assert stat is not None
        job = TransferJob(
            source=self._node.endpoint,
            target=HERE,
            source_path=str(self.source),
            temp_path=NAMES.part(str(self.final), self._count, self._sha256),
            size_bytes=stat.size_bytes,
            content_id=self._sha256,
            kind=FileKind.PLAIN,
            source_stat=stat,
            sha256=self._sha256,
            rate=RateCap(),
            stall_timeout_seconds=60.0,
            check_source=False,
            target_root=str(self.final.parent),
            source_root=str(self._node.root),
        )
        outcome = await adapter.copy(job, lambda done, wire: None)
        published = await here.publish(
            PublishRequest(
                job.temp_path,
                str(self.final),
                outcome.sha256,
                outcome.size_bytes,
                stat.mtime_ns,
                outcome.temp_stat,
                None,
                root=job.target_root,
            )
        )
        assert published.outcome == "published", published

    async def curl(self) -> None:
        """Fetch from the same data server that ours fetch from."""
        stat = await (await self._pool.get(self._node.name)).stat(str(self.source))
        served = Served(str(self.source), str(self._node.root), stat)
        urls = await self._servers.urls(self._node.endpoint, served, HERE)
        await asyncio.to_thread(curl, urls[0], self.final)

    async def verified(self, peer: Callable[[], Awaitable[None]]) -> None:
        """Run a peer, then flush and hash what it wrote."""
        await peer()
        assert await asyncio.to_thread(flush_and_hash, self.final) == self._sha256

    async def time(self, times: list[float], work: Callable[[], Awaitable[None]]) -> None:
        """Add how long it takes to bring the file to where nothing is."""
        self.final.unlink(missing_ok=True)
        started = time.perf_counter()
        await work()
        times.append(time.perf_counter() - started)


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the rows of this section."""
    with ExitStack() as stack:
        fleet = stack.enter_context(openssh_fleet(folder, 1))
        node = fleet[0]
        async with AsyncExitStack() as sessions:
            pool = SessionPool({node.name: node.endpoint, HERE.node_id: HERE}.__getitem__, fleet.options())
            sessions.push_async_callback(pool.close)
            policy = load(fleet.write_hosts(folder / "hosts.yaml")).policy
            clock = SystemClock()
            servers = NodeDataServers(pool.get, fleet.options(), pool.links, lambda: policy, clock)
            sessions.push_async_callback(servers.close)
            contest = Contest(node, pool, servers, folder)
            await asyncio.to_thread(contest.prepare, int(1024 * scale) * MIB)
            adapters = build_transports(pool.get, fleet.options(), pool.links, clock, servers)
            peers: dict[str, Callable[[], Awaitable[None]]] = {
                name: partial(asyncio.to_thread, peer, contest.source, contest.final)
                for name, peer in ssh_peers(fleet, node).items()
            }
            times = await _measure(contest, adapters, peers | {CURL: contest.curl}, runs)
    label = f"{int(1024 * scale)} MiB random"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*_rows(label, times), figure("peak memory of the engine process, every transport", [peak], "MiB")]


async def _measure(
    contest: Contest,
    adapters: tuple[TransportAdapter, ...],
    peers: dict[str, Callable[[], Awaitable[None]]],
    runs: int,
) -> Times:
    times: Times = {}
    for _ in range(runs):
        for name, peer in peers.items():
            await contest.time(times.setdefault(name, []), peer)
            await contest.time(times.setdefault(name + VERIFIED, []), partial(contest.verified, peer))
        for adapter in adapters:
            await contest.time(times.setdefault(adapter.name.value, []), partial(contest.ours, adapter))
    return times


def _rows(label: str, times: Times) -> list[Row]:
    """Every transport against every peer, as it is and verified."""
    names = [transport.value for transport in Transport if transport.value in times]
    peers = [name for name in times if name not in names]
    return [faster(f"{label}, {name}", times[name], peer, times[peer]) for name in names for peer in peers]
