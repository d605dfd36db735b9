"""The stream as lines of text, for channels that are no clean pipe: terminals, greetings, changed line ends.

A chunk is a line that announces it (kind, number, length, SHA-256), lines of base64, and a line that ends it. The
receiver tells the engine which chunk it wants next, the engine tells the sender, and the sender waits for that: so a
chunk that was damaged is sent again, and a lost link costs one chunk. Lines are short enough for any terminal
(termios(3): 4,095 bytes on Linux, 1,023 on macOS), and everything that is not ours is noise.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import select
import threading
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from engine.remote.agent.frames import LINE_TAG, write_all

TEXT_CHUNK_BYTES = 2 << 20
ROW_BYTES = 720
"""Content of one line: 960 characters in base64."""
BLOCK_ROWS = 64
"""Lines that are written, counted and paid for at once."""
CHUNK_TAG = b"=SD= "
ORDER_TAG = b"=SO= "
IDLE_SECONDS = 5.0
"""After so long without a byte the receiver repeats what it wants: an order may have been lost in noise."""
READ_BYTES = 256 << 10
LONGEST_LINE_BYTES = 1 << 16

_ROW = re.compile(rb"[A-Za-z0-9+/]+={0,2}")


def order_line(value: Dict[str, Any]) -> bytes:
    """Return what the engine writes to a sender."""
    return ORDER_TAG + json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"


def tagged(line: bytes, tag: bytes) -> Any:
    """Return the JSON value after a tag, wherever in the line that is; None when there is none or it is damaged."""
    _, found, text = line.partition(tag)
    try:
        return json.loads(text) if found else None
    except ValueError:
        return None


class Lines:
    """The lines of a descriptor, ends stripped; ``rest`` is what was read of it already."""

    def __init__(self, fd: int, rest: bytes) -> None:
        self._fd = fd
        self._part = b""
        self._ready: Deque[bytes] = deque()
        self._take(rest)

    def next(self, idle: Optional[Callable[[], None]] = None) -> Optional[bytes]:
        """Return the next line, None at the end. ``idle`` is called whenever nothing comes for a while."""
        while not self._ready:
            while idle is not None and not select.select([self._fd], [], [], IDLE_SECONDS)[0]:
                idle()
            data = os.read(self._fd, READ_BYTES)
            if not data:
                return None
            self._take(data)
        return self._ready.popleft().strip(b"\r")

    def _take(self, data: bytes) -> None:
        parts = (self._part + data).split(b"\n")
        self._part = parts.pop()[-LONGEST_LINE_BYTES:]
        self._ready.extend(parts)


class Acknowledged:
    """Which chunk the receiver wants next, as the engine's orders say."""

    def __init__(self) -> None:
        self._heard = threading.Condition()
        self._wanted = 0
        self._again = False

    def take(self, wanted: int, again: bool) -> None:
        """Hear what the receiver wants next; ``again``: what it got of that was damaged, or nothing comes."""
        with self._heard:
            self._wanted = max(self._wanted, wanted)
            self._again = again
            self._heard.notify_all()

    def forget_repeats(self) -> None:
        """A wish to have the chunk that is just being sent is about to be fulfilled."""
        with self._heard:
            self._again = False

    def wait(self, number: int) -> bool:
        """Return True when chunk ``number`` has arrived, False when it must be sent again."""
        with self._heard:
            self._heard.wait_for(lambda: self._wanted > number or self._again)
            return self._wanted > number


