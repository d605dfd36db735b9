"""The control socket: one engine, many clients, nobody else, and no request that harms it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.api.client import SocketClient
from engine.api.connection import MAX_REQUESTS_AT_ONCE
from engine.api.errors import EngineUnreachable
from engine.api.paths import socket_path
from engine.api.peer import darwin_uid, may_connect
from engine.api.served import ServedEngine
from engine.api.server import ControlServer
from engine.api.wire import MAX_REQUEST_BYTES, unpack
from engine.errors import ErrorClass, SyncdeckError
from engine.views import CatalogQuery, SyncRequest
from engine.views_keeping import KeepRequest
from tests.api.scripted_engine import ScriptedEngine


@pytest.fixture
def path() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sd-", dir="/tmp"))
    yield folder / "control.sock"
    shutil.rmtree(folder)


@asynccontextmanager
async def serving(engine: ScriptedEngine, path: Path) -> AsyncIterator[ControlServer]:
    server = ControlServer(engine, path)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[SocketClient]:
    client = SocketClient(path)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def raw(path: Path, *lines: bytes) -> list[object]:
    """Send lines as they are; return as many answers."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        for line in lines:
            writer.write(line + b"\n")
        await writer.drain()
        return [json.loads(await reader.readuntil(b"\n")) for _ in lines]
    finally:
        writer.close()


async def test_every_reading_method_gives_what_the_engine_gives(path: Path) -> None:
    engine = ScriptedEngine()
    async with serving(engine, path), connected(path) as client:
        assert await client.status() == engine.view
        assert await client.plan() == await engine.plan()
        assert await client.transfers(1, 2, "x", False) == await engine.transfers(1, 2, "x", False)
        query = CatalogQuery(text="npz", descending=True)
        assert await client.catalog_window(query, 1, 5) == await engine.catalog_window(query, 1, 5)
        assert await client.catalog_rank(query, 2) == 2
        assert await client.catalog_rank(query, 99) is None
        assert await client.entry("npz:00001.npz") == await engine.entry("npz:00001.npz")
        assert await client.entry("npz:none") is None
        request = SyncRequest(keys=("npz:1",), emergency=True)
        assert await client.preview(request) == await engine.preview(request)
        keep = KeepRequest(nodes=("b",), places=(("npz:x.npz", "b"),))
        assert await client.keep_both_preview(keep) == await engine.keep_both_preview(keep)


async def test_every_changing_method_reaches_the_engine(path: Path) -> None:
    engine = ScriptedEngine()
    async with serving(engine, path), connected(path) as client:
        request = SyncRequest(data_type="npz", targets=("a",), priority=75)
        await client.sync(request)
        await client.pause(("a",))
        await client.resume()
        await client.cancel((1, 2))
        await client.retry((3,))
        await client.rescan(("b",))
        kept = await client.keep_both(KeepRequest(keys=("npz:x.npz",)))
        assert kept.kept and kept.accepted == 1
    assert engine.requests == [
        ("sync", request),
        ("pause", ("a",)),
        ("resume", ()),
        ("cancel", (1, 2)),
        ("retry", (3,)),
        ("rescan", ("b",)),
        ("keep_both", KeepRequest(keys=("npz:x.npz",))),
    ]


async def test_an_error_of_the_engine_arrives_with_all_its_parts(path: Path) -> None:
    engine = ScriptedEngine(error=SyncdeckError("scan", "a", "disk is full", "free some", ErrorClass.NO_SPACE))
    async with serving(engine, path), connected(path) as client:
        with pytest.raises(SyncdeckError) as caught:
            await client.status()
    error = caught.value
    assert (error.operation, error.subject, error.cause, error.remedy) == ("scan", "a", "disk is full", "free some")
    assert error.error_class is ErrorClass.NO_SPACE


async def test_a_fault_of_the_engine_is_reported_and_the_connection_lives_on(path: Path) -> None:
    engine = ScriptedEngine(error=ZeroDivisionError("oops"))
    async with serving(engine, path), connected(path) as client:
        with pytest.raises(SyncdeckError) as caught:
            await client.status()
        assert caught.value.error_class is ErrorClass.BUG
        engine.error = None
        assert (await client.status()).revision == 7


