"""The data server's own promises, kept against clients that say odd things: one real server, raw sockets."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.remote.agent.serving_urls import Grant, data_url, health_url
from tests.transport.serving_raw import Client, RawServer, raw_server

SIZE = 1_000_003


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server() as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "root" / "data" / "file.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def client(server: RawServer) -> Client:
    return server.client()


def test_a_granted_file_is_given_whole(server: RawServer, client: Client, file: Path) -> None:
    answer = client.ask(server.grant(file))
    assert answer.status == 200
    assert answer.body == file.read_bytes()
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "Content-Encoding" not in answer.headers and "Server" not in answer.headers


def test_a_head_tells_the_length_and_sends_nothing(server: RawServer, client: Client, file: Path) -> None:
    target = server.grant(file)
    head = client.ask(target, "HEAD")
    assert (head.status, head.headers["Content-Length"]) == (200, str(SIZE))
    assert client.ask(target).headers["ETag"] == head.headers["ETag"]


@pytest.mark.parametrize(
    ("asked", "first", "past"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=999999-", 999_999, SIZE),
        ("bytes=-5", SIZE - 5, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        (f"bytes={SIZE - 1}-{SIZE * 9}", SIZE - 1, SIZE),
        ("bytes=0-", 0, SIZE),
        ("bytes= 3 - 4", 3, 5),
    ],
)
def test_one_range_is_given_exactly(
    server: RawServer, client: Client, file: Path, asked: str, first: int, past: int
) -> None:
    answer = client.ask(server.grant(file), Range=asked)
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{past - 1}/{SIZE}"
    assert answer.body == file.read_bytes()[first:past]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0", "bytes=99999999-100000000", f"bytes={'9' * 5000}-"])
def test_a_range_outside_the_file_is_refused_with_its_size(
    server: RawServer, client: Client, file: Path, asked: str
) -> None:
    answer = client.ask(server.grant(file), Range=asked)
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{SIZE}")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=5-2", "bytes=", "bytes=-", "bytes=a-b", ""])
def test_what_is_no_single_range_is_taken_for_none(server: RawServer, client: Client, file: Path, asked: str) -> None:
    answer = client.ask(server.grant(file), Range=asked)
    assert (answer.status, len(answer.body)) == (200, SIZE)


def test_a_range_of_an_empty_file_is_refused(server: RawServer, client: Client, file: Path) -> None:
    file.write_bytes(b"")
    assert client.ask(server.grant(file), Range="bytes=0-").status == 416
    assert client.ask(server.grant(file)).body == b""


def test_if_range_gives_the_range_only_of_the_same_file(server: RawServer, client: Client, file: Path) -> None:
    etag = client.ask(server.grant(file), "HEAD").headers["ETag"]
    assert client.ask(server.grant(file), Range="bytes=0-4", If_Range=etag).status == 206
    assert client.ask(server.grant(file), Range="bytes=0-4", If_Range='"another"').status == 200
    later = client.ask(server.grant(file), Range="bytes=0-4", If_Range="Sat, 29 Oct 1994 19:43:31 GMT")
    assert (later.status, len(later.body)) == (200, SIZE)


def test_many_requests_travel_over_one_connection_also_unasked(server: RawServer, client: Client, file: Path) -> None:
    content = file.read_bytes()
    head = f"GET {server.grant(file)} HTTP/1.1\r\nHost: x\r\n"
    client.say("".join(f"{head}Range: bytes={n * 10}-{n * 10 + 9}\r\n\r\n" for n in range(20)).encode())
    assert b"".join(client.answer().body for _ in range(20)) == content[:200]


def test_http_1_0_is_closed_after_the_answer(server: RawServer, client: Client, file: Path) -> None:
    client.say(f"GET {server.grant(file)} HTTP/1.0\r\n\r\n".encode())
    assert client.answer().body == file.read_bytes()
    assert client.ended()


def test_whoever_asks_for_an_end_of_the_connection_gets_it(server: RawServer, client: Client, file: Path) -> None:
    assert client.ask(server.grant(file), Connection="close").headers["Connection"] == "close"
    assert client.ended()


def test_a_wrong_signature_and_a_late_request_are_refused_alike(server: RawServer, client: Client, file: Path) -> None:
    good = server.grant(file)
    bad = good[:-1] + ("0" if good[-1] != "0" else "1")
    late = server.grant(file, expires_at=int(time.time()) - 1)
    answers = [client.ask(target) for target in (bad, late, good.partition("?")[0], good + "&sig=1", good + "&more=1")]
    assert {(answer.status, answer.body) for answer in answers} == {(403, b"forbidden\n")}


@pytest.mark.parametrize("name", ["path", "root", "exp", "stat"])
def test_every_part_of_a_url_is_signed(server: RawServer, client: Client, file: Path, name: str) -> None:
    other = server.grant(f"{file}2", "/", expires_at=9_999_999_999, stat=[1, 2, 3, 4, 5])
    wanted = dict(pair.split("=", 1) for pair in other.partition("?")[2].split("&"))
    pairs = [pair.split("=", 1) for pair in server.grant(file).partition("?")[2].split("&")]
    changed = "&".join(f"{key}={wanted[key] if key == name else value}" for key, value in pairs)
    assert client.ask(f"/v1/data?{changed}").status == 403


def test_a_secret_of_another_server_opens_nothing(server: RawServer, client: Client, file: Path) -> None:
    with raw_server() as other:
        assert client.ask(other.grant(file)).status == 403
        assert client.ask(health_url(other.secret, int(time.time()) + 60)).status == 403
    assert client.ask(health_url(server.secret, int(time.time()) + 60)).status == 204


def test_expiry_counts_by_the_clock_of_the_engine(file: Path) -> None:
    with raw_server(now=time.time() + 7200) as ahead:
        client = ahead.client()
        assert client.ask(ahead.grant(file)).status == 403
        assert client.ask(ahead.grant(file, expires_at=int(time.time()) + 7800)).status == 200


def test_a_changed_file_is_said_to_have_changed(server: RawServer, client: Client, file: Path) -> None:
    target = server.grant(file)
    file.write_bytes(b"other")
    answer = client.ask(target)
    assert (answer.status, answer.body) == (412, b"source-changed\n")


def test_a_commit_that_only_the_wal_holds_is_a_change(server: RawServer, client: Client, file: Path) -> None:
    target = server.grant(file)
    Path(f"{file}-wal").write_bytes(b"frames")
    assert client.ask(target).status == 412


def test_a_missing_file_is_not_found(server: RawServer, client: Client, file: Path) -> None:
    target = server.grant(file)
    file.unlink()
    assert client.ask(target).status == 404


def test_nothing_outside_the_signed_root_is_given(server: RawServer, client: Client, file: Path) -> None:
    outside = file.parent.parent.parent / "secret.npz"
    outside.write_bytes(b"secret")
    root = file.parent.parent
    (root / "folder").symlink_to(outside.parent)
    (root / "link.npz").symlink_to(outside)
    (root / "inner.npz").symlink_to(file)
    tries = [outside, f"{root}/data/../../secret.npz", root / "folder" / "secret.npz", root / "link.npz"]
    tries += [root / "inner.npz", root, root / "data", f"{file}\n", "data/file.npz", f"{root}/data/file.npz/"]
    for path in tries:
        answer = client.ask(server.grant(path, root))
        assert answer.status in (403, 404), path
        assert b"secret" not in answer.body
    assert client.ask(server.grant(file, root="/nowhere")).status == 403


def test_an_empty_root_grants_nothing(server: RawServer, client: Client, file: Path) -> None:
    grant = Grant(str(file), "", int(time.time()) + 60, None)
    assert client.ask(data_url(server.secret, grant)).status == 403


def test_special_files_are_refused_and_never_waited_for(server: RawServer, client: Client, file: Path) -> None:
    pipe = file.parent / "pipe.npz"
    os.mkfifo(pipe)
    assert client.ask(server.grant(pipe)).status == 403
    assert client.ask(server.grant("/dev/zero", "/dev")).status == 403


def test_hard_names_are_served(server: RawServer, client: Client, tmp_path: Path) -> None:
    for name in [
        "two words.npz",
        "Ünïcödé 日本.npz",
        "a&b=c?d#e%25+f.npz",
        "quote'\"$`.npz",
        os.fsdecode(b"raw\xff.npz"),
    ]:
        path = tmp_path / name
        path.write_bytes(os.fsencode(name))
        assert client.ask(server.grant(path)).body == os.fsencode(name)


def test_a_partial_file_of_ours_is_given_by_ranges_only(server: RawServer, client: Client, tmp_path: Path) -> None:
    path = tmp_path / ".file.npz.syncdeck-0123abcd-00000001-1-abc.part"
    path.write_bytes(b"0123456789")
    target = server.grant(path, stat=None)
    assert client.ask(target).status == 416
    answer = client.ask(target, Range="bytes=2-4")
    assert (answer.status, answer.body, answer.headers["Content-Range"]) == (206, b"234", "bytes 2-4/*")
    path.write_bytes(b"0123456789abc")
    assert client.ask(target, Range="bytes=10-12").body == b"abc"
    assert client.ask(target, Range="bytes=13-20").status == 416


def test_only_a_partial_file_is_served_without_a_stat(server: RawServer, client: Client, file: Path) -> None:
    assert client.ask(server.grant(file, stat=None), Range="bytes=0-1").status == 403


def test_health_says_nothing(server: RawServer, client: Client) -> None:
    answer = client.ask("/v1/health")
    assert (answer.status, answer.body, set(answer.headers)) == (204, b"", {"Connection"})
    assert client.ask("/v1/health", "HEAD").status == 204


@pytest.mark.parametrize("target", ["/", "/v1", "/v1/data/", "/v1/data2", "/etc/passwd", "/../etc/passwd", "*"])
def test_no_other_path_exists(server: RawServer, client: Client, target: str) -> None:
    assert client.ask(target).status in (403, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"])
def test_other_methods_are_not_allowed(server: RawServer, client: Client, file: Path, method: str) -> None:
    answer = client.ask(server.grant(file), method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert client.ask("/v1/health").status == 204


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET /v1/health HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET /v1/health HTTP/1.1\r\n\r\n", 400),
        (b"GET /v1/health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET /v1/health HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n", 400),
        (b"GET /v1/health HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
        (b"GET /v1/health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 400),
        (b"GET /v1/health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET /v1/health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000, 431),
        (b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_answered_and_cut(server: RawServer, client: Client, said: bytes, status: int) -> None:
    client.say(said)
    answer = client.answer()
    assert (answer.status, answer.headers["Connection"]) == (status, "close")


def test_a_file_that_shrinks_while_it_is_sent_breaks_the_connection_off(file: Path) -> None:
    with raw_server(rate=300_000) as slow:
        client = slow.client()
        client.say(f"GET {slow.grant(file)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.socket.recv(1000)
        os.truncate(file, 100)
        with pytest.raises(ConnectionError):
            while True:
                if not client.socket.recv(1 << 20):
                    raise ConnectionError("ended")


def test_the_rate_holds_over_all_connections_and_can_change(file: Path) -> None:
    with raw_server(rate=1_000_000) as slow:
        target = slow.grant(file)
        clients = [slow.client() for _ in range(4)]
        for client in clients:
            client.say(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        reports = [0]
        while reports[-1] < 1_000_000:
            reports.append(slow.line()["wire"])
        assert len(reports) > 3, "four reports a second: without the rate one or two would have told of it all"
        slow.order({"rate": None})
        for client in clients:
            assert client.answer().body == file.read_bytes()


def test_what_left_is_counted_and_told(file: Path) -> None:
    with raw_server() as counted:
        client = counted.client()
        client.ask(counted.grant(file))
        client.ask(counted.grant(file), Range="bytes=0-9")
        said: dict[str, int] = {}
        while said.get("wire") != SIZE + 10:
            said = counted.line()
        client.close()
        while said["open"]:
            said = counted.line()


def test_hundreds_of_idle_connections_make_room_for_one_that_asks(server: RawServer, file: Path) -> None:
    crowd = [server.client() for _ in range(300)]
    assert server.client().ask(server.grant(file)).body == file.read_bytes()
    assert len(crowd) == 300


def test_memory_stays_flat_over_large_files(file: Path) -> None:
    with raw_server() as large:
        client = large.client()
        with file.open("wb") as made:
            made.truncate(600_000_000)
        before = large.memory_bytes()
        client.say(f"GET {large.grant(file)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        got = 0
        while part := client.socket.recv(4 << 20):
            got += len(part)
        assert got > 600_000_000
        assert large.memory_bytes() - before < 8_000_000


def test_a_real_client_goes_on_where_it_was_cut(server: RawServer, file: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.npz"
    target.write_bytes(file.read_bytes()[:400_000])
    url = f"http://127.0.0.1:{server.port}{server.grant(file)}"
    subprocess.run(["curl", "-fsS", "-C", "-", "-o", str(target), url], check=True)
    assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(file.read_bytes()).digest()


def test_addresses_that_the_machine_lacks_are_left_out_and_named() -> None:
    with raw_server(addresses=["127.0.0.1", "203.0.113.9", "::1"]) as server:
        assert "127.0.0.1" in server.ready["addresses"]
        assert "203.0.113.9" in server.ready["refused"]


def test_a_taken_port_is_a_failure_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, raw_server(port=taken.getsockname()[1]) as server:
        assert server.ready["error"]["class"] == "config"
        assert "in use" in server.ready["error"]["cause"]


def test_it_ends_with_its_stdin(file: Path) -> None:
    with raw_server(rate=1000) as server:
        client = server.client()
        client.say(f"GET {server.grant(file)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.socket.recv(10)
        assert server.child.stdin is not None
        server.child.stdin.close()
        assert server.child.wait(30) == 0
        server.child.stdin = None


def test_the_secret_is_in_no_argument(server: RawServer) -> None:
    child = psutil.Process(server.child.pid)
    words = " ".join([*child.cmdline(), *child.environ().values()])
    assert words
    assert base64.b64encode(server.secret).decode() not in words and server.secret.hex() not in words
