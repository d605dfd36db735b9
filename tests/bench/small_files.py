"""Moving many small files: ours in batches (each verified, published, durable) against one command over ssh for all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path

from config.load import load
from engine.clock import SystemClock
from engine.collecting import Collector
from engine.execution.batch_sizes import BATCHES_PER_NODE, MOST_BYTES, MOST_FILES
from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind, Transport
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, PublishRequest, PublishResult, StreamOutcome
from engine.transport.batching import batch_chain
from engine.transport.rates import RateCap
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport.types import BatchTransport, TransferJob
from tests.bench.peers import ssh_folder_peers
from tests.bench.report import Row, faster, figure, in_turn
from tests.fleet import Fleet, FleetNode, openssh_fleet

HERE = Endpoint("here", local=True)
NAMES = TemporaryNames("b" * 8, "c" * 8)
KIB = 1024
DURABLE = "rsync -a --fsync -e ssh"
BY = (Transport.AGENT, Transport.HTTP)
"""What carries batches; base64 is for channels that nobody would choose."""


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the rows of this section."""
    rows: list[Row] = []
    collector = Collector(lambda: False)  # As in every engine.
    with openssh_fleet(folder, 1) as fleet, contextlib.ExitStack() as stack:
        policy = load(fleet.write_hosts(folder / "hosts.yaml")).policy
        collector.start()
        stack.callback(collector.stop)
        node = fleet[0]
        pool = SessionPool({node.name: node.endpoint, HERE.node_id: HERE}.__getitem__, fleet.options())
        clock = SystemClock()
        servers = NodeDataServers(pool.get, fleet.options(), pool.links, lambda: policy, clock)
        built = build_transports(pool.get, fleet.options(), pool.links, clock, servers)
        ours = [transport for transport in batch_chain(tuple(Transport), built) if transport.name in BY]
        for count, size in ((int(10_000 * scale), 20 * KIB), (int(200 * scale), 5 * KIB * KIB)):
            source = node.models / f"{count}x{size}"
            await asyncio.to_thread(fill, source, count, size)
            rows += await _compare(folder, fleet, node, pool, ours, source, runs)
        await servers.close()
        await pool.close()
    return rows


def fill(folder: Path, count: int, size: int) -> None:
    """Write files of random bytes, a hundred to a folder."""
    content = random.Random(3).randbytes(size + count)
    for index in range(count):
        place = folder / f"run{index // 100}"
        if index % 100 == 0:
            place.mkdir(parents=True)
        (place / f"hex8_2p_{index}.pth").write_bytes(content[index : index + size])


async def _compare(
    folder: Path,
    fleet: Fleet,
    node: FleetNode,
    pool: SessionPool,
    transports: Sequence[BatchTransport],
    source: Path,
    runs: int,
) -> list[Row]:
    peers = ssh_folder_peers(fleet, node)
    ours = {f"batches by {transport.name.value}": transport for transport in transports}
    times: dict[str, list[float]] = {name: [] for name in (*peers, *ours)}
    files = list(source.rglob("*.pth"))
    paths = [str(file) for file in files]  # As the engine has them: what pathlib costs is not part of it.
    label = f"{len(files):,} files of {files[0].stat().st_size // KIB} KiB"
    for number in range(runs):
        # Nothing is removed in between: ext4 passes over inodes that were freed a moment ago, one by one.
        for place, name in enumerate(in_turn([*peers, *ours], number)):
            final = folder / f"{source.name}-{number}-{place}"
            if name in ours:
                times[name].append(await _timed(move(pool, ours[name], node, source, paths, final)))
                await asyncio.to_thread(_ensure_same, files, source, final)
            else:
                times[name].append(await _timed(asyncio.to_thread(peers[name], source, final)))
    rows = []
    for name in ours:
        for peer in peers:
            what = f"{label}, {name}{' vs not durable' * (peer != DURABLE)}"
            rows.append(faster(what, times[name], peer, times[peer]))
        rows.append(figure(f"{label}, {name}", [len(files) / seconds for seconds in times[name]], "files/s"))
    return rows


async def move(
    pool: SessionPool, transport: BatchTransport, node: FleetNode, source: Path, paths: Sequence[str], final: Path
) -> None:
    """Move all files in batches, a few at once: look, copy, verify, publish."""
    here = await pool.get(HERE.node_id)
    there = await pool.get(node.name)
    source_end, root = node.endpoint, str(final.parent)
    before, after = str(source), str(final)
    targets = {path: after + path[len(before) :] for path in paths}
    most = max(1, min(MOST_FILES, MOST_BYTES // os.path.getsize(paths[0])))
    batches = [paths[start : start + most] for start in range(0, len(paths), most)]
    slots = asyncio.Semaphore(BATCHES_PER_NODE)

    async def one(batch: Sequence[str]) -> None:
        async with slots:
            jobs, rate = [], RateCap()
            for number, (path, stat) in enumerate(zip(batch, await there.stat_many(batch), strict=True)):
                assert stat is not None
                jobs.append(
                    TransferJob(
                        source=source_end,
                        target=HERE,
                        source_path=path,
                        temp_path=NAMES.part(targets[path], number, f"{number:012d}"),
                        size_bytes=stat.size_bytes,
                        content_id=f"{number:012d}",
                        kind=FileKind.PLAIN,
                        source_stat=stat,
                        sha256=None,
                        rate=rate,
                        stall_timeout_seconds=60.0,
                        check_source=False,
                        target_root=root,
                    )
                )
            outcomes = await transport.copy_batch(jobs, lambda number, done, wire: None)
            requests = []
            for path, job, outcome in zip(batch, jobs, outcomes, strict=True):
                assert isinstance(outcome, StreamOutcome), outcome
                assert job.source_stat is not None
                requests.append(
                    PublishRequest(
                        job.temp_path,
                        targets[path],
                        outcome.sha256,
                        outcome.size_bytes,
                        job.source_stat.mtime_ns,
                        outcome.temp_stat,
                        None,
                        root=job.target_root,
                    )
                )
            for result in await here.publish_many(requests):
                assert isinstance(result, PublishResult) and result.outcome == "published", result

    await asyncio.gather(*(one(batch) for batch in batches))


async def _timed(work: Awaitable[None]) -> float:
    await asyncio.to_thread(os.sync)
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


def _ensure_same(files: Sequence[Path], source: Path, final: Path) -> None:
    for path in files:
        assert (final / path.relative_to(source)).read_bytes() == path.read_bytes()
