"""Swarms on a real fleet: holders and fetchers of one content serve each other, whatever one of them does."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.load import load
from engine.clock import SystemClock
from engine.errors import ErrorClass, SyncdeckError
from engine.model import FileKind
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, PublishRequest, StreamOutcome
from engine.transport.fetch_types import MANIFEST_CHUNK_BYTES
from engine.transport.fetching import AgentFetching
from engine.transport.p2p import P2PTransport
from engine.transport.rates import RateCap
from engine.transport.serving import NodeDataServers
from engine.transport.types import Holder, TransferJob
from tests.fleet import Fleet, FleetNode, openssh_fleet
from tests.transport.conftest import NAMES

CHUNK = MANIFEST_CHUNK_BYTES
CONTENT = random.Random(11).randbytes(10 * CHUNK + 4321)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MIB = 1 << 20


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("peers"), count=4) as running:
        yield running


class Swarming:
    """The p2p transport over a fleet, and jobs for it."""

    def __init__(self, fleet: Fleet, pool: SessionPool, servers: NodeDataServers) -> None:
        self.fleet = fleet
        self.pool = pool
        self.servers = servers
        self.transport = P2PTransport(pool.get, AgentFetching(fleet.options(), pool.links), servers, SystemClock())

    def place(self, node: FleetNode, content: bytes = CONTENT, name: str = "weights.pth") -> Path:
        path = node.models / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    async def holder(self, node: FleetNode, path: Path) -> Holder:
        stat = await (await self.pool.get(node.name)).stat(str(path))
        assert stat is not None
        return Holder(node.endpoint, str(path), stat, str(node.root))

    async def job(self, source: Holder, target: FleetNode, *holders: Holder, number: int = 1) -> TransferJob:
        return TransferJob(
            source=source.endpoint,
            target=target.endpoint,
            source_path=source.path,
            temp_path=NAMES.part(str(target.models / "arrived.pth"), number, SHA256),
            size_bytes=len(CONTENT),
            content_id=SHA256,
            kind=FileKind.PLAIN,
            source_stat=source.stat,
            sha256=SHA256,
            rate=RateCap(),
            stall_timeout_seconds=30.0,
            check_source=False,
            target_root=str(target.root),
            source_root=source.root,
            holders=holders,
        )

    def copy(self, job: TransferJob) -> asyncio.Task[StreamOutcome]:
        done: list[int] = []
        task = asyncio.create_task(self.transport.copy(job, lambda at, wire: done.append(at)))
        self.progress[task] = done
        return task

    progress: dict[asyncio.Task[StreamOutcome], list[int]]


@pytest.fixture
async def swarming(peers: Fleet, tmp_path: Path) -> AsyncIterator[Swarming]:
    for node in peers.nodes:
        for path in node.models.glob("**/*"):
            path.unlink()
    endpoints: dict[str, Endpoint] = {node.name: node.endpoint for node in peers.nodes}
    options, clock = peers.options(), SystemClock()
    pool = SessionPool(endpoints.__getitem__, options)
    policy = load(peers.write_hosts(tmp_path / "hosts.yaml")).policy
    servers = NodeDataServers(pool.get, options, pool.links, lambda: policy, clock)
    made = Swarming(peers, pool, servers)
    made.progress = {}
    yield made
    await servers.close()
    await pool.close()


async def until(condition: Callable[[], bool]) -> None:
    """Return when a state is reached."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a state of other processes
            await asyncio.sleep(0.01)


def ensure_arrived(job: TransferJob, outcome: StreamOutcome) -> None:
    assert outcome.sha256 == SHA256
    assert Path(job.temp_path).read_bytes() == CONTENT
    names = [path.name for path in Path(job.temp_path).parent.iterdir()]
    assert [name for name in names if ".syncdeck-" in name] == [os.path.basename(job.temp_path)]


async def test_who_fetches_serves_the_others_so_that_the_source_sends_each_chunk_about_once(
    swarming: Swarming,
) -> None:
    seed, *targets = swarming.fleet.nodes
    source = await swarming.holder(seed, swarming.place(seed))
    for node in swarming.fleet.nodes:
        swarming.servers.limit(node.name, 12 * MIB)
    jobs = [await swarming.job(source, target) for target in targets]
    outcomes = await asyncio.gather(*(swarming.copy(job) for job in jobs))
    for job, outcome in zip(jobs, outcomes, strict=True):
        ensure_arrived(job, outcome)
    sent = swarming.servers.sent_bytes(seed.name)
    assert sent < 2 * len(CONTENT)


async def test_every_holder_gives_its_part(swarming: Swarming) -> None:
    first, second, third, target = swarming.fleet.nodes
    holders = [await swarming.holder(node, swarming.place(node)) for node in (first, second, third)]
    for holder in holders:
        swarming.servers.limit(holder.endpoint.node_id, 8 * MIB)
    job = await swarming.job(holders[0], target, *holders[1:])
    ensure_arrived(job, await swarming.copy(job))
    assert all(swarming.servers.sent_bytes(holder.endpoint.node_id) > CHUNK for holder in holders)


