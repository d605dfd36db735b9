"""The proxy does what its faults say: else the matrix would prove nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.faults.proxy import Fault, Kind, Proxy

CONTENT = bytes(range(256)) * 2_000


@pytest.fixture
def server() -> Iterator[int]:
    """A server that sends the same content to whoever connects, and closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.sendall(CONTENT)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def fetch(port: int) -> bytes:
    """Return all that comes; raises ConnectionError when the connection breaks."""
    parts = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("kind", [Kind.NONE, Kind.DELAY])
def test_what_does_no_harm_passes_everything(server: int, kind: Kind) -> None:
    with Proxy(server, Fault(kind, seconds=0.001)) as proxy:
        assert fetch(proxy.port) == CONTENT
        assert proxy.passed == len(CONTENT)


@pytest.mark.parametrize("kind", [Kind.CUT_BY_BYTES, Kind.RESET, Kind.RESET_ON_CONNECT])
def test_a_cut_connection_is_reset(server: int, kind: Kind) -> None:
    with Proxy(server, Fault(kind, after_bytes=100_000)) as proxy, pytest.raises(ConnectionError):
        fetch(proxy.port)
        pytest.fail(f"{proxy.struck} strikes, and the connection ended well")


def test_a_truncated_answer_ends_as_if_it_were_whole(server: int) -> None:
    with Proxy(server, Fault(Kind.TRUNCATE, after_bytes=100_000), seed=3) as proxy:
        got = fetch(proxy.port)
    assert 100_000 <= len(got) < 200_000 and CONTENT.startswith(got)


def test_one_bit_of_a_corrupted_answer_differs(server: int) -> None:
    with Proxy(server, Fault(Kind.CORRUPT, after_bytes=100_000), seed=4) as proxy:
        got = fetch(proxy.port)
    differing = [one ^ other for one, other in zip(got, CONTENT, strict=True) if one != other]
    assert len(differing) == 1 and differing[0].bit_count() == 1


@pytest.mark.parametrize("kind", [Kind.BLACK_HOLE, Kind.SILENT])
def test_a_silent_connection_stays_open_and_says_nothing_more(
    server: int, kind: Kind, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    got = 0
    with Proxy(server, Fault(kind, after_bytes=100_000)) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
            wait_until(lambda: proxy.struck == 1)
            connection.setblocking(False)
            while True:
                try:
                    part = connection.recv(65536)
                except BlockingIOError:
                    if got == proxy.passed:
                        break
                    continue
                assert part, "it was closed"
                got += len(part)
        wait_until(lambda: kind is Kind.SILENT or proxy.open == 0)
    assert got == 0 if kind is Kind.BLACK_HOLE else 100_000 <= got < 200_000


def test_the_same_seed_strikes_at_the_same_bytes(server: int) -> None:
    lengths = []
    for _ in range(2):
        with Proxy(server, Fault(Kind.TRUNCATE, after_bytes=50_000), seed=7) as proxy:
            lengths.append([len(fetch(proxy.port)) for _ in range(4)])
    assert lengths[0] == lengths[1] and len(set(lengths[0])) == 4
