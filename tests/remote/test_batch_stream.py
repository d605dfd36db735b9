"""A batch over real ssh: each file arrives verified or fails alone with its class, also when the way breaks."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from config.load import load
from engine.clock import SystemClock
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind, FileStat
from engine.remote.agent import frames
from engine.remote.agent.batch_flush import flush, flush_each, may_flush_all
from engine.remote.batch import Result, SourceDamaged, run_batch
from engine.remote.batch_pair import _write_head
from engine.remote.batch_types import BatchFile, BatchJob
from engine.remote.links import Links
from engine.remote.pool import SessionPool
from engine.remote.session import MANY_AT_ONCE
from engine.remote.types import Endpoint, PublishRequest, PublishResult, StreamOutcome
from engine.transport.rates import RateCap
from engine.transport.serving import NodeDataServers
from tests.fleet import Fleet, FleetNode, openssh_fleet

NAMES = TemporaryNames("0" * 8, "1" * 8)
HERE = Endpoint("here", local=True)
Results = list[StreamOutcome | SyncdeckError]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("fleet"), count=2) as running:
        yield running


@pytest.fixture
async def pool(fleet: Fleet) -> AsyncIterator[SessionPool]:
    endpoints = {**{node.name: node.endpoint for node in fleet.nodes}, HERE.node_id: HERE}
    opened = SessionPool(endpoints.__getitem__, fleet.options())
    yield opened
    await opened.close()


def stat_of(path: Path) -> FileStat:
    found = path.stat()
    return FileStat(found.st_size, found.st_mtime_ns, found.st_ino)


def files_in(source: Path, target: Path, kind: FileKind = FileKind.PLAIN, check: bool = True) -> list[BatchFile]:
    return [
        BatchFile(
            str(path),
            NAMES.part(str(target / path.relative_to(source)), number, f"{number:012d}"),
            str(target),
            kind,
            stat_of(path),
            check,
        )
        for number, path in enumerate(sorted(p for p in source.rglob("*") if p.is_file()))
    ]


class Carry:
    """Carries batches from the first node to the second: through us, or over a connection of their own."""

    def __init__(self, fleet: Fleet, servers: NodeDataServers | None) -> None:
        self._fleet, self._servers = fleet, servers

    async def __call__(self, files: list[BatchFile], encoding: str = "binary", rate: RateCap | None = None) -> Results:
        source, target = self._fleet[0].endpoint, self._fleet[1].endpoint
        servers = self._servers

        async def offer(name: str, word: str) -> str:
            assert servers is not None
            url, refusal = await servers.batch_url(source, name, word, target)
            assert url is not None, refusal
            return url

        job = BatchJob(tuple(files), rate or RateCap(), encoding, 60.0, None if servers is None else offer)
        return await run_batch(source, target, job, self._fleet.options(), lambda number, done, wire: None, Links())


@pytest.fixture(params=["through us", "past us"])
async def carry(request: pytest.FixtureRequest, fleet: Fleet, pool: SessionPool) -> AsyncIterator[Carry]:
    if request.param == "through us":
        yield Carry(fleet, None)
        return
    policy = load(fleet.write_hosts()).policy
    servers = NodeDataServers(pool.get, fleet.options(), pool.links, lambda: policy, SystemClock())
    yield Carry(fleet, servers)
    await servers.close()


def ensure_arrived(file: BatchFile, result: StreamOutcome | SyncdeckError) -> None:
    assert isinstance(result, StreamOutcome), result
    written, content = Path(file.temp_path), Path(file.source_path).read_bytes()
    assert written.read_bytes() == content
    assert (result.sha256, result.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert result.temp_stat == stat_of(written)
    assert written.stat().st_mtime_ns == file.source_stat.mtime_ns


async def test_files_of_all_sizes_arrive_verified_in_folders_that_were_not_there(carry: Carry, tmp_path: Path) -> None:
    await ensure_all_sizes_arrive(carry, tmp_path, "binary")


async def test_files_of_all_sizes_arrive_as_text(fleet: Fleet, tmp_path: Path) -> None:
    await ensure_all_sizes_arrive(Carry(fleet, None), tmp_path, "base64")


async def ensure_all_sizes_arrive(carry: Carry, tmp_path: Path, encoding: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    target.mkdir()
    sizes = [1, 20_000, 512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, 3_000_000, *range(100, 160)]
    for number, size in enumerate(sizes):
        path = source / f"deep {number % 4}" / "er" / f"Ünï'\"$x {number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    files = files_in(source, target)
    for file, result in zip(files, await carry(files, encoding), strict=True):
        ensure_arrived(file, result)


async def test_each_file_fails_alone_with_its_class(carry: Carry, tmp_path: Path) -> None:
    source, target, outside = tmp_path / "source", tmp_path / "target", tmp_path / "outside"
    for folder in (source, target, outside):
        folder.mkdir()
    for name in ("a", "changed", "empty", "gone", "link", "short", "z"):
        (source / name).write_bytes(b"" if name == "empty" else name.encode() * 3000)
    (source / "torn.npz").write_bytes(b"PK\x03\x04" + os.urandom(2000))
    files = {Path(file.source_path).name: file for file in files_in(source, target)}
    files["torn.npz"] = files["torn.npz"]._replace(kind=FileKind.ZIP)
    files["out"] = files["a"]._replace(temp_path=NAMES.part(str(target / "way" / "x"), 90, "0" * 12))
    files["name"] = files["a"]._replace(temp_path=str(target / "games.db"))
    (target / "way").symlink_to(outside)
    (source / "changed").write_bytes(b"other" * 3000)
    (source / "gone").unlink()
    (source / "link").unlink()
    (source / "link").symlink_to(source / "a")
    os.truncate(source / "short", 10)
    results = dict(zip(files, await carry(list(files.values())), strict=True))
    for name in ("a", "z"):
        ensure_arrived(files[name], results[name])
    expected = {
        "changed": ErrorClass.SOURCE_CHANGED,
        "short": ErrorClass.SOURCE_CHANGED,
        "gone": ErrorClass.NOT_FOUND,
        "out": ErrorClass.CONFIG,
        "name": ErrorClass.BUG,
        "torn.npz": ErrorClass.CHECKSUM_MISMATCH,
        "empty": ErrorClass.CHECKSUM_MISMATCH,
    }
    found = {name: one.error_class for name, one in results.items() if isinstance(one, SyncdeckError)}
    assert {name: found[name] for name in expected} == expected and "link" in found
    assert isinstance(results["torn.npz"], SourceDamaged)
    assert not list(outside.iterdir())
    left = sorted(path.name for path in target.iterdir() if path.is_file())
    assert left == sorted(Path(files[name].temp_path).name for name in ("a", "z"))


async def test_a_temporary_file_that_somebody_still_writes_to_is_not_taken_over(carry: Carry, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "a").write_bytes(b"wanted" * 1000)
    files = files_in(source, target)
    with Path(files[0].temp_path).open("wb") as orphan:  # noqa: ASYNC230
        orphan.write(b"old" * 10_000)
        orphan.flush()
        (result,) = await carry(files)
        orphan.write(b"late")
    ensure_arrived(files[0], result)


async def half_way(carry: Carry, tmp_path: Path) -> tuple[list[BatchFile], asyncio.Task[list[Result]], Path]:
    """Start a slow batch, and return when some of its files are there."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    for number in range(30):
        (source / f"{number:02d}").write_bytes(os.urandom(200_000))
    files = files_in(source, target)
    carrying = asyncio.create_task(carry(files, rate=RateCap(1_000_000)))
    async with asyncio.timeout(60):
        while len(list(target.iterdir())) < 5:  # noqa: ASYNC110 - another process sends no event
            await asyncio.sleep(0.01)
    return files, carrying, target


