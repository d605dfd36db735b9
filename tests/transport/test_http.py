"""The http transport when something happens midway: URLs expire, servers die, nodes vanish, rates change."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.load import load
from engine.clock import SystemClock
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.remote.types import Endpoint
from engine.transport.fetch_types import Served
from engine.transport.http import HttpTransport
from engine.transport.rates import RateCap
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransferJob
from tests.fleet import openssh_fleet
from tests.processes import listeners
from tests.transport.conftest import ENGINE_NODE, Bench
from tests.transport.test_serving_fleet import port_of

SLOW_BYTES_PER_SECOND = 2_000_000
SIZE = 12_000_000


@pytest.fixture
def source(bench: Bench) -> Path:
    path = bench.folder("node-0") / "midway.npz"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
async def servers(bench: Bench, tmp_path: Path) -> AsyncIterator[NodeDataServers]:
    policy = load(bench.fleet.write_hosts(tmp_path / "midway.yaml")).policy
    made = NodeDataServers(bench.pool.get, bench.options, bench.pool.links, lambda: policy, SystemClock())
    yield made
    await made.close()


@pytest.fixture
def transport(bench: Bench, servers: NodeDataServers) -> HttpTransport:
    return HttpTransport(bench.pool.get, bench.options, bench.pool.links, servers, SystemClock())


class Moving:
    """A progress that tells when so much has arrived."""

    def __init__(self, bytes_done: int) -> None:
        self.reached = asyncio.Event()
        self.done = 0
        self._wanted = bytes_done

    def __call__(self, done: int, wire: int) -> None:
        self.done = done
        if done >= self._wanted:
            self.reached.set()


async def begun(transport: HttpTransport, job: TransferJob, bytes_done: int) -> asyncio.Task[object]:
    """Return a copy of which so much has arrived."""
    moving = Moving(bytes_done)
    copy = asyncio.create_task(transport.copy(job, moving))
    reached = asyncio.create_task(moving.reached.wait())
    await asyncio.wait([copy, reached], return_when=asyncio.FIRST_COMPLETED, timeout=60)
    assert not copy.done(), copy
    assert reached.done()
    return copy


async def test_urls_that_expire_midway_are_signed_anew(
    bench: Bench, transport: HttpTransport, servers: NodeDataServers, source: Path
) -> None:
    servers.url_seconds = 2
    job = await bench.job("node-0", "node-1", source, bytes_per_second=SLOW_BYTES_PER_SECOND)
    outcome = await transport.copy(job, lambda done, wire: None)
    assert Path(job.temp_path).read_bytes() == source.read_bytes()
    assert outcome.bytes_on_wire < SIZE * 1.1


async def test_a_url_that_is_refused_from_the_start_is_signed_anew(
    bench: Bench, transport: HttpTransport, servers: NodeDataServers, source: Path
) -> None:
    await servers.refusal(bench.endpoint("node-0"), bench.endpoint("node-1"))
    servers.url_seconds = -1

    def heal() -> None:
        servers.url_seconds = 3600

    asyncio.get_running_loop().call_later(0.3, heal)
    job = await bench.job("node-0", "node-1", source)
    await transport.copy(job, lambda done, wire: None)
    assert Path(job.temp_path).read_bytes() == source.read_bytes()


async def test_a_server_that_dies_midway_is_started_again_and_the_fetch_goes_on(
    bench: Bench, transport: HttpTransport, servers: NodeDataServers, source: Path
) -> None:
    job = await bench.job("node-0", "node-1", source, bytes_per_second=SLOW_BYTES_PER_SECOND)
    copy = await begun(transport, job, 2_500_000)
    stat = job.source_stat
    (url,) = await servers.urls(job.source, Served(job.source_path, job.source_root, stat), job.target)
    pids = listeners(port_of(url))
    assert pids
    for pid in pids:
        os.kill(pid, 9)
    job.rate.set(None)
    await copy
    assert Path(job.temp_path).read_bytes() == source.read_bytes()


async def test_a_changed_cap_is_obeyed_while_it_runs(bench: Bench, transport: HttpTransport, source: Path) -> None:
    job = await bench.job("node-0", ENGINE_NODE, source)
    job = replace(job, rate=RateCap(100_000))
    copy = await begun(transport, job, 1)
    job.rate.set(None)
    await copy
    assert Path(job.temp_path).read_bytes() == source.read_bytes()


async def test_a_promise_that_the_source_does_not_keep_is_a_mismatch(
    bench: Bench, transport: HttpTransport, source: Path
) -> None:
    job = replace(await bench.job("node-0", "node-1", source), sha256="0" * 64)
    with pytest.raises(SyncdeckError) as caught:
        await transport.copy(job, lambda done, wire: None)
    assert caught.value.error_class is ErrorClass.CHECKSUM_MISMATCH


async def test_a_source_without_a_known_root_is_left_to_other_transports(
    bench: Bench, transport: HttpTransport, source: Path
) -> None:
    job = replace(await bench.job("node-0", "node-1", source), source_root="")
    with pytest.raises(SyncdeckError) as caught:
        await transport.copy(job, lambda done, wire: None)
    assert caught.value.error_class is ErrorClass.UNSUPPORTED


async def test_a_job_without_a_stat_takes_the_one_it_finds(
    bench: Bench, transport: HttpTransport, source: Path
) -> None:
    job = replace(await bench.job("node-0", "node-1", source), source_stat=None)
    await transport.copy(job, lambda done, wire: None)
    assert Path(job.temp_path).read_bytes() == source.read_bytes()


async def test_a_source_that_is_touched_midway_is_no_failure_where_its_content_is_known(
    bench: Bench, transport: HttpTransport, source: Path
) -> None:
    # One connection, whose one request was answered before: nothing is asked for any more.
    content = source.read_bytes()[:3_000_000]
    source.write_bytes(content)
    job = await bench.job("node-0", "node-1", source, bytes_per_second=SLOW_BYTES_PER_SECOND)
    job = replace(job, sha256=hashlib.sha256(content).hexdigest())
    copy = await begun(transport, job, 500_000)
    os.utime(source, (1, 1))
    await copy
    assert Path(job.temp_path).read_bytes() == content


async def test_a_source_that_is_another_midway_is_said_to_have_changed(
    bench: Bench, transport: HttpTransport, source: Path
) -> None:
    content = source.read_bytes()[:3_000_000]
    source.write_bytes(content)
    job = await bench.job("node-0", "node-1", source, bytes_per_second=SLOW_BYTES_PER_SECOND)
    job = replace(job, sha256=hashlib.sha256(content).hexdigest())
    copy = await begun(transport, job, 500_000)
    with source.open("r+b") as file:
        file.write(bytes(len(content)))
    job.rate.set(None)
    with pytest.raises(SyncdeckError) as caught:
        await copy
    assert caught.value.error_class is ErrorClass.SOURCE_CHANGED


async def test_cancelling_ends_the_fetch_and_keeps_what_arrived(
    bench: Bench, transport: HttpTransport, source: Path
) -> None:
    source.write_bytes(os.urandom(40_000_000))
    job = await bench.job("node-0", "node-1", source, bytes_per_second=20_000_000)
    # Of four connections, each may hold a chunk that is not whole.
    copy = await begun(transport, job, 24_000_000)
    copy.cancel()
    await asyncio.wait([copy])
    assert copy.cancelled()
    job.rate.set(None)
    outcome = await transport.copy(job, lambda done, wire: None)
    assert outcome.resumed_bytes > 0
    assert Path(job.temp_path).read_bytes() == source.read_bytes()


async def test_a_lost_node_is_said_to_be_lost(tmp_path: Path, bench: Bench) -> None:
    with openssh_fleet(tmp_path, count=1) as fleet:
        gone = fleet[0].endpoint
        fleet[0].kill()
        known: dict[str, Endpoint] = {gone.node_id: gone, ENGINE_NODE: Endpoint(ENGINE_NODE, True)}
        policy = load(fleet.write_hosts()).policy
        pool = type(bench.pool)(known.__getitem__, fleet.options())
        servers = NodeDataServers(pool.get, fleet.options(), pool.links, lambda: policy, SystemClock())
        transport = HttpTransport(pool.get, fleet.options(), pool.links, servers, SystemClock())
        try:
            for source, target in ((gone, known[ENGINE_NODE]), (known[ENGINE_NODE], gone)):
                with pytest.raises(NodeUnreachable):
                    await transport.unusable(source, target)
        finally:
            await servers.close()
            await pool.close()