async def test_waiting_for_a_change_ends_when_it_comes_and_holds_up_nothing_else(path: Path) -> None:
    engine = ScriptedEngine()
    async with serving(engine, path), connected(path) as client:
        waiting = asyncio.create_task(client.wait_for_change(7, 60.0))
        await engine.entered.wait()
        assert (await client.status()).revision == 7
        assert not waiting.done()
        engine.advance()
        assert await waiting == 8


async def test_many_clients_are_served_side_by_side(path: Path) -> None:
    engine = ScriptedEngine()
    async with serving(engine, path):
        clients = [SocketClient(path) for _ in range(20)]
        answers = await asyncio.gather(*(client.status() for client in clients for _ in range(5)))
        assert {answer.revision for answer in answers} == {7}
        for client in clients:
            await client.close()


async def test_a_client_that_floods_is_answered_and_others_are_too(path: Path) -> None:
    engine = ScriptedEngine()
    async with serving(engine, path), connected(path) as other:
        waits = [
            json.dumps({"id": n, "method": "wait_for_change", "params": {"revision": 7, "timeout_seconds": 60}})
            for n in range(MAX_REQUESTS_AT_ONCE * 4)
        ]
        flood = asyncio.create_task(raw(path, *(line.encode() for line in waits)))
        await engine.entered.wait()
        assert (await other.status()).revision == 7
        engine.advance()
        answers = await flood
    assert sorted(answer["id"] for answer in answers) == list(range(MAX_REQUESTS_AT_ONCE * 4))  # type: ignore[index]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b"[]",
        b"null",
        b"7",
        b"{}",
        b'{"id":"x","method":"status"}',
        b'{"id":true,"method":"status"}',
        b'{"id":1}',
        b'{"id":1,"method":7}',
        b'{"id":1,"method":"status","params":[]}',
        b'{"id":1,"method":"status","extra":1}',
        b'{"id":1,"method":"status","params":{"x":1}}',
        b'{"id":1,"method":"close"}',
        b'{"id":1,"method":"start"}',
        b'{"id":1,"method":"__class__"}',
        b'{"id":1,"method":"_change","params":{}}',
        b'{"id":1,"method":"entry"}',
        b'{"id":1,"method":"entry","params":{"key":7}}',
        b'{"id":1,"method":"cancel","params":{"transfer_ids":["x"]}}',
        b'{"id":1,"method":"wait_for_change","params":{"revision":1,"timeout_seconds":1e999}}',
        b'{"id":1,"method":"wait_for_change","params":{"revision":1,"timeout_seconds":NaN}}',
        b'{"id":1,"method":"cancel","params":{"transfer_ids":[' + b"9" * 5000 + b"]}}",
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"id":1,"method":"\\ud800"}',
    ],
)
async def test_a_request_that_is_none_is_refused_and_harms_nothing(path: Path, line: bytes) -> None:
    engine = ScriptedEngine()
    async with serving(engine, path):
        bad, good = await raw(path, line, b'{"id":9,"method":"ping"}')
    assert bad["error"]["class"] == "unsupported"  # type: ignore[index]
    assert good["id"] == 9 and good["result"]["protocol"] == 1  # type: ignore[index]
    assert engine.requests == [] and not engine.closed


async def test_a_line_without_end_is_cut_off_and_others_are_served(path: Path) -> None:
    async with serving(ScriptedEngine(), path), connected(path) as other:
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"x" * (MAX_REQUEST_BYTES + 1_000_000))
        answer = unpack(await reader.readuntil(b"\n"))
        assert "too long" in answer["error"]["cause"]
        writer.close()
        assert (await other.status()).revision == 7


async def test_what_a_client_asked_to_change_is_finished_though_it_left(path: Path) -> None:
    engine = ScriptedEngine(hold=asyncio.Event())
    async with serving(engine, path):
        _, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"id":1,"method":"pause","params":{}}\n')
        await engine.entered.wait()
        writer.close()
        assert engine.hold is not None
        engine.hold.set()
    assert engine.requests == [("pause", ())]


