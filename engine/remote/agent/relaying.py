"""Stands between rsync and its ssh, and lets bytes through at a rate that may change: rsync's own cap cannot.

Started by rsync as its remote shell, so rsync and ssh talk through it. A socket to the engine brings orders (the rate
in bytes per second, or null) and takes news (the bytes so far); when the engine's end closes, the relay ends, and rsync
with it. Without a rate the kernel moves the pages (splice) where the system can.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import subprocess
import sys
import threading
import time
from typing import Any, Callable, List, Optional

from engine.remote.agent.compression import widen_pipe
from engine.remote.agent.frames import encode, read_frame, write_all
from engine.remote.agent.throttle import Throttle

CHUNK_BYTES = 256 << 10
REPORT_SECONDS = 0.2
DRAIN_SECONDS = 0.005

Move = Callable[[int], int]
"""Moves at most so many bytes and returns how many; 0 at the end."""


def splicing(source: int, target: int) -> Optional[Move]:
    """Return a move that copies nothing through this process, or None where the system has none."""
    try:
        splice = ctypes.CDLL(None, use_errno=True).splice
    except AttributeError:
        return None

    def splice_once(at_most: int) -> int:
        count = int(splice(source, None, target, None, ctypes.c_size_t(at_most), 0))
        if count < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return count

    return splice_once


def copying(source: int, target: int) -> Move:
    """Return a move by reading and writing."""

    def move(at_most: int) -> int:
        data = os.read(source, at_most)
        write_all(target, data)
        return len(data)

    return move


class Pump:
    """One direction: from a descriptor to another, at the common rate."""

    def __init__(self, source: int, target: int, throttle: Throttle, moved: Callable[[int], None]) -> None:
        self._source, self._target = source, target
        self._throttle = throttle
        self._moved = moved
        self._moving = threading.Lock()
        self._ended = False
        self._move = splicing(source, target) or copying(source, target)

    def run(self, at_end: Callable[[], None]) -> None:
        """Move everything, then call ``at_end``."""
        while not self._ended:
            select.select([self._source], [], [])
            with self._moving:
                count = self._next()
            if count:
                self._moved(count)
                self._throttle.pay(count)
        at_end()

    def _next(self) -> int:
        try:
            count = self._move(self._throttle.chunk_bytes(CHUNK_BYTES))
        except OSError as error:
            if error.errno == errno.EINVAL and self._move.__name__ == "splice_once":
                self._move = copying(self._source, self._target)
                return 0
            count = 0  # The other side is gone: rsync and ssh say why.
        self._ended = count == 0
        return count

    def drained(self) -> bool:
        """Return whether nothing is on its way any more."""
        with self._moving:
            return self._ended or not select.select([self._source], [], [], 0)[0]


class Relay:
    """Both directions between rsync (our stdin and stdout) and its ssh; one rate for them together."""

    def __init__(self, control: int, argv: List[str]) -> None:
        self._control = control
        self._wire = 0
        self._lock = threading.Lock()
        order = read_frame(control)
        self._throttle = Throttle(order["rate"] if order else None, time.monotonic)
        for fd in (0, 1):
            os.set_blocking(fd, True)  # rsync hands them over as they suit itself.
        self._ssh = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._ssh.stdin is not None and self._ssh.stdout is not None
        self._to_ssh, self._from_ssh = self._ssh.stdin, self._ssh.stdout
        for pipe in (self._to_ssh, self._from_ssh):
            widen_pipe(pipe.fileno())

    def run(self) -> int:
        """Relay until ssh ends; return its exit status. A master connection may keep ssh's pipe open after that."""
        outward = Pump(0, self._to_ssh.fileno(), self._throttle, self._count)
        inward = Pump(self._from_ssh.fileno(), 1, self._throttle, self._count)
        for work in (
            self._obey,
            self._report_often,
            lambda: outward.run(self._to_ssh.close),
            lambda: inward.run(lambda: None),
        ):
            threading.Thread(target=work, daemon=True).start()
        status = self._ssh.wait()
        while not inward.drained():
            time.sleep(DRAIN_SECONDS)
        self._report()
        return status if status >= 0 else 128 - status

    def _count(self, count: int) -> None:
        with self._lock:
            self._wire += count

    def _obey(self) -> None:
        while True:
            order = read_frame(self._control)
            if order is None:
                self._ssh.terminate()
                os._exit(1)
            self._throttle.set(order["rate"])

    def _report_often(self) -> None:
        told = 0
        while True:
            time.sleep(REPORT_SECONDS)
            if self._wire != told:
                told = self._wire
                self._report()

    def _report(self) -> None:
        try:
            with self._lock:
                write_all(self._control, encode({"wire": self._wire}))
        except OSError:
            os._exit(1)  # The engine is gone.


def main(words: List[str]) -> Any:
    """Be the relay: the control socket's number, then the command."""
    os._exit(Relay(int(words[0]), words[1:]).run())


def as_command(words: List[str]) -> List[str]:
    """Return the argv that runs this file's ``main`` in an isolated interpreter; ``words`` follow it."""
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
    start = "import sys;sys.path.insert(0,sys.argv[1]);from engine.remote.agent.relaying import main;main(sys.argv[2:])"
    return [sys.executable, "-I", "-S", "-c", start, root, *words]
