"""SHA-256 of all of a file, in a thread that follows whoever reads or writes it from front to back."""

from __future__ import annotations

import hashlib
import sys
import threading
from typing import Callable

from engine.remote.agent.background import Task
from engine.remote.agent.pages import BLOCK_BYTES, read_blocks

# How far the one may run ahead of the hash, so that a large file is read from disk once.
AHEAD_BLOCKS = 256
# Python's own 5 ms would let the hash wait that long before every block.
SWITCH_SECONDS = 0.0005
WAIT_SECONDS = 1.0


class HashBehind:
    """The hash of the ``size`` bytes of ``fd``, whose position it uses."""

    def __init__(self, fd: int, size: int) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        self._fd = fd
        self._size = size
        self._digest = hashlib.sha256()
        self._ready = threading.Semaphore(0)
        self._room = threading.Semaphore(AHEAD_BLOCKS)
        self._released = 0
        self._task = Task(self._hash)

    def reached(self, done: int) -> None:
        """Let the hash go as far as all bytes before ``done`` are final; waits while it lags too far behind."""
        blocks = -(-self._size // BLOCK_BYTES) if done >= self._size else done // BLOCK_BYTES
        while self._released < blocks:
            self._released += 1
            self._ready.release()
            while not self._room.acquire(timeout=WAIT_SECONDS):
                if self._task.ended(0.0):
                    self._task.result()

    def result(self, waiting: Callable[[], None]) -> str:
        """Return the hash; ``waiting`` is called meanwhile."""
        while not self._task.ended(WAIT_SECONDS):
            waiting()
        self._task.result()
        return self._digest.hexdigest()

    def _hash(self) -> None:
        for block in read_blocks(self._fd, self._size, self._ready.acquire):
            self._digest.update(block)
            self._room.release()