async def test_the_socket_is_its_owners_alone_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        async with serving(ScriptedEngine(), path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


async def test_the_socket_of_a_killed_engine_is_replaced(path: Path) -> None:
    script = (
        "import socket, os, sys\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(path))
    await killed.wait()
    assert path.is_socket()
    async with serving(ScriptedEngine(), path), connected(path) as client:
        assert (await client.status()).revision == 7
    assert not path.exists()


async def test_a_file_by_the_sockets_name_is_not_removed(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(SyncdeckError) as caught:
        await ControlServer(ScriptedEngine(), path).start()
    assert caught.value.error_class is ErrorClass.CONFIG
    assert path.read_text() == "mine"


async def test_another_user_is_refused_even_when_the_file_mode_lets_him_in(path: Path) -> None:
    assert not may_connect(os.geteuid() + 1)
    if os.geteuid() != 0:
        return  # only root can become somebody else to try it out; the rule itself is checked above
    path.parent.chmod(0o755)
    script = (
        "import os, socket, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        "try:\n"
        '    s.sendall(b\'{"id":1,"method":"ping"}\\n\'); refused = s.recv(100) == b\'\'\n'
        "except OSError:\n"
        "    refused = True\n"
        "sys.exit(0 if refused else 1)\n"
    )
    async with serving(ScriptedEngine(), path), connected(path) as owner:
        path.chmod(0o666)
        stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(path))
        assert await stranger.wait() == 0
        assert (await owner.status()).revision == 7


def test_a_user_id_is_read_from_what_macos_gives() -> None:
    recorded = (0).to_bytes(4, "little") + (501).to_bytes(4, "little") + (1).to_bytes(2, "little") + bytes(2 + 64)
    assert darwin_uid(recorded) == 501


async def test_nobody_listening_is_said_so(path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="nobody answers"):
        await SocketClient(path).start()


async def test_a_client_connects_again_after_the_engine_restarted(path: Path) -> None:
    client = SocketClient(path)
    async with serving(ScriptedEngine(), path):
        assert (await client.status()).revision == 7
    with pytest.raises(EngineUnreachable):
        await client.status()
    engine = ScriptedEngine()
    engine.advance()
    async with serving(engine, path):
        assert (await client.status()).revision == 8
        await client.close()


async def test_an_engine_that_vanishes_in_mid_request_is_named_and_changes_are_not_repeated(path: Path) -> None:
    script = (
        "import socket, sys, os\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print('up', flush=True)\n"
        "c, _ = s.accept(); f = c.makefile('rb')\n"
        'f.readline(); c.sendall(b\'{"id":1,"result":{"protocol":1,"pid":1}}\\n\')\n'
        "f.readline(); os._exit(9)\n"
    )
    engine = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert engine.stdout is not None and await engine.stdout.readline() == b"up\n"
    client = SocketClient(path)
    with pytest.raises(EngineUnreachable, match="may or may not have taken effect"):
        await client.sync(SyncRequest())
    await client.close()
    await engine.wait()


async def test_an_engine_of_another_protocol_is_named(path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"id":1,"result":{"protocol":99}}\n')
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(answer, str(path))
    with pytest.raises(EngineUnreachable, match="another protocol"):
        await SocketClient(path).start()
    server.close()


async def test_an_engine_that_listens_and_never_answers_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.api.client.GREETING_SECONDS", 0.05)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(say_nothing, str(path))
    with pytest.raises(EngineUnreachable, match="does not answer"):
        await SocketClient(path).start()
    server.close()


async def test_a_served_engine_listens_only_while_it_runs(path: Path) -> None:
    engine = ScriptedEngine()
    served = ServedEngine.of(engine, path)
    with pytest.raises(SyncdeckError, match="does not run"):
        await served.status()
    await served.start()
    async with connected(path) as client:
        assert await client.status() == await served.status()
    await served.close()
    assert engine.closed and not path.exists()


async def test_a_large_answer_arrives_whole(path: Path) -> None:
    engine = ScriptedEngine(entries=20_000)
    async with serving(engine, path), connected(path) as client:
        window = await client.catalog_window(CatalogQuery(), 0, 20_000)
    assert len(window.rows) == 20_000


def test_a_long_state_directory_has_a_short_socket_path(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    short = socket_path(deep)
    assert len(os.fsencode(short)) <= 100
    assert socket_path(deep) == short != socket_path(tmp_path / "other")


async def test_an_engine_in_a_long_state_directory_is_reachable_in_a_folder_of_its_owners(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    path = socket_path(deep)
    async with serving(ScriptedEngine(), path), connected(path) as client:
        assert (await client.status()).revision == 7
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
