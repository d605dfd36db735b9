"""Small real HTTP servers that serve one content, well or badly in one chosen way."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK_BYTES = 64 << 10


@dataclass
class Behaviour:
    """How a server answers; may be changed while it runs."""

    content: bytes
    ranges: bool = True
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after_bytes: int | None = None
    """Every answer ends after so many bytes, without a word."""
    trickling: int = 0
    """So many answers, from the first, come at some 20 bytes per second."""
    length: bool = True
    total: int | None = None
    more: bytes = b""
    """What an answer sends beyond the content."""
    hold_after_bytes: int | None = None
    """An answer stops there until ``let_go`` is set."""
    let_go: threading.Event = field(default_factory=threading.Event)
    requests: list[str] = field(default_factory=list)
    sent_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour

    def do_GET(self) -> None:
        behaviour = self.behaviour
        wanted = self.headers.get("Range", "")
        with behaviour.lock:
            behaviour.requests.append(wanted)
            self._trickles = len(behaviour.requests) <= behaviour.trickling
        if behaviour.status is not None:
            self._head(behaviour.status, 0)
            return
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
        if found is None or not behaviour.ranges:
            body = behaviour.content + behaviour.more
            self._head(200, len(body) if behaviour.length else None)
        else:
            first, last = int(found[1]), int(found[2])
            body = behaviour.content[first : last + 1]
            total = len(behaviour.content) if behaviour.total is None else behaviour.total
            self._head(206, len(body), {"Content-Range": f"bytes {first}-{first + len(body) - 1}/{total}"})
        self._send(body)

    def _head(self, status: int, length: int | None, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), **self.behaviour.headers}.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _send(self, body: bytes) -> None:
        behaviour = self.behaviour
        cut = behaviour.cut_after_bytes
        if cut is not None and cut < BLOCK_BYTES:
            self.wfile.write(body[:cut])
            self.close_connection = True
            return
        while self._trickles and body and not behaviour.let_go.wait(0.05):
            self.wfile.write(body[:1])
            body = body[1:]
        for at in range(0, len(body), BLOCK_BYTES):
            if behaviour.hold_after_bytes is not None and at >= behaviour.hold_after_bytes:
                behaviour.let_go.wait()
            if behaviour.cut_after_bytes is not None and at >= behaviour.cut_after_bytes:
                self.close_connection = True
                return
            part = body[at : at + BLOCK_BYTES]
            self.wfile.write(part)
            with behaviour.lock:
                behaviour.sent_bytes += len(part)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A fetcher that has enough hangs up; that is no error of ours."""


@contextmanager
def served(behaviour: Behaviour) -> Iterator[str]:
    """Serve until the block ends; yields the URL."""
    handler = type("Handler", (_Handler,), {"behaviour": behaviour})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/content?sig=x"
    finally:
        behaviour.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()
