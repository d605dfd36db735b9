"""Moving one file over ssh: ours (fsynced, verified by SHA-256 of what was written, published) against rsync."""

from __future__ import annotations

import asyncio
import hashlib
import resource
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from config.load import load
from engine.clock import SystemClock
from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind, Transport
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, PublishRequest
from engine.transport.rates import RateCap
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransferJob, TransportAdapter
from tests.bench.data import MIB, games_database, live_writer, random_file
from tests.bench.peers import Peer, ssh_peers
from tests.bench.report import Row, faster, figure
from tests.fleet import Fleet, FleetNode, openssh_fleet

HERE = Endpoint("here", local=True)
NAMES = TemporaryNames("b" * 8, "c" * 8)
RSYNC = "rsync -a --fsync -e ssh"
HASHED = "rsync, then sha256sum on both ends"
OVER_SSH = (Transport.RSYNC, Transport.AGENT)
SHOWN = {Transport.RSYNC: "rsync transport", Transport.AGENT: "agent stream"}
"""What they are called in the table; the others by their name."""


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
            source_root=str(self._node.root),
        )
        outcome = await self._adapter.copy(job, lambda done, wire: None)
        if snapshot is not None:
            await agent.ensure_stored(snapshot)
            await agent.discard([snapshot])
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
            policy = load(fleet.write_hosts(folder / "hosts.yaml")).policy
            clock = SystemClock()
            servers = NodeDataServers(pool.get, fleet.options(), pool.links, lambda: policy, clock)
            sessions.push_async_callback(servers.close)
            adapters = build_transports(pool.get, fleet.options(), pool.links, clock, servers)
            movers = {adapter.name: Mover(node, pool, adapter) for adapter in adapters}
            peers, hashed = dict(ssh_peers(fleet, node)), partial(_hashed_rsync, fleet, node)
            only_rsync = Contest(folder / "arrived", {RSYNC: peers[RSYNC], HASHED: hashed})
            over_ssh = {name: movers[name] for name in OVER_SSH}
            of_size = "" if scale == 1 else f" (x {scale:g})"
            rows += await only_rsync.hold(f"1 GiB random{of_size}", big, FileKind.PLAIN, over_ssh, runs)
            every_peer = Contest(folder / "arrived", {**peers, HASHED: hashed})
            with live_writer(database):
                label = f"350 MB live database{of_size}"
                rows += await every_peer.hold(label, database, FileKind.SQLITE, movers, runs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows.append(figure("peak memory of the engine process, transfers", [peak], "MiB"))
    return rows


@dataclass(frozen=True)
class Contest:
    """Peers' command lines, each bringing one file to ``final``; ``HASHED`` is rsync with a hash at both ends.

    Of a live database they bring whatever they happen to read; ours bring a snapshot.
    """

    final: Path
    peers: Mapping[str, Peer]

    async def hold(
        self, label: str, source: Path, kind: FileKind, movers: Mapping[Transport, Mover], runs: int
    ) -> list[Row]:
        """Return the rows of each transport against each peer, run after run in turn."""
        theirs: dict[str, list[float]] = {name: [] for name in self.peers}
        ours: dict[Transport, list[float]] = {name: [] for name in movers}
        for _ in range(runs):
            for name, peer in self.peers.items():
                await _timed(theirs[name], self.final, partial(asyncio.to_thread, peer, source, self.final))
            for transport, mover in movers.items():
                await _timed(ours[transport], self.final, partial(mover.move, source, self.final, kind))
        return [
            faster(f"{label}, {shown}{' vs hashed' * (peer == HASHED)}", ours[name], peer, theirs[peer])
            for name, shown in ((name, SHOWN.get(name, name.value)) for name in ours)
            for peer in self.peers
        ]


async def _timed(times: list[float], final: Path, work: Callable[[], Awaitable[None]]) -> None:
    final.unlink(missing_ok=True)
    started = time.perf_counter()
    await work()
    times.append(time.perf_counter() - started)


def _hashed_rsync(fleet: Fleet, node: FleetNode, source: Path, final: Path) -> None:
    ssh_peers(fleet, node)[RSYNC](source, final)
    remote = ["ssh", "-F", str(fleet.ssh_config), node.name, "sha256sum", str(source)]
    there = subprocess.run(remote, check=True, capture_output=True, text=True).stdout.split()[0]
    here = subprocess.run(["sha256sum", str(final)], check=True, capture_output=True, text=True).stdout.split()[0]
    assert len(there) == len(here) == hashlib.sha256().digest_size * 2
