"""Streams between real sshds: exact bytes, resumed, damaged or interrupted, and nobody survives a kill."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from config.types import Address
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.model import FileKind, FileStat
from engine.remote.links import Links
from engine.remote.stream import run_stream
from engine.remote.types import Endpoint, StreamJob
from tests.fleet import Fleet, FleetNode, openssh_fleet
from tests.fleet_sshd import free_port, wait_for_the_end_of

MIB = 1 << 20
LOCAL = Endpoint("own", local=True)
TEMP = ".a.npz.syncdeck-01234567-89abcdef-1-0123456789ab.part"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("streams"), count=2) as running:
        yield running


def random_file(path: Path, size: int) -> Path:
    path.write_bytes(random.Random(size).randbytes(size))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def job_for(path: Path, target: Path, **changes: object) -> StreamJob:
    job = StreamJob(
        source_path=str(path),
        temp_path=str(target / TEMP),
        size_bytes=path.stat().st_size,
        content_id="0123456789ab",
        kind=FileKind.PLAIN,
    )
    return replace(job, **changes)  # type: ignore[arg-type]


def ignore(done: int, on_wire: int) -> None:
    """No one looks at the progress."""


def agents_of(node: FleetNode) -> list[psutil.Process]:
    started = psutil.Process(node.server.pid).children(recursive=True)
    return [process for process in started if "syncdeck-agent" in process.cmdline()]


@pytest.mark.parametrize("encoding", ["binary", "base64"])
@pytest.mark.parametrize("size", [0, 1, MIB, 5 * MIB + 17])
async def test_bytes_arrive_exactly_between_two_nodes(fleet: Fleet, tmp_path: Path, size: int, encoding: str) -> None:
    path = random_file(tmp_path / "a", size)
    job = job_for(path, tmp_path, encoding=encoding)
    outcome = await run_stream(fleet[0].endpoint, fleet[1].endpoint, job, fleet.options(), ignore)
    assert outcome.sha256 == sha256(path) == sha256(tmp_path / TEMP)
    assert outcome.size_bytes == size and outcome.bytes_on_wire >= size
    assert outcome.temp_stat.size_bytes == size


@pytest.mark.parametrize("local_source", [True, False])
async def test_either_end_may_be_the_engines_own_node(fleet: Fleet, tmp_path: Path, local_source: bool) -> None:
    path = random_file(tmp_path / "a", 3 * MIB)
    ends = (LOCAL, fleet[0].endpoint) if local_source else (fleet[0].endpoint, LOCAL)
    outcome = await run_stream(*ends, job_for(path, tmp_path), fleet.options(), ignore)
    assert outcome.sha256 == sha256(path)


async def test_what_compresses_is_compressed_and_what_does_not_is_not(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"".join(b"game %d move e4\n" % number for number in range(300_000)))
    outcome = await run_stream(fleet[0].endpoint, LOCAL, job_for(path, tmp_path), fleet.options(), ignore)
    assert outcome.compressed and outcome.bytes_on_wire < path.stat().st_size / 2
    assert outcome.sha256 == sha256(path) == sha256(tmp_path / TEMP)
    (tmp_path / TEMP).unlink()
    path = random_file(tmp_path / "b", 2 * MIB)
    outcome = await run_stream(fleet[0].endpoint, LOCAL, job_for(path, tmp_path), fleet.options(), ignore)
    assert not outcome.compressed


@pytest.mark.parametrize("compressible", [True, False])
async def test_a_partial_file_is_resumed_and_proven_as_a_whole(
    fleet: Fleet, tmp_path: Path, compressible: bool
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"game e4 e5\n" * 800_000 if compressible else random.Random(3).randbytes(8 * MIB))
    (tmp_path / TEMP).write_bytes(path.read_bytes()[: 5 * MIB + 1000])
    outcome = await run_stream(fleet[0].endpoint, LOCAL, job_for(path, tmp_path), fleet.options(), ignore)
    assert outcome.resumed_bytes == 5 * MIB
    assert outcome.bytes_on_wire < 4 * MIB
    assert outcome.sha256 == sha256(path) == sha256(tmp_path / TEMP)


async def test_a_partial_file_that_was_torn_by_a_power_cut_is_found_out_and_removed(
    tmp_path: Path, fleet: Fleet
) -> None:
    path = random_file(tmp_path / "a", 4 * MIB)
    (tmp_path / TEMP).write_bytes(bytes(2 * MIB))
    with pytest.raises(SyncdeckError) as failure:
        await run_stream(LOCAL, LOCAL, job_for(path, tmp_path), fleet.options(), ignore)
    assert failure.value.error_class is ErrorClass.CHECKSUM_MISMATCH
    assert not (tmp_path / TEMP).exists()


async def test_a_noisy_login_shell_on_both_ends_breaks_nothing(tmp_path: Path) -> None:
    path = random_file(tmp_path / "a", 2 * MIB)
    with openssh_fleet(tmp_path, count=2, noisy=True) as noisy:
        outcome = await run_stream(
            noisy[0].endpoint, noisy[1].endpoint, job_for(path, tmp_path), noisy.options(), ignore
        )
    assert outcome.sha256 == sha256(path)


async def test_a_source_that_is_not_what_was_seen_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    path = random_file(tmp_path / "a", MIB)
    job = job_for(path, tmp_path, source_stat=FileStat(MIB, 1))
    with pytest.raises(SyncdeckError) as failure:
        await run_stream(fleet[0].endpoint, fleet[1].endpoint, job, fleet.options(), ignore)
    assert failure.value.error_class is ErrorClass.SOURCE_CHANGED
    assert "node-0" in failure.value.subject


async def test_a_missing_source_and_an_unwritable_target_are_told_apart(fleet: Fleet, tmp_path: Path) -> None:
    path = random_file(tmp_path / "a", MIB)
    job = job_for(path, tmp_path, source_path=str(tmp_path / "absent"))
    with pytest.raises(SyncdeckError) as failure:
        await run_stream(fleet[0].endpoint, LOCAL, job, fleet.options(), ignore)
    assert (failure.value.error_class, failure.value.subject) == (ErrorClass.NOT_FOUND, "node-0")
    job = job_for(path, Path("/proc"))
    with pytest.raises(SyncdeckError) as failure:
        await run_stream(fleet[0].endpoint, LOCAL, job, fleet.options(), ignore)
    assert failure.value.subject == "own"


async def test_a_file_that_cannot_fit_is_refused_before_the_first_byte(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    os.truncate(path, 1 << 43)
    with pytest.raises(SyncdeckError) as failure:
        await run_stream(LOCAL, fleet[0].endpoint, job_for(path, tmp_path), fleet.options(), ignore)
    assert (failure.value.error_class, failure.value.subject) == (ErrorClass.NO_SPACE, "node-0")


async def test_a_damaged_source_never_becomes_a_verified_copy(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("features.npy", random.Random(1).randbytes(3 * MIB))
    damaged = bytearray(path.read_bytes())
    damaged[MIB] ^= 1
    path.write_bytes(damaged)
    job = job_for(path, tmp_path, kind=FileKind.ZIP, check_source=True)
    with pytest.raises(SyncdeckError) as failure:
        await run_stream(fleet[0].endpoint, fleet[1].endpoint, job, fleet.options(), ignore)
    assert failure.value.error_class is ErrorClass.CHECKSUM_MISMATCH and failure.value.subject == "node-0"


async def test_a_sound_database_passes_its_check_while_it_travels(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE games (game_id TEXT)")
        connection.executemany("INSERT INTO games VALUES (?)", ((str(number),) for number in range(20_000)))
    connection.close()
    job = job_for(path, tmp_path, kind=FileKind.SQLITE, check_source=True)
    assert (await run_stream(fleet[0].endpoint, LOCAL, job, fleet.options(), ignore)).sha256 == sha256(path)


async def test_a_target_outside_its_root_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    path = random_file(tmp_path / "a", 10)
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    for folder in (tmp_path / "outside", tmp_path / "root" / "link", tmp_path / "root" / ".." / "outside"):
        job = job_for(path, folder, root=str(tmp_path / "root"))
        with pytest.raises(SyncdeckError) as failure:
            await run_stream(LOCAL, fleet[0].endpoint, job, fleet.options(), ignore)
        assert failure.value.error_class is ErrorClass.CONFIG
    assert not list((tmp_path / "outside").iterdir())


async def test_the_rate_is_kept(fleet: Fleet, tmp_path: Path) -> None:
    path = random_file(tmp_path / "a", 2 * MIB)
    job = job_for(path, tmp_path, bytes_per_second=2 * MIB)
    outcome = await run_stream(LOCAL, fleet[0].endpoint, job, fleet.options(), ignore)
    assert outcome.duration_seconds > 0.7


class Slow:
    """Runs a slow stream and waits until some of it was written."""

    def __init__(self, fleet: Fleet, tmp_path: Path, ends: tuple[Endpoint, Endpoint] | None = None) -> None:
        self.path = random_file(tmp_path / "a", 24 * MIB)
        self.job = job_for(self.path, tmp_path, bytes_per_second=4 * MIB)
        self.ends = ends or (fleet[0].endpoint, fleet[1].endpoint)
        self.options = fleet.options()
        self.moving = asyncio.Event()
        self.task = asyncio.create_task(run_stream(*self.ends, self.job, self.options, self._progress))

    def _progress(self, done: int, on_wire: int) -> None:
        if done > 2 * MIB:
            self.moving.set()

    async def started(self) -> None:
        waiting = asyncio.create_task(self.moving.wait())
        await asyncio.wait([waiting, self.task], return_when=asyncio.FIRST_COMPLETED)
        assert self.moving.is_set(), self.task

    async def resumed(self) -> int:
        job = replace(self.job, bytes_per_second=None)
        outcome = await run_stream(*self.ends, job, self.options, ignore)
        assert outcome.sha256 == sha256(self.path)
        return outcome.resumed_bytes


@pytest.mark.parametrize("victim", [0, 1])
async def test_a_stream_goes_on_where_it_was_after_an_end_was_killed(fleet: Fleet, tmp_path: Path, victim: int) -> None:
    slow = Slow(fleet, tmp_path)
    await slow.started()
    for process in agents_of(fleet[victim]):
        process.kill()
    with pytest.raises(NodeUnreachable) as failure:
        await slow.task
    assert failure.value.error_class is ErrorClass.TRANSIENT_NETWORK
    assert failure.value.subject == f"node-{victim}"
    assert await slow.resumed() >= 2 * MIB


async def test_cancelling_ends_both_children_and_keeps_what_arrived(fleet: Fleet, tmp_path: Path) -> None:
    slow = Slow(fleet, tmp_path)
    await slow.started()
    remote = agents_of(fleet[0]) + agents_of(fleet[1])
    local = {process.pid for process in psutil.Process().children() if process.name() == "ssh"}
    assert len(remote) == 2 and local
    slow.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow.task
    assert not local & {process.pid for process in psutil.Process().children()}
    wait_for_the_end_of(remote)
    assert await slow.resumed() >= 2 * MIB


async def test_a_stalled_stream_is_given_up(fleet: Fleet, tmp_path: Path) -> None:
    slow = Slow(fleet, tmp_path)
    await slow.started()
    slow.task.cancel()
    await asyncio.gather(slow.task, return_exceptions=True)
    job = replace(slow.job, stall_timeout_seconds=1.0)
    stopped: list[psutil.Process] = []

    def stop(done: int, on_wire: int) -> None:
        if done > 4 * MIB and not stopped:
            stopped.extend(agents_of(fleet[0]))
            for process in stopped:
                process.suspend()

    try:
        with pytest.raises(SyncdeckError, match="nothing moved"):
            await run_stream(fleet[0].endpoint, fleet[1].endpoint, job, fleet.options(), stop)
    finally:
        for process in stopped:
            process.kill()


ENGINE = """
import asyncio, pickle, sys
from engine.remote.stream import run_stream
source, target, job, options = pickle.load(sys.stdin.buffer)
def progress(done, on_wire):
    if done > 2 << 20:
        print("moving", flush=True)
