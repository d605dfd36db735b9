"""A small HTTP/1.1 reader for ranges: bytes go from the socket into the caller's buffer, and nothing is believed.

http.client would copy every body once more, forget what arrived before a timeout, and take long to import.
"""

from __future__ import annotations

import re
import socket
import struct
from contextlib import suppress
from typing import Any, Dict, Optional
from urllib.parse import urljoin, urlsplit

from engine.remote.agent.failures import Failure

MOST_HEADER_BYTES = 64 << 10
MOST_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
_STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3})")
_CONTENT_RANGE = re.compile(r"^bytes (\d+)-(\d+)/(\d+|\*)$")


class Broken(Exception):
    """The connection failed: the same may work a moment later."""


class Refused(Broken):
    """Nobody listens there: the server ended, and another may be started."""


class Expired(Failure):
    """The source does not let us read (any more); a fresh URL may."""


class Busy(Exception):
    """The source asks to be left alone for ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__("it is busy")
        self.seconds = seconds


class Body:
    """What follows a response's headers. ``start``: which byte of the file comes first; ``total``: the file's size,
    None where the answer does not say it."""

    def __init__(
        self, connection: "Connection", ranged: bool, start: int, total: Optional[int], left: Optional[int]
    ) -> None:
        self.ranged = ranged
        self.start = start
        self.total = total
        self.unbounded = left is None
        self._connection = connection
        self._left = left

    def read_into(self, view: memoryview, patient: bool = False) -> int:
        """Fill the beginning of ``view`` with what comes next and return how much that is, 0 at the end; all of it
        where one is ``patient`` and the connection goes on. Raises Broken where the connection ends before."""
        if self._left is not None:
            view = view[: self._left]
        if not view:
            return 0
        taken = self._connection.take(view, patient)
        if not taken and self._left:
            raise Broken("the answer ended %d bytes early" % self._left)
        if self._left is not None:
            self._left -= taken
        return taken

    @property
    def over(self) -> bool:
        """Whether nothing of it is left, so that the connection can be asked again."""
        return self._left == 0


class Connection:
    """One connection to one server, used for one request after the other."""

    def __init__(self, url: str, connect_seconds: float, stall_seconds: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            cause = "%s://%s is no address of a data server" % (parts.scheme, parts.netloc)
            raise Failure("config", cause, "look at data_plane.http")
        self.origin = (parts.scheme, parts.netloc)
        self._host = parts.netloc.rpartition("@")[2]
        self._pending = b""
        self._reusable = True
        self._body: Optional[Body] = None
        self._stall_seconds = stall_seconds
        self._patient_flag = 0
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            self._socket: Any = socket.create_connection((parts.hostname, port), connect_seconds)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if parts.scheme == "https":
                self._secure(parts.hostname)
                self._socket.settimeout(stall_seconds)
            else:
                self._let_the_system_wait()
        except ConnectionRefusedError as error:
            raise Refused("%s: %s" % (self._host, error)) from None
        except (OSError, ValueError) as error:
            raise Broken("%s: %s" % (self._host, error)) from None

    def _secure(self, host: str) -> None:
        import ssl

        self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=host)

    def _let_the_system_wait(self) -> None:
        """Have the system end what takes too long. Python's own time limits ask twice for every read, and cannot wait
        for a whole one."""
        whole, part = divmod(self._stall_seconds, 1)
        limit = struct.pack("ll", int(whole), int(part * 1e6))
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._patient_flag = socket.MSG_WAITALL

    def serves(self, url: str) -> bool:
        """Return whether another request for ``url`` can go over this connection now."""
        parts = urlsplit(url)
        idle = self._body is None or self._body.over
        return idle and self._reusable and (parts.scheme, parts.netloc) == self.origin

    def close(self) -> None:
        """End the connection; a thread that reads from it fails with Broken."""
        with suppress(OSError):  # It ended already.
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def get(self, url: str, first: int, past: int) -> Body:
        """Ask for the bytes [first, past) and return the body of the answer: these or, from a server without ranges,
        all. Raises Broken, Busy, Expired, or Failure where the source cannot serve."""
        for _ in range(MOST_REDIRECTS):
            status, headers = self._ask(url, first, past)
            if status not in REDIRECTS:
                self._body = self._judge(status, headers, first, past)
                return self._body
            url = self._redirected(url, headers)
        raise Failure("unsupported", "it redirects without end", "look at that server")

    def take(self, view: memoryview, patient: bool = False) -> int:
        """Fill the beginning of ``view``, or all of it; 0 at the connection's end. Raises Broken."""
        if self._pending:
            count = min(len(view), len(self._pending))
            view[:count] = self._pending[:count]
            self._pending = self._pending[count:]
            return count
        try:
            return int(self._socket.recv_into(view, 0, self._patient_flag if patient else 0))
        except (socket.timeout, BlockingIOError):
            raise Broken("%s: nothing came for %.0f s" % (self._host, self._stall_seconds)) from None
        except (OSError, ValueError) as error:
            raise Broken("%s: %s" % (self._host, error)) from None

    def _ask(self, url: str, first: int, past: int) -> "tuple[int, Dict[str, str]]":
        parts = urlsplit(url)
        target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        request = (
            "GET %s HTTP/1.1\r\nHost: %s\r\nRange: bytes=%d-%d\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
            "User-Agent: syncdeck\r\n\r\n" % (target, self._host, first, past - 1)
        )
        try:
            self._socket.sendall(request.encode("ascii"))
        except OSError as error:
            raise Broken("%s: %s" % (self._host, error)) from None
        return self._read_head()

    def _read_head(self) -> "tuple[int, Dict[str, str]]":
        head = self._pending
        buffer = memoryview(bytearray(16 << 10))
        self._pending = b""
        while b"\r\n\r\n" not in head:
            count = self.take(buffer)
            if not count:
                raise Broken("%s closed the connection without an answer" % self._host)
            head += buffer[:count]
            if len(head) > MOST_HEADER_BYTES:
                raise Failure("unsupported", "its answer has no end of headers", "look at that server")
        head, _, self._pending = head.partition(b"\r\n\r\n")
        status = _STATUS.match(head)
        if status is None:
            raise Broken("%s answered with something that is no HTTP" % self._host)
        lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]]
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        wanted = headers.get("connection", "").lower()
        self._reusable = wanted != "close" if head.startswith(b"HTTP/1.1") else wanted == "keep-alive"
        return int(status.group(1)), headers

    def _redirected(self, url: str, headers: Dict[str, str]) -> str:
        """Return where an answer points to on the same server; nobody may send us elsewhere."""
        there = urljoin(url, headers.get("location", ""))
        parts = urlsplit(there)
        if (parts.scheme, parts.netloc) != self.origin or headers.get("content-length") != "0" or not self._reusable:
            raise Failure("unsupported", "it redirects to another place", "name the server that holds the file")
        return there

    def _judge(self, status: int, headers: Dict[str, str], first: int, past: int) -> Body:
        if status not in (200, 206):
            raise _refusal(status, headers)
        if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise Failure("unsupported", "it sends the file in another encoding", "turn compression off there")
        if headers.get("transfer-encoding", "identity").lower() not in ("", "identity"):
            raise Failure("unsupported", "it does not say how long its answer is", "serve files with their length")
        length = int(headers["content-length"]) if headers.get("content-length", "").isdigit() else None
        if length is None:
            self._reusable = False
        if status == 200:
            return Body(self, False, 0, length, length)
        found = _CONTENT_RANGE.match(headers.get("content-range", ""))
        if found is None:
            raise Failure("unsupported", "it does not say which range it sends", "look at that server")
        begin, end = int(found.group(1)), int(found.group(2)) + 1
        if begin != first or not begin < end <= past or length not in (None, end - begin):
            raise Failure("unsupported", "it sends another range than was asked for", "look at that server")
        total = None if found.group(3) == "*" else int(found.group(3))
        return Body(self, True, begin, total, end - begin)


def _refusal(status: int, headers: Dict[str, str]) -> Exception:
    cause = "it answered with status %d" % status
    if status in (429, 503):
        after = headers.get("retry-after", "")
        return Busy(float(after) if after.isdigit() else 1.0)
    if status in (401, 403):
        return Expired("unsupported", cause, "a fresh URL is made by itself")
    if status in (404, 410):
        return Failure("not-found", cause, "the next scan finds what is there now")
    if status in (412, 416):
        return Failure("source-changed", cause, "it is tried again by itself")
    if status >= 500:
        return Broken(cause)
    return Failure("unsupported", cause, "look at that server")
