"""Batches from a data server: whatever becomes of their connection, each file is verified or failed, no end stays."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from config.load import load
from engine.clock import SystemClock
from engine.errors import ErrorClass, SyncdeckError
from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind, FileStat
from engine.remote.agent.batch_format import FILES, Piece, covered, tail_of, unseal
from engine.remote.agent.chunks import HEADER, ChunkReader, ChunkWriter
from engine.remote.batch import Result, run_batch
from engine.remote.batch_types import BatchFile, BatchJob
from engine.remote.pool import SessionPool
from engine.remote.types import StreamOutcome
from engine.transport.rates import RateCap
from engine.transport.serving import NodeDataServers
from tests.faults.proxy import NO_FAULT, Fault, Kind, Proxy
from tests.fleet import Fleet, openssh_fleet
from tests.remote.test_idle_pairs import agents_of, gone
from tests.transport.serving_raw import Client

NAMES = TemporaryNames("0" * 8, "1" * 8)
COUNT, SIZE = 30, 100_000
FAULTS = {
    "delay": Fault(Kind.DELAY, seconds=0.002),
    "cut-by-bytes": Fault(Kind.CUT_BY_BYTES, after_bytes=1_000_000),
    "corrupt": Fault(Kind.CORRUPT, after_bytes=1_000_000),
    "truncate": Fault(Kind.TRUNCATE, after_bytes=1_000_000),
    "black-hole": Fault(Kind.BLACK_HOLE),
    "silent": Fault(Kind.SILENT, after_bytes=1_000_000),
    "reset-on-connect": Fault(Kind.RESET_ON_CONNECT),
    "reset-midway": Fault(Kind.RESET, after_bytes=1_000_000),
}
STALL_SECONDS = {"black-hole": 2.0, "silent": 2.0}
Rewrite = Callable[[str], str]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("fleet"), count=2) as running:
        yield running


class Ground:
    """Carries files from the first node to the second over a way that tests may put something into."""

    def __init__(self, fleet: Fleet, pool: SessionPool, servers: NodeDataServers, folder: Path) -> None:
        self.fleet, self.pool, self.servers = fleet, pool, servers
        self.source, self.target = folder / "source", folder / "target"
        self.source.mkdir()
        self.target.mkdir()

    def files(self, count: int = COUNT, size: int = SIZE) -> list[BatchFile]:
        """Make the files of a batch."""
        files = []
        for number in range(count):
            path = self.source / f"{number:02d}.pth"
            path.write_bytes(os.urandom(size))
            found = path.stat()
            stat = FileStat(found.st_size, found.st_mtime_ns, found.st_ino)
            temp = NAMES.part(str(self.target / path.name), number, f"{number:012d}")
            files.append(BatchFile(str(path), temp, str(self.target), FileKind.PLAIN, stat, False))
        return files

    async def carry(
        self,
        files: list[BatchFile],
        way: Rewrite | None = None,
        stall_seconds: float = 60.0,
        rate: RateCap | None = None,
    ) -> list[Result]:
        """Return what became of each file, the connection going where ``way`` says."""
        source, target = self.fleet[0].endpoint, self.fleet[1].endpoint

        async def offer(name: str, word: str) -> str:
            url, refusal = await self.servers.batch_url(source, name, word, target)
            assert url is not None, refusal
            return url if way is None else way(url)

        job = BatchJob(tuple(files), rate or RateCap(), "binary", stall_seconds, offer)
        links = self.pool.links
        return await run_batch(source, target, job, self.fleet.options(), lambda number, done, wire: None, links)


@pytest.fixture
async def ground(fleet: Fleet, tmp_path: Path) -> AsyncIterator[Ground]:
    pool = SessionPool({node.name: node.endpoint for node in fleet.nodes}.__getitem__, fleet.options())
    await asyncio.gather(*(pool.get(node.name) for node in fleet.nodes))
    policy = load(fleet.write_hosts(tmp_path / "hosts.yaml")).policy
    servers = NodeDataServers(pool.get, fleet.options(), pool.links, lambda: policy, SystemClock())
    yield Ground(fleet, pool, servers, tmp_path)
    await servers.close()
    await pool.close()


def arrived(files: list[BatchFile], results: list[Result]) -> list[BatchFile]:
    """Return the files that arrived, each of them exactly as it is at its source."""
    whole = []
    for file, result in zip(files, results, strict=True):
        if isinstance(result, StreamOutcome):
            content = Path(file.source_path).read_bytes()
            assert Path(file.temp_path).read_bytes() == content
            assert result.sha256 == hashlib.sha256(content).hexdigest()
            whole.append(file)
    return whole


@contextmanager
def again(url: str) -> Iterator[Client]:
    """Ask for a batch a second time."""
    parts = urlsplit(url)
    assert parts.port is not None
    client = Client(parts.port)
    client.say(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    try:
        assert client.answer().status == 200
        yield client
    finally:
        client.close()


async def only_idle(ground: Ground, before: set[int]) -> None:
    """Return when of the agents that were started only those are left that wait for another batch."""
    async with asyncio.timeout(30):
        while len(agents_of(*ground.fleet.nodes) - before) != 2 * len(ground.pool.links.idle):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def through(proxy: Proxy) -> Rewrite:
    """Lead a connection through a proxy."""

    def rewritten(url: str) -> str:
        parts = urlsplit(url)
        assert parts.port is not None
        proxy.to_port = parts.port
        return urlunsplit(parts._replace(netloc=f"127.0.0.1:{proxy.port}"))

    return rewritten


@pytest.mark.parametrize("name", FAULTS)
async def test_a_faulty_way_ends_each_file_verified_or_failed_and_the_next_batch_arrives(
    ground: Ground, name: str
) -> None:
    nodes = ground.fleet.nodes
    await ground.servers.refusal(ground.fleet[0].endpoint, ground.fleet[1].endpoint)  # Starts the data server.
    before, files = agents_of(*nodes), ground.files()
    with Proxy(0, FAULTS[name], seed=5) as proxy:
        results = await ground.carry(files, through(proxy), STALL_SECONDS.get(name, 60.0))
        assert name == "delay" or proxy.struck
        whole = arrived(files, results)
        failed = [one for one in results if isinstance(one, SyncdeckError)]
        assert (name == "delay") == (not failed)
        assert {one.error_class for one in failed} <= {ErrorClass.TRANSIENT_NETWORK}
        assert all(one.remedy for one in failed)
        await only_idle(ground, before)
        proxy.fault = NO_FAULT
        left = [file for file in files if file not in whole]
        assert arrived(left, await ground.carry(left, through(proxy))) == left


async def test_what_was_changed_on_the_way_together_with_its_hash_is_not_believed(ground: Ground) -> None:
    files = ground.files(count=3, size=5_000)
    async with _Forger() as forger:
        results = await ground.carry(files, forger.way)
    assert isinstance(results[0], SyncdeckError), "what arrived was taken for what the source sent"
    assert results[0].error_class is ErrorClass.CHECKSUM_MISMATCH and "changed on the way" in str(results[0].cause)
    assert arrived(files, results) == files[1:]


async def test_a_batch_that_runs_goes_on_without_its_data_server_and_the_next_starts_another(ground: Ground) -> None:
    files = ground.files()
    endpoint = ground.fleet[0].endpoint
    rate = RateCap(1_000_000)
    carrying = asyncio.create_task(ground.carry(files, rate=rate))
    async with asyncio.timeout(60):
        while len(list(ground.target.iterdir())) < 3:  # noqa: ASYNC110 - another process sends no event
            await asyncio.sleep(0.01)
    await ground.servers.close()
    rate.set(None)
    assert arrived(files, await carrying) == files
    policy = load(ground.fleet.write_hosts()).policy
    options, links = ground.fleet.options(), ground.pool.links
    ground.servers = NodeDataServers(ground.pool.get, options, links, lambda: policy, SystemClock())
    try:
        assert await ground.servers.refusal(endpoint, ground.fleet[1].endpoint) is None
        for file in files:
            Path(file.temp_path).unlink()
        assert arrived(files, await ground.carry(files)) == files
    finally:
        await ground.servers.close()


async def test_the_same_agents_carry_the_next_batch_and_none_that_goes_through_us(ground: Ground) -> None:
    nodes, (first, second) = ground.fleet.nodes, (ground.files(2), ground.files(2))
    used: list[str] = []
    await ground.carry(first, lambda url: used.append(url) or url)  # type: ignore[func-returns-value]
    once = agents_of(*nodes)
    with again(used[0]) as client:
        assert arrived(second, await ground.carry(second)) == second
        assert client.ended(), "who used a URL again got what the next batch was to get"
    assert agents_of(*nodes) == once
    ends, options, links = (nodes[0].endpoint, nodes[1].endpoint), ground.fleet.options(), ground.pool.links
    piped = BatchJob(tuple(second), RateCap(), "binary", 60.0)
    results = await run_batch(*ends, piped, options, lambda number, done, wire: None, links)
    assert arrived(second, results) == second
    assert len(agents_of(*nodes) - once) == 2 and len(links.idle) == 2


async def test_a_batch_that_is_cancelled_leaves_no_agent(ground: Ground) -> None:
    nodes = ground.fleet.nodes
    await ground.servers.refusal(nodes[0].endpoint, nodes[1].endpoint)
    before = agents_of(*nodes)
    carrying = asyncio.create_task(ground.carry(ground.files(), rate=RateCap(200_000)))
    async with asyncio.timeout(60):
        while not list(ground.target.iterdir()):  # noqa: ASYNC110 - another process sends no event
            await asyncio.sleep(0.01)
    carrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await carrying
    await gone(before, *nodes)


class _Forger:
    """Sits on the way, and changes the first file with everything in the stream that would betray it."""

    async def __aenter__(self) -> _Forger:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def way(self, url: str) -> str:
        parts = urlsplit(url)
        self._real = parts.port
        return urlunsplit(parts._replace(netloc=f"127.0.0.1:{self._port}"))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._real)
        far_writer.write(await reader.readuntil(b"\r\n\r\n"))
        writer.write(await far_reader.readuntil(b"\r\n\r\n"))
        writer.write(await asyncio.to_thread(_forged, await far_reader.read()))
        for one in (writer, far_writer):
            one.close()


def _forged(stream: bytes) -> bytes:
    """Return a stream with the first file's content changed, its hash and the checksum of the chunk too."""
    read_end, write_end = os.pipe()
    os.write(write_end, stream)
    os.close(write_end)
    found = ChunkReader(read_end, "binary", covered=covered).read()
    assert found is not None and found[0] == FILES
    pieces, payload = unseal(found[1]), bytearray(found[1])
    length = HEADER.size + len(payload)
    os.close(read_end)
    payload[0] ^= 1
    forged = hashlib.sha256(payload[: pieces[0].length]).hexdigest()
    pieces = [Piece(*pieces[0])._replace(sha256=forged), *pieces[1:]]
    read_end, write_end = os.pipe()
    ChunkWriter(write_end, "binary").write(FILES, bytes(payload[: sum(p.length for p in pieces)]), tail_of(pieces))
    os.close(write_end)
    chunk = os.read(read_end, 1 << 20)
    os.close(read_end)
    return chunk + stream[length:]
