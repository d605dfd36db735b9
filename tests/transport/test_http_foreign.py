"""Files from servers that the users run: nginx, a server without ranges, and servers that lie. Always verified."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from config.load import load
from config.types import HttpServerSpec
from engine.clock import SystemClock
from engine.errors import SyncdeckError
from engine.transport.http import HttpTransport
from engine.transport.http.foreign import ForeignServer, plain_url, servers_of
from engine.transport.serving import NodeDataServers
from tests.transport.conftest import Bench
from tests.transport.http_servers import nginx, odd_server, python_server, say, wanted

SIZE = 9_000_001
Adapter = Callable[..., AbstractAsyncContextManager[HttpTransport]]


def quiet(done: int, wire: int) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def source(bench: Bench) -> Path:
    path = bench.folder("node-0") / "foreign file.npz"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def adapter(bench: Bench, tmp_path: Path) -> Adapter:
    """Return what makes an http transport: with foreign servers of node-0, ours allowed there or not."""

    @asynccontextmanager
    async def make(
        *ports: int, ours: bool = False, prefer: bool = False, root: str | None = None
    ) -> AsyncIterator[HttpTransport]:
        folder = root if root is not None else str(bench.folder("node-0"))
        items = [{"node": "node-*", "port": port, "root": folder, "prefer": prefer} for port in ports]
        http: dict[str, Any] = {"servers": items}
        if not ours:
            http["port"] = bench.fleet["node-0"].port  # Taken by sshd: our server cannot listen.
        hosts = bench.fleet.write_hosts(tmp_path / "foreign.yaml", extra={"data_plane": {"http": http}})
        policy = load(hosts).policy
        clock = SystemClock()
        servers = NodeDataServers(bench.pool.get, bench.options, bench.pool.links, lambda: policy, clock)
        try:
            yield HttpTransport(bench.pool.get, bench.options, bench.pool.links, servers, clock)
        finally:
            await servers.close()

    return make


async def arrives(bench: Bench, transport: HttpTransport, source: Path) -> None:
    """Copy to node-1 and compare."""
    job = await bench.job("node-0", "node-1", source)
    assert await transport.unusable(job.source, job.target) is None
    outcome = await transport.copy(job, quiet)
    assert Path(job.temp_path).read_bytes() == source.read_bytes()
    assert outcome.size_bytes == source.stat().st_size
    Path(job.temp_path).unlink()


async def test_nginx_serves_where_ours_cannot(bench: Bench, adapter: Adapter, source: Path, tmp_path: Path) -> None:
    with nginx(bench.folder("node-0"), tmp_path / "nginx") as port:
        async with adapter(port) as transport:
            await arrives(bench, transport, source)


async def test_a_server_without_ranges_serves_in_one_stream(bench: Bench, adapter: Adapter, source: Path) -> None:
    with python_server(bench.folder("node-0")) as port:
        async with adapter(port) as transport:
            await arrives(bench, transport, source)


async def test_without_any_server_it_says_why(bench: Bench, adapter: Adapter) -> None:
    async with adapter() as transport:
        reason = await transport.unusable(bench.endpoint("node-0"), bench.endpoint("node-1"))
        assert reason is not None and "in use" in reason


async def test_a_file_outside_the_servers_folder_goes_another_way(bench: Bench, adapter: Adapter, source: Path) -> None:
    with python_server(bench.folder("node-0")) as port:
        async with adapter(port, root="/elsewhere") as transport:
            with pytest.raises(SyncdeckError) as caught:
                await transport.copy(await bench.job("node-0", "node-1", source), quiet)
            assert caught.value.error_class.value == "unsupported"
        async with adapter(port, root="/elsewhere", ours=True, prefer=True) as transport:
            await arrives(bench, transport, source)


def good(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    first, past = wanted(handler, content) if "Range" in handler.headers else (0, len(content))
    total = f"bytes {first}-{past - 1}/{len(content)}"
    say(handler, 206, content[first:past], Content_Range=total)


def flipped(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    good(handler, bytes(len(content)))


def compressed(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    say(handler, 200, gzip.compress(content, 1), Content_Encoding="gzip")


def redirecting(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    say(handler, 302, b"", Location="http://127.0.0.2:1/elsewhere")


def too_short(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    say(handler, 200, content[: len(content) // 2], Content_Length=str(len(content)))
    handler.close_connection = True


def too_long(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    say(handler, 200, content + b"more", Content_Length=str(len(content) + 4))


def wrong_range(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    first, past = wanted(handler, content) if "Range" in handler.headers else (0, len(content))
    say(handler, 206, content[first:past], Content_Range=f"bytes {first + 1}-{past}/{len(content)}")


def missing(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    say(handler, 404, b"no such file")


def everything(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    say(handler, 200, content)


@pytest.mark.parametrize("answer", [good, everything])
async def test_a_preferred_server_that_is_right_is_used(
    bench: Bench, adapter: Adapter, source: Path, answer: Callable[..., None]
) -> None:
    with odd_server(bench.folder("node-0"), answer) as (port, asked):
        async with adapter(port, ours=True, prefer=True) as transport:
            await arrives(bench, transport, source.rename(source.with_name(f"plain-{answer.__name__}.npz")))
    assert asked


@pytest.mark.parametrize(
    "answer", [flipped, compressed, redirecting, too_short, too_long, wrong_range, missing], ids=lambda a: a.__name__
)
async def test_a_preferred_server_that_is_wrong_gives_way_to_ours(
    bench: Bench, adapter: Adapter, source: Path, answer: Callable[..., None]
) -> None:
    plain = source.rename(source.with_name(f"plain-{answer.__name__}.npz"))
    with odd_server(bench.folder("node-0"), answer) as (port, asked):
        async with adapter(port, ours=True, prefer=True) as transport:
            await arrives(bench, transport, plain)
    assert asked, "it was tried first"


@pytest.mark.parametrize("answer", [flipped, compressed, too_short, too_long, wrong_range], ids=lambda a: a.__name__)
async def test_wrong_bytes_never_pass_where_there_is_no_other_server(
    bench: Bench, adapter: Adapter, source: Path, answer: Callable[..., None]
) -> None:
    plain = source.rename(source.with_name(f"alone-{answer.__name__}.npz"))
    with odd_server(bench.folder("node-0"), answer) as (port, _):
        async with adapter(port) as transport:
            job = replace(await bench.job("node-0", "node-1", plain), stall_timeout_seconds=5.0)
            with pytest.raises(SyncdeckError):
                await transport.copy(job, quiet)


SERVER = ForeignServer(HttpServerSpec("n*", 8766, "data", False), "10.0.0.1")


@pytest.mark.parametrize(
    ("root", "path", "url"),
    [
        ("data", "/r/data/games/a.db", "http://10.0.0.1:8766/games/a.db"),
        ("data", "/r/data/a b#?%.db", "http://10.0.0.1:8766/a%20b%23%3F%25.db"),
        ("data", "/r/datafile.db", None),
        ("data", "/r/models/a.pth", None),
        (".", "/r/models/a.pth", "http://10.0.0.1:8766/models/a.pth"),
        ("/r", "/r/models/a.pth", "http://10.0.0.1:8766/models/a.pth"),
        ("/", "/r/models/a.pth", "http://10.0.0.1:8766/r/models/a.pth"),
        ("/Volumes/D", "/r/models/a.pth", None),
    ],
)
def test_a_plain_url_is_the_path_below_the_servers_folder(root: str, path: str, url: str | None) -> None:
    server = replace(SERVER, spec=replace(SERVER.spec, root=root))
    assert plain_url(server, path, "/r") == url


def test_an_unknown_root_makes_no_url_of_a_relative_folder() -> None:
    assert plain_url(SERVER, "/data/a.db", "") is None


def test_servers_are_chosen_by_the_nodes_name() -> None:
    items = [HttpServerSpec(glob, 1, "data", False) for glob in ("vast-*", "NAS", "other")]
    assert [spec.node for spec in servers_of("Vast-1", items)] == ["vast-*"]
    assert [spec.node for spec in servers_of("nas", items)] == ["NAS"]