def kill_agents(node: FleetNode) -> int:
    """Kill the agents that a node's sshd runs; return how many there were."""
    agents = [
        child
        for child in psutil.Process(node.server.pid).children(recursive=True)
        if "syncdeck-agent" in child.cmdline()
    ]
    for agent in agents:
        agent.kill()
    return len(agents)


async def test_a_sender_that_dies_leaves_what_was_whole_and_no_part(carry: Carry, fleet: Fleet, tmp_path: Path) -> None:
    files, carrying, target = await half_way(carry, tmp_path)
    assert kill_agents(fleet[0]) > 0
    results = await carrying
    arrived = [(file, one) for file, one in zip(files, results, strict=True) if isinstance(one, StreamOutcome)]
    for file, result in arrived:
        ensure_arrived(file, result)
    lost = [one for one in results if isinstance(one, SyncdeckError)]
    assert lost and all(one.error_class is ErrorClass.TRANSIENT_NETWORK for one in lost)
    assert arrived
    assert sorted(target.iterdir()) == sorted(Path(file.temp_path) for file, _ in arrived)


async def test_a_receiver_that_dies_before_its_flush_has_proved_nothing(
    carry: Carry, fleet: Fleet, tmp_path: Path
) -> None:
    _, carrying, _ = await half_way(carry, tmp_path)
    assert kill_agents(fleet[1]) > 0
    with pytest.raises(NodeUnreachable) as failure:
        await carrying
    assert failure.value.error_class is ErrorClass.TRANSIENT_NETWORK


