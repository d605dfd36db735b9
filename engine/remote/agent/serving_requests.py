"""HTTP as far as a data server speaks it (RFC 9110, RFC 9112): reading request heads, writing answer heads. Pure."""

from __future__ import annotations

import re
from typing import Dict, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

REASONS = {
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    412: "Precondition Failed",
    416: "Range Not Satisfiable",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
END_OF_HEAD = b"\r\n\r\n"
_TOKEN = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
_VERSION = re.compile(r"^HTTP/1\.[0-9]$")
_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")
# More digits than any file has: Python refuses to read numbers of thousands of digits.
_MOST_DIGITS = 19


class Refused(Exception):
    """A request that is answered with an error. ``close``: nothing more can be read from this connection."""

    def __init__(self, status: int, body: str = "", headers: Tuple[Tuple[str, str], ...] = (), close: bool = False):
        super().__init__("%d %s" % (status, body))
        self.status = status
        self.body = body
        self.headers = headers
        self.close = close


class Request(NamedTuple):
    """One request head. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Dict[str, str]
    keep_alive: bool


def parse_head(head: bytes) -> Request:
    """Return the request of a head without its empty line; raises Refused, after which the connection is of no use."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not _TOKEN.match(words[0]):
        raise Refused(400, close=True)
    method, target, version = words
    if not _VERSION.match(version):
        raise Refused(505 if version.startswith("HTTP/") else 400, close=True)
    headers = _headers(lines[1:])
    modern = version != "HTTP/1.0"
    if modern and "host" not in headers:
        raise Refused(400, close=True)
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        raise Refused(400, "no request here has a body\n", close=True)
    try:
        parts = urlsplit(target)
    except ValueError:
        raise Refused(400, close=True) from None
    wishes = [word.strip().lower() for word in headers.get("connection", "").split(",")]
    keep_alive = "close" not in wishes and (modern or "keep-alive" in wishes)
    return Request(method, parts.path, parts.query, headers, keep_alive)


def _headers(lines: "list[str]") -> Dict[str, str]:
    headers: Dict[str, str] = {}
    for line in lines:
        name, separator, value = line.partition(":")
        name = name.lower()
        if not separator or not _TOKEN.match(name) or "\r" in value or "\n" in value or "\0" in value:
            raise Refused(400, close=True)
        if name in headers and name in ("host", "content-length", "range", "if-range"):
            raise Refused(400, close=True)
        headers[name] = value.strip(" \t")
    return headers


class Unsatisfiable:
    """A range that lies outside the file."""


def wanted_range(header: Optional[str], size: int) -> Union[Tuple[int, int], Unsatisfiable, None]:
    """Return (first byte, past the last) of a single range; None for what is to be taken for no range at all."""
    match = _RANGE.match(header.replace(" ", "")) if header is not None else None
    if match is None or match.groups() == ("", ""):
        return None
    first_text, last_text = match.groups()
    if max(len(first_text), len(last_text)) > _MOST_DIGITS:
        return Unsatisfiable()
    if not first_text:
        length = min(int(last_text), size)
        return (size - length, size) if length else Unsatisfiable()
    first = int(first_text)
    if last_text and int(last_text) < first:
        return None
    if first >= size:
        return Unsatisfiable()
    return first, min(int(last_text) + 1, size) if last_text else size


def answer_head(status: int, headers: "list[Tuple[str, str]]", keep_alive: bool) -> bytes:
    """Return an answer's head with its empty line."""
    lines = ["HTTP/1.1 %d %s" % (status, REASONS[status])]
    lines += ["%s: %s" % pair for pair in headers]
    lines += ["Connection: %s" % ("keep-alive" if keep_alive else "close"), "", ""]
    return "\r\n".join(lines).encode("ascii")