async def test_a_lying_holder_does_no_harm(swarming: Swarming) -> None:
    liar, honest, target, _ = swarming.fleet.nodes
    spoilt = bytearray(CONTENT)
    for at in range(5, len(spoilt), CHUNK):
        spoilt[at] ^= 1
    lying = await swarming.holder(liar, swarming.place(liar, bytes(spoilt)))
    true = await swarming.holder(honest, swarming.place(honest))
    for source, other in ((lying, true), (true, lying)):
        job = await swarming.job(source, target, other)
        ensure_arrived(job, await swarming.copy(job))
        Path(job.temp_path).unlink()


async def test_one_that_lies_alone_is_found_out(swarming: Swarming) -> None:
    liar, target, *_ = swarming.fleet.nodes
    lying = await swarming.holder(liar, swarming.place(liar, bytes(len(CONTENT))))
    job = await swarming.job(lying, target)
    with pytest.raises(SyncdeckError) as caught:
        await swarming.copy(job)
    assert caught.value.error_class in (ErrorClass.CHECKSUM_MISMATCH, ErrorClass.SOURCE_CHANGED)
    assert not Path(job.temp_path).exists()


async def test_a_holder_whose_file_changed_is_passed_over(swarming: Swarming) -> None:
    first, second, target, _ = swarming.fleet.nodes
    changed = await swarming.holder(first, swarming.place(first))
    holder = await swarming.holder(second, swarming.place(second))
    swarming.place(first, os.urandom(1000))
    for source, other in ((changed, holder), (holder, changed)):
        job = await swarming.job(source, target, other)
        ensure_arrived(job, await swarming.copy(job))
        Path(job.temp_path).unlink()
    with pytest.raises(SyncdeckError) as caught:
        await swarming.copy(await swarming.job(changed, target))
    assert caught.value.error_class is ErrorClass.SOURCE_CHANGED


async def test_when_a_holder_dies_the_others_go_on(swarming: Swarming) -> None:
    dying, staying, target, _ = swarming.fleet.nodes
    source = await swarming.holder(dying, swarming.place(dying))
    holder = await swarming.holder(staying, swarming.place(staying))
    for node in (dying, staying):
        swarming.servers.limit(node.name, 6 * MIB)
    job = await swarming.job(source, target, holder)
    copy = swarming.copy(job)
    await until(lambda: bool(swarming.progress[copy]) and swarming.progress[copy][-1] > CHUNK)
    try:
        dying.kill()
        swarming.servers.limit(staying.name, None)
        ensure_arrived(job, await copy)
    finally:
        dying.start()


async def test_one_fetcher_that_is_cancelled_takes_nothing_from_the_others(swarming: Swarming) -> None:
    seed, first, second, _ = swarming.fleet.nodes
    source = await swarming.holder(seed, swarming.place(seed))
    swarming.servers.limit(seed.name, 10 * MIB)
    jobs = [await swarming.job(source, target) for target in (first, second)]
    copies = [swarming.copy(job) for job in jobs]
    await until(lambda: bool(swarming.progress[copies[0]]) and swarming.progress[copies[0]][-1] > CHUNK)
    copies[0].cancel()
    swarming.servers.limit(seed.name, None)
    ensure_arrived(jobs[1], await copies[1])
    assert copies[0].cancelled()
    assert Path(jobs[0].temp_path).exists()
    ensure_arrived(jobs[0], await swarming.copy(jobs[0]))


async def test_what_was_published_meanwhile_goes_on_serving(swarming: Swarming) -> None:
    seed, quick, slow, _ = swarming.fleet.nodes
    source = await swarming.holder(seed, swarming.place(seed))
    job = await swarming.job(source, quick)
    later = await swarming.job(source, slow)
    later = replace(later, rate=RateCap(4 * MIB))
    copies = swarming.copy(job), swarming.copy(later)
    outcome = await copies[0]
    final = quick.models / "arrived.pth"
    request = PublishRequest(
        job.temp_path, str(final), SHA256, len(CONTENT), 10**18, outcome.temp_stat, None, root=str(quick.root)
    )
    await (await swarming.pool.get(quick.name)).publish(request)
    seed.models.joinpath("weights.pth").unlink()
    await until(lambda: swarming.progress[copies[1]][-1] > CHUNK)
    later.rate.set(None)
    ensure_arrived(later, await copies[1])


async def test_without_a_root_nothing_is_served_and_it_says_so(swarming: Swarming) -> None:
    seed, target, *_ = swarming.fleet.nodes
    source = await swarming.holder(seed, swarming.place(seed))
    with pytest.raises(SyncdeckError) as caught:
        await swarming.copy(await swarming.job(replace(source, root=""), target))
    assert caught.value.error_class is ErrorClass.UNSUPPORTED
    assert caught.value.cause and caught.value.remedy