class TextWriter:
    """Writes chunks, each until it has arrived. ``sent`` is called with the bytes of every few lines."""

    def __init__(self, fd: int, acknowledged: Acknowledged, sent: Callable[[int], None]) -> None:
        self._fd = fd
        self._acknowledged = acknowledged
        self._sent = sent
        self._lock = threading.Lock()
        self._number = 0

    def write(self, kind: bytes, payload: "memoryview | bytes") -> int:
        """Send one chunk and return 0 when the receiver has it: its bytes were counted by ``sent``."""
        view = memoryview(payload)
        digest = hashlib.sha256(view).hexdigest().encode("ascii")
        head = b"\n%s%s %d %d %s\n" % (CHUNK_TAG, kind, self._number, len(view), digest)
        while True:
            self._put(head)
            for start in range(0, len(view), ROW_BYTES * BLOCK_ROWS):
                self._put(_rows(view[start : start + ROW_BYTES * BLOCK_ROWS]))
            self._acknowledged.forget_repeats()
            self._put(b"%s. %d\n" % (CHUNK_TAG, self._number))
            if self._acknowledged.wait(self._number):
                self._number += 1
                return 0

    def say(self, value: Dict[str, Any]) -> None:
        """Write a line of the sender's own into the stream, for the receiver to hand on."""
        line = b"\n" + LINE_TAG + json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"
        with self._lock:
            write_all(self._fd, line)

    def _put(self, data: bytes) -> None:
        with self._lock:
            write_all(self._fd, data)
        self._sent(len(data))


class TextReader:
    """Reads chunks in their order, each verified; asks for what is missing."""

    def __init__(self, lines: Lines, tell: Callable[[Dict[str, Any]], None], heard: Callable[[int], None]) -> None:
        self._lines = lines
        self._tell = tell
        self._heard = heard
        self._wanted = 0

    def read(self) -> Optional[Tuple[bytes, memoryview]]:
        """Return (kind, payload) of the next chunk, or None at the end of the stream."""
        head: List[bytes] = []
        rows: List[bytes] = []
        while True:
            line = self._lines.next(self._ask_again)
            if line is None:
                return None
            if CHUNK_TAG in line:
                words = line.partition(CHUNK_TAG)[2].split()
                if len(words) == 4:
                    head, rows = words, []
                elif head and words[:1] == [b"."] and words[1:] == head[1:2]:
                    payload = self._payload(head, rows)
                    if payload is not None:
                        return head[0], payload
                    head = []
            elif LINE_TAG in line:
                self._tell({"peer": tagged(line, LINE_TAG) or {}})
            elif head:
                rows.append(line)
                if len(rows) % BLOCK_ROWS == 0:
                    self._heard(BLOCK_ROWS * ROW_BYTES)

    def taken(self) -> None:
        """Ask for the next chunk: this one is where it belongs."""
        self._wanted += 1
        self._tell({"wants": self._wanted, "again": False})

    def _ask_again(self) -> None:
        self._tell({"wants": self._wanted, "again": True})

    def _payload(self, head: List[bytes], rows: List[bytes]) -> Optional[memoryview]:
        """Return the chunk's content; None when it is not the one that is wanted, or damaged: it is asked for again."""
        _, number, length, sha256 = head
        if not (number.isdigit() and length.isdigit()):
            self._ask_again()
            return None
        if int(number) < self._wanted:
            self._tell({"wants": self._wanted, "again": False})  # It came twice: the order to go on was lost.
            return None
        for kept in (rows, _without_noise(rows, int(length))):
            payload = _decoded(kept)
            whole = len(payload) == int(length) and hashlib.sha256(payload).hexdigest().encode("ascii") == sha256
            if whole and int(number) == self._wanted:
                return memoryview(payload)
        self._ask_again()
        return None


def _rows(view: memoryview) -> bytes:
    return b"".join(binascii.b2a_base64(view[at : at + ROW_BYTES]) for at in range(0, len(view), ROW_BYTES))


def _without_noise(rows: List[bytes], length: int) -> List[bytes]:
    """Return the rows that can be of such a chunk: a full one, or one as long as the last must be."""
    sizes = (ROW_BYTES // 3 * 4, (length % ROW_BYTES + 2) // 3 * 4)
    return [row for row in rows if len(row) in sizes and _ROW.fullmatch(row)]


def _decoded(rows: List[bytes]) -> bytes:
    try:
        return base64.b64decode(b"".join(rows))
    except ValueError:
        return b""
