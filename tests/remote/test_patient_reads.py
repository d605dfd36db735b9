"""Reading an answer in whole reads, over a real connection that stalls, ends early or is closed by us."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from engine.remote.agent.fetching_http import Body, Broken, Connection

CONTENT = bytes(range(256)) * 4096
HEAD = b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\nContent-Range: bytes 0-%d/%d\r\n\r\n"
STALL_SECONDS = 0.5

Serve = Callable[[socket.socket], None]


@contextmanager
def answering(serve: Serve, stall_seconds: float = STALL_SECONDS) -> Iterator[tuple[Connection, Body]]:
    """Yield a connection to a server that answers one request with a head for CONTENT and whatever ``serve`` sends."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with closing(peer):
                peer.recv(65536)
                peer.sendall(HEAD % (len(CONTENT), len(CONTENT) - 1, len(CONTENT)))
                serve(peer)

        server = threading.Thread(target=answer)
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/file"
        connection = Connection(url, 5.0, stall_seconds)
        try:
            yield connection, connection.get(url, 0, len(CONTENT))
        finally:
            connection.close()
            server.join()


def test_a_patient_read_is_filled_though_the_bytes_come_in_drops() -> None:
    may_go_on = threading.Event()

    def in_drops(peer: socket.socket) -> None:
        peer.sendall(CONTENT[:1000])
        may_go_on.wait(5.0)
        for at in range(1000, len(CONTENT), 7001):
            peer.sendall(CONTENT[at : at + 7001])

    view = memoryview(bytearray(len(CONTENT)))
    with answering(in_drops, stall_seconds=5.0) as (_, body):
        first = body.read_into(view)
        assert 0 < first <= 1000
        may_go_on.set()
        assert body.read_into(view[first : first + 600_000], patient=True) == 600_000
        assert body.read_into(view[first + 600_000 :], patient=True) == len(CONTENT) - first - 600_000
        assert body.over
    assert bytes(view) == CONTENT


def test_a_connection_that_falls_silent_ends_with_what_had_come() -> None:
    over = threading.Event()

    def silent(peer: socket.socket) -> None:
        peer.sendall(CONTENT[:5000])
        over.wait(30.0)

    view = memoryview(bytearray(len(CONTENT)))
    with answering(silent) as (_, body):
        try:
            got = 0
            while got < 5000:
                got += body.read_into(view[got:], patient=True)
            with pytest.raises(Broken, match="nothing came"):
                body.read_into(view[got:], patient=True)
        finally:
            over.set()
    assert bytes(view[:5000]) == CONTENT[:5000]


def test_a_connection_that_is_cut_is_told_with_what_was_missing() -> None:
    view = memoryview(bytearray(len(CONTENT)))
    with answering(lambda peer: peer.sendall(CONTENT[:300_000])) as (_, body):
        got = body.read_into(view, patient=True)
        with pytest.raises(Broken):
            while True:
                got += body.read_into(view[got:], patient=True)
    assert bytes(view[:got]) == CONTENT[:got]


def test_closing_it_ends_a_read_that_waits() -> None:
    over, reading = threading.Event(), threading.Event()
    ended: list[BaseException | int] = []

    def wait(_: socket.socket) -> None:
        over.wait(60.0)

    with answering(wait, stall_seconds=60.0) as (connection, body):

        def read() -> None:
            reading.set()
            try:
                ended.append(body.read_into(memoryview(bytearray(1000)), patient=True))
            except Broken as error:
                ended.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        reading.wait(5.0)
        connection.close()
        reader.join(10.0)
        over.set()
        assert not reader.is_alive()
    assert isinstance(ended[0], Broken)
