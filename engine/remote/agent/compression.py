"""zstd on the wire by the node's own program, where both nodes have one and a look at the file says it pays."""

from __future__ import annotations

import fcntl
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Callable, List

from engine.remote.agent.failures import Failure
from engine.remote.agent.machine import find_tool

SAMPLE_BYTES = 256 << 10
SAMPLES = 3
SMALLEST_FILE_BYTES = 64 << 10
# Random bytes and compressed archives stay near 1; game databases come to 0.2 to 0.5.
WORTH_IT_RATIO = 0.9
F_SETPIPE_SZ = 1031  # Linux, fcntl.h; absent from Python's fcntl before 3.10
PIPE_BYTES = 1 << 20
WAIT_SECONDS = 0.25


def pays(fd: int, start: int, size: int) -> bool:
    """Return whether samples of the bytes from ``start`` on shrink enough at level 1."""
    tool = find_tool("zstd")
    if tool is None or size - start < SMALLEST_FILE_BYTES:
        return False
    step = max(SAMPLE_BYTES, (size - start) // SAMPLES)
    sample = b"".join(os.pread(fd, SAMPLE_BYTES, start + step * number) for number in range(SAMPLES))
    ran = subprocess.run(
        [tool, "-q", "-1", "-c"], input=sample, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    return ran.returncode == 0 and len(ran.stdout) < WORTH_IT_RATIO * len(sample)


def widen_pipe(fd: int) -> None:
    """Let a pipe hold a whole chunk, where the system allows; it works with its 64 KiB as well."""
    try:
        fcntl.fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:
        return


class Zstd:
    """A running zstd: what ``feed`` is given comes out at ``take``, in full chunks, on a thread of its own."""

    def __init__(self, arguments: List[str], chunk_bytes: int, take: Callable[[memoryview], None]) -> None:
        tool = find_tool("zstd")
        if tool is None:
            raise Failure("unsupported", "there is no zstd any more", "install zstd, or switch compression off")
        self._process = subprocess.Popen(
            [tool, "-q", "-c", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin: Any = self._process.stdin
        self._stdout: Any = self._process.stdout
        widen_pipe(self._stdin.fileno())
        widen_pipe(self._stdout.fileno())
        self._chunk_bytes = chunk_bytes
        self._take = take
        self._drained = ThreadPoolExecutor(1).submit(self._drain)

    def feed(self, data: memoryview) -> None:
        """Write all of ``data``; raise what went wrong at the other side when that ended."""
        view = memoryview(data)
        try:
            while view:
                view = view[self._stdin.write(view) :]
        except BrokenPipeError:
            self._drained.result()
            raise broken() from None

    def finish(self, waiting: Callable[[], None]) -> None:
        """Say that everything was fed, and return when everything was taken; ``waiting`` is called meanwhile."""
        self._stdin.close()
        while True:
            try:
                return self._drained.result(WAIT_SECONDS)
            except FutureTimeout:
                waiting()

    def _drain(self) -> None:
        try:
            self._hand_over()
        except BaseException:
            self._process.kill()  # Else whoever feeds would wait for ever.
            raise
        if self._process.wait() != 0:
            raise broken()

    def _hand_over(self) -> None:
        buffer = bytearray(self._chunk_bytes)
        filled = 0
        while True:
            count = self._stdout.readinto(memoryview(buffer)[filled:])
            filled += count
            if filled and (filled == self._chunk_bytes or not count):
                self._take(memoryview(buffer)[:filled])
                filled = 0
            if not count:
                return


def broken() -> Failure:
    """Return the failure of a zstd that ended with an error."""
    return Failure("transient-network", "zstd could not go on with the stream", "it is resumed by itself")