asyncio.run(run_stream(source, target, job, options, progress))
"""


@pytest.mark.parametrize("ends", ["remote to remote", "local to remote", "remote to local"])
async def test_nothing_of_a_stream_survives_an_engine_killed_with_sigkill(
    fleet: Fleet, tmp_path: Path, ends: str
) -> None:
    import pickle

    path = random_file(tmp_path / "a", 24 * MIB)
    job = job_for(path, tmp_path, bytes_per_second=4 * MIB)
    pick: Callable[[str, int], Endpoint] = lambda end, index: fleet[index].endpoint if end == "remote" else LOCAL  # noqa: E731
    source, target = pick(ends.split(" to ")[0], 0), pick(ends.split(" to ")[1], 1)
    engine = subprocess.Popen(  # noqa: ASYNC220 - the engine of this test is the child
        [sys.executable, "-c", ENGINE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert engine.stdin is not None and engine.stdout is not None
    pickle.dump((source, target, job, fleet.options()), engine.stdin)
    engine.stdin.close()
    assert await asyncio.to_thread(engine.stdout.readline) == b"moving\n"
    family = psutil.Process(engine.pid).children(recursive=True) + agents_of(fleet[0]) + agents_of(fleet[1])
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    engine.stdout.close()
    wait_for_the_end_of(family)
    outcome = await run_stream(source, target, replace(job, bytes_per_second=None), fleet.options(), ignore)
    assert outcome.resumed_bytes >= 2 * MIB and outcome.sha256 == sha256(path)


async def test_an_unreachable_end_is_named_and_its_next_address_is_tried(fleet: Fleet, tmp_path: Path) -> None:
    path = random_file(tmp_path / "a", MIB)
    nowhere = Address("127.0.0.1", free_port())
    lost = replace(fleet[1].endpoint, addresses=(nowhere,))
    with pytest.raises(NodeUnreachable) as failure:
        await run_stream(fleet[0].endpoint, lost, job_for(path, tmp_path), fleet.options(), ignore)
    assert (failure.value.state, failure.value.subject) == ("refused", "node-1")
    found = replace(fleet[1].endpoint, addresses=(nowhere, *fleet[1].endpoint.addresses))
    links = Links()
    job = job_for(path, tmp_path)
    outcome = await run_stream(fleet[0].endpoint, found, job, fleet.options(), ignore, links=links)
    assert outcome.sha256 == sha256(path)
    assert links.addresses(found)[0] == fleet[1].endpoint.addresses[0]
