"""The stream's format: chunks that each carry their own checksum, as they are or in base64 for text-only channels."""

from __future__ import annotations

import base64
import os
import struct
import zlib
from typing import Callable, Optional, Tuple

from engine.remote.agent.failures import Failure

HEADER = struct.Struct(">cII")  # kind, payload bytes, CRC-32 of the payload
BEGIN = b"B"
DATA = b"D"
END = b"E"
CHUNK_BYTES = 1 << 20
# A damaged length must not make the receiver ask for gigabytes.
MAX_PAYLOAD_BYTES = 8 << 20


Covered = Callable[[bytes, memoryview], memoryview]
ReadInto = Callable[[memoryview], int]
"""Fills the beginning of a view and returns how much that was, 0 at the end."""


def everything(kind: bytes, payload: memoryview) -> memoryview:
    """Return what the checksum of a chunk covers: all of it, where nothing else proves a part."""
    return payload


class ChunkWriter:
    """Writes chunks to a blocking descriptor."""

    def __init__(self, fd: int, encoding: str) -> None:
        self._fd = fd
        self._text = encoding == "base64"

    def write(self, kind: bytes, payload: "memoryview | bytes", tail: bytes = b"") -> int:
        """Write one chunk; return its bytes on the wire. Where a ``tail`` ends it, the checksum is of that alone."""
        header = HEADER.pack(kind, len(payload) + len(tail), zlib.crc32(tail or payload))
        if self._text:
            line = base64.b64encode(header + bytes(payload) + tail) + b"\n"
            return self._write([memoryview(line)])
        return self._write([memoryview(header), memoryview(payload), memoryview(tail)])

    def _write(self, views: "list[memoryview]") -> int:
        total = sum(len(view) for view in views)
        while views:
            count = os.writev(self._fd, views)
            while views and count >= len(views[0]):
                count -= len(views.pop(0))
            if views and count:
                views[0] = views[0][count:]
        return total


class ChunkReader:
    """Reads chunks from a blocking descriptor. A payload is only valid until the next read.

    ``heard`` is called with the count of bytes that came, in however small parts; ``covered`` returns what of a payload
    the checksum is of. ``read_into`` reads binary chunks in another way than from the descriptor.
    """

    def __init__(
        self,
        fd: int,
        encoding: str,
        heard: Optional[Callable[[int], None]] = None,
        covered: Covered = everything,
        read_into: Optional[ReadInto] = None,
    ) -> None:
        self._fd = fd
        self._read_into = read_into or self._from_descriptor
        self._heard = heard
        self._covered = covered
        self._text = encoding == "base64"
        self._buffer = bytearray(CHUNK_BYTES + HEADER.size)
        self._rest = b""

    def read(self) -> Optional[Tuple[bytes, memoryview]]:
        """Return (kind, payload), verified, or None where the stream ends without saying so."""
        return self._read_line() if self._text else self._read_binary()

    def taken(self) -> None:
        """Hear that the last payload is where it belongs; on a clean channel nobody need be told."""

    def _read_binary(self) -> Optional[Tuple[bytes, memoryview]]:
        if not self._fill(HEADER.size):
            return None
        kind, length, checksum = HEADER.unpack_from(self._buffer)
        if length > MAX_PAYLOAD_BYTES:
            raise damaged()
        if length > len(self._buffer):
            self._buffer = bytearray(length)
        if not self._fill(length):
            return None
        return self._verified(kind, memoryview(self._buffer)[:length], checksum)

    def _fill(self, count: int) -> bool:
        view = memoryview(self._buffer)[:count]
        while view:
            got = self._read_into(view)
            if not got:
                return False
            view = view[got:]
            if self._heard is not None:
                self._heard(got)
        return True

    def _from_descriptor(self, view: memoryview) -> int:
        return os.readv(self._fd, [view])

    def _read_line(self) -> Optional[Tuple[bytes, memoryview]]:
        parts = [self._rest]
        while b"\n" not in parts[-1]:
            part = os.read(self._fd, 1 << 20)
            if not part:
                return None
            parts.append(part)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        try:
            chunk = memoryview(base64.b64decode(line, validate=True))
            kind, length, checksum = HEADER.unpack_from(chunk)
        except (ValueError, struct.error):
            raise damaged() from None
        if len(chunk) != HEADER.size + length:
            raise damaged()
        return self._verified(kind, chunk[HEADER.size :], checksum)

    def _verified(self, kind: bytes, payload: memoryview, checksum: int) -> Tuple[bytes, memoryview]:
        if zlib.crc32(self._covered(kind, payload)) != checksum:
            raise damaged()
        return kind, payload


def damaged() -> Failure:
    """Return the failure of a chunk that is not what was sent."""
    return Failure("transient-network", "a chunk was damaged on the way", "it is resumed by itself")
