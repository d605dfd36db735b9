"""The chunk of a batch: contents of several files, or a part of one, and behind them what each of them is."""

from __future__ import annotations

import json
import struct
from typing import Any, Dict, List, NamedTuple, Optional

from engine.remote.agent.chunks import damaged

FILES = b"F"
LENGTH = struct.Struct(">I")
CHUNK_BYTES = 512 << 10
"""Contents per chunk: some 25 files of 20 KiB share one checksum, one write and one thread switch."""
TOLD_AT_ONCE = 200
"""What is told of files, per line: the engine decodes a line on its event loop."""


class Piece(NamedTuple):
    """Some bytes of the file of this number in the job.

    ``sha256``, with the whole ``size``, comes with the last ones; ``failure`` ends the file.
    """

    number: int
    length: int
    sha256: Optional[str] = None
    size: int = 0
    lines: Optional[int] = None
    failure: Optional[Dict[str, Any]] = None


def tail_of(pieces: List[Piece]) -> bytes:
    """Return what follows the contents of a chunk and says what they are."""
    told = json.dumps(pieces, separators=(",", ":")).encode("ascii")
    return told + LENGTH.pack(len(told))


def covered(kind: bytes, payload: memoryview) -> memoryview:
    """Return what the checksum of a chunk covers: beside contents only their tail, for their SHA-256 proves them."""
    if kind != FILES or len(payload) < LENGTH.size:
        return payload
    (length,) = LENGTH.unpack_from(payload, len(payload) - LENGTH.size)
    return payload[max(0, len(payload) - LENGTH.size - length) :]


def unseal(payload: memoryview) -> List[Piece]:
    """Return the pieces of a chunk, whose contents lie in ``payload`` from its start; raises Failure."""
    try:
        (length,) = LENGTH.unpack_from(payload, len(payload) - LENGTH.size)
        start = len(payload) - LENGTH.size - length
        pieces = [Piece(*values) for values in json.loads(bytes(payload[start : len(payload) - LENGTH.size]))]
    except (ValueError, TypeError, struct.error):
        raise damaged() from None
    if start < 0 or sum(piece.length for piece in pieces) != start:
        raise damaged()
    return pieces
