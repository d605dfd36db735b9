"""How bytes are told apart on a channel that a login shell may have printed noise into."""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
from typing import Any

MARKER = b"\nSYNCDECK-AGENT-1\n"
LINE_TAG = b"\x1eSYNCDECK "
LENGTH = struct.Struct(">I")


def encode(value: Any) -> bytes:
    """Return a frame: the length in four bytes, then JSON."""
    body = json.dumps(value, separators=(",", ":")).encode("ascii")
    return LENGTH.pack(len(body)) + body


def read_exactly(fd: int, count: int) -> bytes | None:
    """Return ``count`` bytes of a blocking descriptor, or None when it ends before."""
    parts = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_frame(fd: int) -> Any:
    """Return the next frame's value, or None at the end."""
    head = read_exactly(fd, LENGTH.size)
    if head is None:
        return None
    body = read_exactly(fd, LENGTH.unpack(head)[0])
    return None if body is None else json.loads(body)


def write_all(fd: int, data: bytes) -> None:
    """Write everything to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class LineWriter:
    """Tagged JSON lines, whole even when several threads write."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()

    def write(self, value: dict[str, Any]) -> None:
        """Write one line."""
        line = LINE_TAG + json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"
        with self._lock:
            write_all(self._fd, line)


def skip_to_marker(fd: int, limit_bytes: int = 1 << 20) -> bool:
    """Read up to the end of the marker, byte by byte so that nothing after it is taken; False at the end."""
    tail = b"\n"
    for _ in range(limit_bytes):
        byte = os.read(fd, 1)
        if not byte:
            return False
        tail = (tail + byte)[-len(MARKER) :]
        if tail == MARKER:
            return True
    return False


def die_with(fd: int) -> None:
    """End this process when ``fd`` ends: whoever started it is gone."""

    def watch() -> None:
        while os.read(fd, 4096):
            continue
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def python() -> str:
    """Return the interpreter that runs this agent."""
    return sys.executable or "python3"
