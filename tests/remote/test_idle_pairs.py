"""Agents that carried a batch wait for the next one, and no longer than they should."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind, FileStat
from engine.remote.batch import Result, run_batch
from engine.remote.batch_types import BatchFile, BatchJob
from engine.remote.idle_pairs import MOST_AT_A_NODE, IdlePairs
from engine.remote.links import Links
from engine.remote.pool import SessionPool
from engine.remote.types import StreamOutcome
from engine.transport.rates import RateCap
from tests.fleet import Fleet, FleetNode, openssh_fleet

NAMES = TemporaryNames("0" * 8, "1" * 8)
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("fleet"), count=2) as running:
        yield running


def opened(fleet: Fleet, idle: IdlePairs | None = None) -> SessionPool:
    endpoints = {node.name: node.endpoint for node in fleet.nodes}
    return SessionPool(endpoints.__getitem__, fleet.options(), Links(idle=idle))


@pytest.fixture
async def pool(fleet: Fleet) -> AsyncIterator[SessionPool]:
    pool = opened(fleet)
    await asyncio.gather(*(pool.get(node.name) for node in fleet.nodes))
    yield pool
    await pool.close()


class Batches:
    """Small batches from the first node to the second, each into a folder of its own."""

    def __init__(self, fleet: Fleet, pool: SessionPool, folder: Path) -> None:
        self._fleet, self._pool, self._folder = fleet, pool, folder
        self._count = 0

    def files(self, count: int, size: int) -> list[BatchFile]:
        """Make the files of the next batch."""
        self._count += 1
        source, target = self._folder / f"source{self._count}", self._folder / f"target{self._count}"
        source.mkdir()
        target.mkdir()
        files = []
        for number in range(count):
            path = source / f"{number}.pth"
            path.write_bytes(os.urandom(size))
            found = path.stat()
            stat = FileStat(found.st_size, found.st_mtime_ns, found.st_ino)
            temp = NAMES.part(str(target / path.name), number, f"{number:012d}")
            files.append(BatchFile(str(path), temp, str(target), FileKind.PLAIN, stat, False))
        return files

    async def carry(self, files: list[BatchFile], encoding: str = "binary", rate: RateCap | None = None) -> None:
        """Carry a batch, and see that all of it arrived."""
        for file, result in zip(files, await self.results(files, encoding, rate), strict=True):
            assert isinstance(result, StreamOutcome), result
            assert Path(file.temp_path).read_bytes() == Path(file.source_path).read_bytes()

    async def results(self, files: list[BatchFile], encoding: str, rate: RateCap | None) -> list[Result]:
        """Carry a batch; return what became of each file."""
        job = BatchJob(tuple(files), rate or RateCap(), encoding, 60.0)
        ends = self._fleet[0].endpoint, self._fleet[1].endpoint
        return await run_batch(*ends, job, self._fleet.options(), ignore, self._pool.links)


def ignore(number: int, done: int, wire: int) -> None:
    """No one looks at the progress."""


@pytest.fixture
def batches(fleet: Fleet, pool: SessionPool, tmp_path: Path) -> Batches:
    return Batches(fleet, pool, tmp_path)


def agents_of(*nodes: FleetNode) -> set[int]:
    """Return the agents that the nodes' servers run, control sessions too."""
    found = set()
    for node in nodes:
        for process in psutil.Process(node.server.pid).children(recursive=True):
            try:
                if "syncdeck-agent" in process.cmdline():
                    found.add(process.pid)
            except psutil.NoSuchProcess:
                continue
    return found


async def gone(before: set[int], *nodes: FleetNode) -> None:
    """Return when of the nodes' agents only those of before are there."""
    async with asyncio.timeout(30):
        while agents_of(*nodes) - before:  # noqa: ASYNC110 - another process sends no event
            await asyncio.sleep(0.01)


async def test_the_next_batch_is_carried_by_the_same_agents(fleet: Fleet, batches: Batches) -> None:
    await batches.carry(batches.files(5, 20_000))
    agents = agents_of(*fleet.nodes)
    assert len(agents) == 4
    await batches.carry(batches.files(1, 700_000), encoding="base64")
    await batches.carry(batches.files(300, 100))
    assert agents_of(*fleet.nodes) == agents


async def test_a_batch_has_its_own_rate_whatever_that_of_the_one_before(fleet: Fleet, batches: Batches) -> None:
    slow = RateCap(200_000)
    await batches.carry(batches.files(3, 20_000), rate=slow)
    slow.set(1)
    async with asyncio.timeout(30):  # At the first rate it would take 50 s.
        await batches.carry(batches.files(100, 100_000))


