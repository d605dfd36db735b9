"""A data server hands a connection to the agent whose name was signed, and to nobody else."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from engine.remote.agent.failures import Failure
from engine.remote.agent.handover import Awaiting, hand_over
from engine.remote.agent.serving_urls import BATCH_PATH, batch_url, health_url
from tests.transport.serving_raw import PATIENCE_SECONDS, Client, RawServer, raw_server

WORD = "the third"


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server() as running:
        yield running


@pytest.fixture
def client(server: RawServer) -> Client:
    return server.client()


@pytest.fixture
def name() -> str:
    return f"syncdeck-test-{secrets.token_hex(8)}"


def soon() -> int:
    return int(time.time()) + 60


def everything(client: Client) -> bytes:
    """Return all that comes until the connection ends."""
    parts = []
    while part := client.socket.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def test_whoever_awaits_it_goes_on_with_the_connection(server: RawServer, client: Client, name: str) -> None:
    awaiting = Awaiting(name)
    content = os.urandom(3_000_000)

    def give() -> None:
        with awaiting.take(WORD) as taken:
            taken.sendall(content)

    giving = threading.Thread(target=give)
    giving.start()
    client.say(f"GET {batch_url(server.secret, name, WORD, soon())} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    head, _, body = everything(client).partition(b"\r\n\r\n")
    giving.join(PATIENCE_SECONDS)
    assert head.startswith(b"HTTP/1.1 200 ") and b"Connection: close" in head and body == content


def test_a_connection_of_another_batch_is_not_taken_for_this_one(server: RawServer, name: str) -> None:
    awaiting = Awaiting(name)
    earlier, ours = server.client(), server.client()
    for client, word in ((earlier, "the second"), (ours, WORD)):
        client.say(f"GET {batch_url(server.secret, name, word, soon())} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        assert client.answer().status == 200
    with awaiting.take(WORD) as taken:
        taken.sendall(b"x")
    assert (everything(earlier), everything(ours)) == (b"", b"x")


def test_a_name_that_nobody_awaits_is_busy_and_not_missing(server: RawServer, client: Client, name: str) -> None:
    answer = client.ask(batch_url(server.secret, name, WORD, soon()))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert client.ended()


@pytest.mark.parametrize("wrong", ["signature", "expired", "another name", "of something else", "no query"])
def test_only_what_was_signed_is_handed_over(server: RawServer, client: Client, name: str, wrong: str) -> None:
    listener = Awaiting(name)
    targets = {
        "signature": batch_url(os.urandom(32), name, WORD, soon()),
        "expired": batch_url(server.secret, name, WORD, int(time.time()) - 1),
        "another name": batch_url(server.secret, name + "x", WORD, soon()).replace(name + "x", name),
        "of something else": health_url(server.secret, soon()).replace("/v1/health", BATCH_PATH),
        "no query": BATCH_PATH,
    }
    answer = client.ask(targets[wrong])
    assert answer.status == 403
    assert client.ask(health_url(server.secret, soon())).status == 204, "the connection is still the server's"
    del listener


def test_what_came_behind_the_request_cannot_be_handed_over(server: RawServer, client: Client, name: str) -> None:
    listener = Awaiting(name)
    request = f"GET {batch_url(server.secret, name, WORD, soon())} HTTP/1.1\r\nHost: here\r\n\r\n"
    client.say((request + request).encode())
    assert client.answer().status == 400
    del listener


def test_another_users_connection_is_neither_given_nor_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    awaiting = Awaiting(name)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        assert not hand_over(name, WORD, ours, lambda: pytest.fail("nothing was to be said"))
        taken: list[socket.socket] = []
        taking = threading.Thread(target=lambda: taken.append(awaiting.take(WORD)), daemon=True)
        taking.start()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.connect("\0" + name)
            assert other.recv(1) == b""
        monkeypatch.undo()
        assert hand_over(name, WORD, ours, lambda: None)
        taking.join(PATIENCE_SECONDS)
        with taken[0] as connection:
            connection.sendall(b"x")
            assert theirs.recv(1) == b"x"


def test_whoever_connects_and_gives_nothing_holds_up_nobody(name: str) -> None:
    awaiting = Awaiting(name)
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as idle:
        idle.connect("\0" + name)
        giving = threading.Thread(target=hand_over, args=(name, WORD, ours, lambda: None))
        giving.start()
        with awaiting.take(WORD, patience_seconds=0.05) as taken:
            taken.sendall(b"x")
            assert theirs.recv(1) == b"x"
        giving.join(PATIENCE_SECONDS)


def test_a_system_without_such_names_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED")
    with pytest.raises(Failure) as failure:
        Awaiting(name)
    assert failure.value.error_class == "unsupported"
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not hand_over(name, WORD, ours, lambda: None)