async def test_a_rate_that_changes_is_heard_while_a_batch_runs(carry: Carry, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    for number in range(40):
        (source / f"{number:02d}").write_bytes(os.urandom(100_000))
    rate = RateCap(50_000)
    carrying = asyncio.create_task(carry(files_in(source, target), rate=rate))
    async with asyncio.timeout(60):
        while not list(target.iterdir()):  # noqa: ASYNC110 - another process sends no event
            await asyncio.sleep(0.01)
    assert len(list(target.iterdir())) < 40
    rate.set(None)
    async with asyncio.timeout(40):  # At the first rate it would take 80 s.
        results = await carrying
    assert all(isinstance(one, StreamOutcome) for one in results)


async def test_a_job_larger_than_the_pipe_is_written_though_the_senders_ssh_set_it_to_never_block() -> None:
    """Both are one pipe: the sender's ssh has the other descriptor of its end as its output."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    head = os.urandom(3_000_000)
    writing = asyncio.create_task(asyncio.to_thread(_write_head, os.dup(write_end), head))
    await asyncio.sleep(0.05)
    assert not writing.done()
    assert await asyncio.to_thread(frames.read_exactly, read_end, len(head)) == head
    await writing
    os.close(read_end)
    await asyncio.to_thread(_write_head, os.dup(write_end), head)  # The receiver is gone, and says why by itself.
    os.close(write_end)


async def test_a_node_out_of_reach_is_said_to_be(fleet: Fleet, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(b"a")
    gone = replace(fleet[1].endpoint, addresses=(replace(fleet[1].endpoint.addresses[0], port=1),))
    job = BatchJob(tuple(files_in(source, tmp_path)), RateCap(), "binary", 60.0)
    with pytest.raises(NodeUnreachable):
        await run_batch(fleet[0].endpoint, gone, job, fleet.options(), lambda number, done, wire: None, Links())


async def test_many_are_published_each_with_its_own_checks(fleet: Fleet, pool: SessionPool, tmp_path: Path) -> None:
    agent = await pool.get("node-1")
    requests = []
    for number in range(6):
        final = tmp_path / f"folder{number % 2}" / f"{number}.pth"
        final.parent.mkdir(exist_ok=True)
        temp = Path(NAMES.part(str(final), number, f"{number:012d}"))
        temp.write_bytes(b"new %d" % number)
        sha256 = hashlib.sha256(b"new %d" % number).hexdigest()
        requests.append(
            PublishRequest(str(temp), str(final), sha256, 5, 10**18, stat_of(temp), None, root=str(tmp_path))
        )
    Path(requests[1].final_path).write_bytes(b"somebody else's")
    Path(requests[2].temp_path).unlink()
    Path(requests[3].temp_path).write_bytes(b"bad content")
    requests[4] = replace(requests[4], final_path=str(tmp_path / ".." / "out.pth"))
    results = await agent.publish_many(requests)
    said = [one.outcome if isinstance(one, PublishResult) else one.error_class for one in results]
    wrong = [ErrorClass.NOT_FOUND, ErrorClass.CHECKSUM_MISMATCH, ErrorClass.CONFIG]
    assert said == ["published", "conflict", *wrong, "published"]
    assert Path(requests[1].final_path).read_bytes() == b"somebody else's"
    for number in (0, 5):
        final = Path(requests[number].final_path)
        assert final.read_bytes() == b"new %d" % number
        assert (final.stat().st_mtime_ns, final.stat().st_mode & 0o777) == (10**18, 0o644)
    again = await agent.publish_many([requests[0], requests[5]])
    assert [one.outcome for one in again if isinstance(one, PublishResult)] == ["already", "already"]


async def test_many_are_hashed_and_looked_at_in_one_request(pool: SessionPool, tmp_path: Path) -> None:
    agent = await pool.get("node-1")
    for number in range(5):
        (tmp_path / f"{number}.npz").write_bytes(b"%d" % number)
    paths = [str(tmp_path / f"{number}.npz") for number in range(6)]
    hashed = await agent.hash_many([(path, FileKind.ZIP) for path in paths])
    for number, one in enumerate(hashed[:5]):
        single = await agent.hash(paths[number], FileKind.ZIP)
        assert one == single
    assert isinstance(hashed[5], SyncdeckError) and hashed[5].error_class is ErrorClass.NOT_FOUND
    assert await agent.stat_many(paths) == [await agent.stat(path) for path in paths]


async def test_more_than_one_request_takes_keeps_its_order_and_every_failure_its_place(
    pool: SessionPool, tmp_path: Path
) -> None:
    agent = await pool.get("node-1")
    count, missing = 3 * MANY_AT_ONCE + 7, {0, MANY_AT_ONCE, 2 * MANY_AT_ONCE + 5, 3 * MANY_AT_ONCE + 6}
    requests = []
    for number in range(count):
        temp = Path(NAMES.part(str(tmp_path / f"{number}.pth"), number, f"{number:012d}"))
        temp.write_bytes(b"%d" % number)
        found = stat_of(temp)
        sha256 = hashlib.sha256(b"%d" % number).hexdigest()
        final = str(tmp_path / f"{number}.pth")
        size = found.size_bytes
        requests.append(PublishRequest(str(temp), final, sha256, size, found.mtime_ns, found, None, root=str(tmp_path)))
        if number in missing:
            temp.unlink()
    results = await agent.publish_many(requests)
    wrong = {number for number, one in enumerate(results) if isinstance(one, SyncdeckError)}
    assert wrong == missing and len(results) == count
    stats = await agent.stat_many([request.final_path for request in requests])
    for number in set(range(count)) - missing:
        result = results[number]
        assert isinstance(result, PublishResult) and result.outcome == "published"
        assert result.stat == stats[number] == stat_of(tmp_path / f"{number}.pth")
        assert (tmp_path / f"{number}.pth").read_bytes() == b"%d" % number
    assert [number for number, stat in enumerate(stats) if stat is None] == sorted(missing)


async def test_requests_for_many_that_are_given_up_leave_the_session_of_use(pool: SessionPool, tmp_path: Path) -> None:
    agent = await pool.get("node-1")
    (tmp_path / "a").write_bytes(b"a")
    asked = asyncio.create_task(agent.hash_many([(str(tmp_path / "a"), FileKind.PLAIN)] * (20 * MANY_AT_ONCE)))
    await asyncio.sleep(0.01)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await agent.stat_many([str(tmp_path / "a")] * 3) == [stat_of(tmp_path / "a")] * 3


async def test_looks_that_wait_for_each_other_end_also_when_one_is_given_up(pool: SessionPool, tmp_path: Path) -> None:
    agent = await pool.get("node-1")
    (tmp_path / "a").write_bytes(b"a")
    paths = [str(tmp_path / "a")] * (3 * MANY_AT_ONCE)
    first, given_up, last = (asyncio.create_task(agent.stat_many(paths)) for _ in range(3))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await first == await last == [stat_of(tmp_path / "a")] * len(paths)
    with pytest.raises(asyncio.CancelledError):
        await given_up


def test_one_flush_for_all_is_made_only_where_it_tells_errors_and_waits_for_little_else() -> None:
    quiet = "Dirty:   100 kB\nWriteback:   0 kB\n"
    assert may_flush_all(0, "6.1.0-18-amd64", quiet)
    assert may_flush_all(0, "5.8.0", quiet)
    assert not may_flush_all(0, "5.4.0-generic", quiet)
    assert not may_flush_all(0, "unknown", quiet)
    busy = "Dirty:   9000000 kB\nWriteback:   0 kB\n"
    assert not may_flush_all(0, "6.1.0", busy)
    assert may_flush_all(10_000_000_000, "6.1.0", busy)


def test_for_many_files_one_flush_may_wait_for_more_than_for_few() -> None:
    some = "Dirty:   300000 kB\nWriteback:   1000 kB\n"
    assert not may_flush_all(0, "6.1.0", some, count=100)
    assert may_flush_all(0, "6.1.0", some, count=4_000)
    assert not may_flush_all(0, "6.1.0", "Dirty:   9000000 kB\n", count=4_000)
    assert not may_flush_all(0, "5.4.0", some, count=4_000)


def test_a_flush_tells_which_files_it_could_not_flush(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x")
    paths = [str(tmp_path / name) for name in ("a", "b", "gone")]
    assert set(flush(paths, 2)) == {paths[2]}
    assert set(flush_each(paths)) == {paths[2]}
