"""One connection of a data server: requests one after the other, each answered from what its URL grants."""

from __future__ import annotations

import select
import socket
import time
from typing import Callable, List, Tuple

from engine.remote.agent.handover import hand_over
from engine.remote.agent.serving_files import ServedFile, forbidden
from engine.remote.agent.serving_output import Output, ReaderGone
from engine.remote.agent.serving_requests import (
    END_OF_HEAD,
    Refused,
    Request,
    Unsatisfiable,
    answer_head,
    parse_head,
    wanted_range,
)
from engine.remote.agent.serving_urls import (
    BATCH_PATH,
    DATA_PATH,
    HEALTH_PATH,
    is_our_health_query,
    read_batch_query,
    read_data_query,
)

# Room for a path of 4,096 bytes and its root, every byte of them escaped.
LARGEST_HEAD_BYTES = 32 << 10
# A head that is not complete so long after its first byte is never going to be.
HEAD_SECONDS = 10.0
# A fetcher that is told to wait asks again; its connection is kept meanwhile.
IDLE_SECONDS = 60.0
RANGES_ONLY = "a file that is still being written is served by ranges only\n"


class Connection:
    """Serves until the other end leaves. ``idle_since`` is a monotonic time, None while a request is answered."""

    def __init__(
        self, connection: socket.socket, output: Output, secret: bytes, engine_time: Callable[[], float]
    ) -> None:
        self._socket = connection
        self._output = output
        self._secret = secret
        self._engine_time = engine_time
        self._received = bytearray()
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self.idle_since: "float | None" = time.monotonic()

    def run(self) -> None:
        """Answer requests until the connection ends; raises nothing."""
        try:
            while self._answer_next():
                continue
        except (ReaderGone, OSError):
            return  # Whoever asked went away; there is nobody left to tell.

    def close(self) -> None:
        """Break the connection off, from any thread; ``run`` returns."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # It ended by itself.

    def _answer_next(self) -> bool:
        """Return whether another request may follow."""
        self.idle_since = time.monotonic()
        request = None
        try:
            head = self._read_head()
            if not head:
                return False
            self.idle_since = None
            request = parse_head(head)
            return self._answer(request) and request.keep_alive
        except Refused as refusal:
            keep = request is not None and request.keep_alive and not refusal.close
            with_body = request is None or request.method != "HEAD"
            self._refuse(refusal, keep, with_body)
            return keep

    def _read_head(self) -> bytes:
        """Return the next head without its empty line, empty at the end; raises Refused when too long or too slow."""
        deadline = time.monotonic() + (HEAD_SECONDS if self._received else IDLE_SECONDS)
        searched = 0
        if self._received[:2] == b"\r\n":
            del self._received[:2]  # RFC 9112 2.2: an empty line before a request is passed over.
        while True:
            end = self._received.find(END_OF_HEAD, max(0, searched - len(END_OF_HEAD)))
            if end > LARGEST_HEAD_BYTES or (end < 0 and len(self._received) > LARGEST_HEAD_BYTES):
                raise Refused(431, close=True)
            if end >= 0:
                head = bytes(self._received[:end])
                del self._received[: end + len(END_OF_HEAD)]
                return head
            searched = len(self._received)
            if not self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                if searched:
                    raise Refused(408, close=True)
                return b""
            part = self._socket.recv(LARGEST_HEAD_BYTES)
            if not part:
                return b""
            if not searched:
                deadline = time.monotonic() + HEAD_SECONDS
                self.idle_since = None
            self._received += part

    def _answer(self, request: Request) -> bool:
        """Return whether the connection is still ours."""
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, headers=(("Allow", "GET, HEAD"),))
        if request.path == HEALTH_PATH:
            self._answer_health(request)
        elif request.path == DATA_PATH:
            self._answer_data(request)
        elif request.path == BATCH_PATH and request.method == "GET":
            self._hand_over(request)
            return False
        else:
            raise Refused(404)
        return True

    def _answer_health(self, request: Request) -> None:
        """Say nothing but that somebody is here; who asks with our secret learns that it is we."""
        if request.query and not is_our_health_query(self._secret, request.query, self._engine_time()):
            raise forbidden()
        self._output.text(answer_head(204, [], request.keep_alive))

    def _answer_data(self, request: Request) -> None:
        grant = read_data_query(self._secret, request.query, self._engine_time())
        if grant is None:
            raise forbidden()
        file = ServedFile(grant)
        try:
            status, span, headers = _chosen(request, file)
            head = answer_head(status, headers, request.keep_alive)
            if request.method == "HEAD":
                self._output.text(head)
                return
            self._output.text(head, more=span[1] > span[0])
            self._output.file(file.fd, span[0], span[1], file.unchanged)
        finally:
            file.close()

    def _hand_over(self, request: Request) -> None:
        """Leave the connection, behind the head of its answer, to another agent of this node, who has the content."""
        granted = read_batch_query(self._secret, request.query, self._engine_time())
        if granted is None:
            raise forbidden()
        if self._received:
            raise Refused(400, close=True)  # What was read already cannot be handed over.
        head = answer_head(200, [("Content-Type", "application/octet-stream")], keep_alive=False)
        if not hand_over(*granted, self._socket, lambda: self._output.text(head)):
            raise Refused(503, headers=(("Retry-After", "1"),), close=True)

    def _refuse(self, refusal: Refused, keep_alive: bool, with_body: bool) -> None:
        body = refusal.body.encode("ascii")
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *refusal.headers]
        head = answer_head(refusal.status, headers, keep_alive)
        self._output.text(head + body if with_body else head)


def _chosen(request: Request, file: ServedFile) -> "Tuple[int, Tuple[int, int], List[Tuple[str, str]]]":
    """Return status, bytes [first, past) and headers of the answer; raises Refused for a range that is not there."""
    condition = request.headers.get("if-range")
    # Only a GET has ranges (RFC 9110 14.2), but a HEAD is mostly asked to learn what a GET would say.
    span = wanted_range(request.headers.get("range"), file.size)
    if condition is not None and (file.partial or condition != file.etag):
        span = None
    total = "*" if file.partial else str(file.size)
    if isinstance(span, Unsatisfiable):
        raise Refused(416, headers=(("Content-Range", "bytes */%d" % file.size),))
    headers = [("Accept-Ranges", "bytes"), ("Content-Type", "application/octet-stream"), ("ETag", file.etag)]
    if span is None:
        if file.partial:
            raise Refused(416, RANGES_ONLY)
        return 200, (0, file.size), [*headers, ("Content-Length", str(file.size))]
    first, past = span
    headers += [
        ("Content-Range", "bytes %d-%d/%s" % (first, past - 1, total)),
        ("Content-Length", str(past - first)),
    ]
    return 206, (first, past), headers
