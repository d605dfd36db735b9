"""zstd on the wire by the node's own program, where both nodes have one and a look at the file says it pays."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from typing import Any, Callable, Iterator

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


def _tool() -> str:
    tool = find_tool("zstd")
    if tool is None:
        raise Failure("unsupported", "there is no zstd any more", "install zstd, or switch compression off")
    return tool


class Compressor:
    """zstd reading a file by itself, from an offset on; no byte of the file passes through Python."""

    def __init__(self, path: str, offset: int) -> None:
        # Open in both processes, so its position tells how far zstd has read.
        self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        os.lseek(self._fd, offset, os.SEEK_SET)
        self._process = subprocess.Popen(
            [_tool(), "-q", "-c", "-1", "-T1"],
            stdin=self._fd,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert self._process.stdout is not None
        self._stdout: Any = self._process.stdout
        widen_pipe(self._stdout.fileno())

    def position(self) -> int:
        """Return how much of the file was read."""
        return os.lseek(self._fd, 0, os.SEEK_CUR)

    def running(self) -> bool:
        """Return whether there may be more."""
        return self._process.poll() is None

    def chunks(self, chunk_bytes: int) -> Iterator[memoryview]:
        """Yield the output in full chunks, each valid until the next; raise Failure when zstd failed."""
        buffer = bytearray(chunk_bytes)
        filled = 0
        while True:
            count = self._stdout.readinto(memoryview(buffer)[filled:])
            filled += count
            if filled and (filled == chunk_bytes or not count):
                yield memoryview(buffer)[:filled]
                filled = 0
            if not count:
                break
        if self._process.wait() != 0:
            raise Failure("transient-network", "zstd ended early", "it is resumed by itself")


class Decompressor:
    """zstd writing to a file by itself, at the file's position."""

    def __init__(self, fd: int) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process that writes to it
        self._process = subprocess.Popen(
            [_tool(), "-q", "-c", "-d", "--no-sparse"], stdin=subprocess.PIPE, stdout=fd, stderr=self._words, bufsize=0
        )
        assert self._process.stdin is not None
        self._stdin: Any = self._process.stdin
        widen_pipe(self._stdin.fileno())

    def feed(self, data: memoryview) -> None:
        """Write all of ``data``; raise what zstd failed with when it ended."""
        view = memoryview(data)
        try:
            while view:
                view = view[self._stdin.write(view) :]
        except BrokenPipeError:
            self.finish(lambda: None)

    def finish(self, waiting: Callable[[], None]) -> None:
        """Return when everything fed was written; ``waiting`` is called meanwhile."""
        self._stdin.close()
        while True:
            try:
                code = self._process.wait(WAIT_SECONDS)
                break
            except subprocess.TimeoutExpired:
                waiting()
        if code == 0:
            return
        self._words.seek(0)
        words = self._words.read(2000).decode("utf-8", "replace").strip()
        if "No space left" in words:
            raise Failure("no-space", words, "free some space on this file system")
        raise Failure("transient-network", words or "zstd ended early", "it is resumed by itself")