async def test_a_file_that_failed_does_not_end_the_agents(fleet: Fleet, batches: Batches) -> None:
    files = batches.files(3, 1_000)
    Path(files[1].source_path).unlink()
    results = await batches.results(files, "binary", None)
    assert [isinstance(one, StreamOutcome) for one in results] == [True, False, True]
    agents = agents_of(*fleet.nodes)
    await batches.carry(batches.files(2, 1_000))
    assert agents_of(*fleet.nodes) == agents


@pytest.mark.parametrize("end", [0, 1])
async def test_a_batch_arrives_though_an_agent_died_while_it_waited(fleet: Fleet, batches: Batches, end: int) -> None:
    sessions = agents_of(*fleet.nodes)
    await batches.carry(batches.files(1, 10))
    (waiting,) = agents_of(fleet[end]) - sessions
    psutil.Process(waiting).kill()
    await batches.carry(batches.files(3, 1_000))


async def test_agents_end_when_nothing_came_for_a_while(fleet: Fleet, tmp_path: Path) -> None:
    pool = opened(fleet, IdlePairs(idle_seconds=0.01))
    await asyncio.gather(*(pool.get(node.name) for node in fleet.nodes))
    sessions = agents_of(*fleet.nodes)
    batches = Batches(fleet, pool, tmp_path)
    await batches.carry(batches.files(1, 10))
    await gone(sessions, *fleet.nodes)
    assert len(pool.links.idle) == 0 and agents_of(*fleet.nodes) == sessions
    await pool.close()


async def test_agents_end_with_the_session_of_either_node(fleet: Fleet, pool: SessionPool, batches: Batches) -> None:
    for node in fleet.nodes:
        sessions = agents_of(*fleet.nodes)
        await batches.carry(batches.files(1, 10))
        assert len(agents_of(*fleet.nodes) - sessions) == 2
        await pool.drop(node.name)
        await gone(sessions, *fleet.nodes)
        await pool.get(node.name)


async def test_agents_do_not_wait_where_there_is_no_session(fleet: Fleet, tmp_path: Path) -> None:
    before = agents_of(*fleet.nodes)
    pool = opened(fleet)
    batches = Batches(fleet, pool, tmp_path)
    await batches.carry(batches.files(1, 10))
    await gone(before, *fleet.nodes)
    await pool.close()


async def test_no_agent_is_left_when_the_pool_was_closed(fleet: Fleet, tmp_path: Path) -> None:
    before = agents_of(*fleet.nodes)
    pool = opened(fleet)
    await asyncio.gather(*(pool.get(node.name) for node in fleet.nodes))
    batches = Batches(fleet, pool, tmp_path)
    await batches.carry(batches.files(1, 10))
    await pool.close()
    assert not [child for child in psutil.Process().children() if "batch" in " ".join(child.cmdline())]
    await gone(before, *fleet.nodes)


async def test_only_a_few_wait_at_a_node(fleet: Fleet, pool: SessionPool, batches: Batches) -> None:
    sessions = agents_of(*fleet.nodes)
    many = [batches.files(40, 50_000) for _ in range(MOST_AT_A_NODE + 2)]
    await asyncio.gather(*(batches.carry(files) for files in many))
    assert len(pool.links.idle) == MOST_AT_A_NODE
    async with asyncio.timeout(30):
        while len(agents_of(*fleet.nodes) - sessions) > 2 * MOST_AT_A_NODE:  # noqa: ASYNC110 - others send no event
            await asyncio.sleep(0.01)


async def test_agents_that_wait_end_with_an_engine_that_is_killed(
    fleet: Fleet, batches: Batches, tmp_path: Path
) -> None:
    before = agents_of(*fleet.nodes)
    (file,) = batches.files(1, 1_000)
    told = {
        "nodes": [{"name": node.name, "port": node.port} for node in fleet.nodes],
        "user": fleet.user,
        "identity": str(fleet.identity),
        "known_hosts": str(fleet.known_hosts),
        "control": str(fleet.options().control_dir),
        "path": file.source_path,
        "temp_path": file.temp_path,
        "stat": [file.source_stat.size_bytes, file.source_stat.mtime_ns, file.source_stat.inode],
    }
    command = [sys.executable, "-m", "tests.remote.idle_engine", json.dumps(told)]
    engine = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE)
    assert engine.stdout is not None
    assert await engine.stdout.readline() == b"idle\n"
    assert len(agents_of(*fleet.nodes) - before) == 4
    engine.kill()
    await engine.wait()
    await gone(before, *fleet.nodes)
