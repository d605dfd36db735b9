"""zstd on the wire by the node's own program, where both nodes have one and measuring says that it pays.

subprocess is imported where zstd is run: most streams begin without, and it costs an agent's start some 10 ms.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import Any, Callable, Iterator, NamedTuple, Optional

from engine.remote.agent.failures import Failure
from engine.remote.agent.programs import find_tool

SAMPLE_BYTES = 1 << 20
SAMPLES = 3
SMALLEST_FILE_BYTES = 64 << 10
# Random bytes and compressed archives stay near 1; game databases come to 0.2 to 0.5.
WORTH_IT_RATIO = 0.9
# How much faster a file must move with it than without: it costs both nodes' CPUs, and the figures are estimates.
WORTH_IT_GAIN = 1.25
# What ssh's window, the pipes and the sockets swallow before a sender feels the link.
SWALLOWED_BYTES = 4 << 20
PROBE_BYTES = 12 << 20
PROBE_SECONDS = 0.5
F_SETPIPE_SZ = 1031  # Linux, fcntl.h; absent from Python's fcntl before 3.10
PIPE_BYTES = 1 << 20
WAIT_SECONDS = 0.25


class Sample(NamedTuple):
    """What zstd made of parts of a file: bytes out per byte in, and bytes in per second, its start included."""

    ratio: float
    bytes_per_second: float

    def shrinks(self) -> bool:
        """Return whether there is anything to gain on any link."""
        return self.ratio < WORTH_IT_RATIO

    def outruns(self, link_bytes_per_second: float) -> bool:
        """Return whether compressed bytes carry the file faster than a link that takes so many bytes as they are."""
        return min(self.bytes_per_second, link_bytes_per_second / self.ratio) > WORTH_IT_GAIN * link_bytes_per_second


def take_sample(fd: int, start: int, size: int) -> Optional[Sample]:
    """Compress samples of the bytes from ``start`` on at level 1; None without zstd, or for a file too small."""
    tool = find_tool("zstd")
    if tool is None or size - start < SMALLEST_FILE_BYTES:
        return None
    step = max(SAMPLE_BYTES, (size - start) // SAMPLES)
    sample = b"".join(os.pread(fd, SAMPLE_BYTES, start + step * number) for number in range(SAMPLES))
    import subprocess

    started = time.perf_counter()
    ran = subprocess.run(
        [tool, "-q", "-1", "-c"], input=sample, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    seconds = time.perf_counter() - started
    return Sample(len(ran.stdout) / len(sample), len(sample) / seconds) if ran.returncode == 0 and sample else None


class LinkProbe:
    """What a link takes, from the times at which the first bytes of a file were gone. The clock is passed in."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._started = self._mark = now()
        self._sent = self._marked = 0

    def sent(self, count: int) -> Optional[float]:
        """Account for bytes just sent; return bytes per second as soon as they can be told."""
        at = self._now()
        self._sent += count
        since_mark = self._sent - self._marked
        if since_mark >= PROBE_BYTES or at - self._started >= PROBE_SECONDS:
            return since_mark / max(at - self._mark, 1e-9)
        if not self._marked and self._sent >= SWALLOWED_BYTES:
            self._mark, self._marked = at, self._sent
        return None


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
    """zstd reading a file by itself, from an offset on; without a path it is fed."""

    def __init__(self, path: Optional[str], offset: int) -> None:
        import subprocess

        self._fd = -1
        if path is not None:
            # Open in both processes, so its position tells how far zstd has read.
            self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            os.lseek(self._fd, offset, os.SEEK_SET)
        self._process = subprocess.Popen(
            [_tool(), "-q", "-c", "-1", "-T1"],
            stdin=subprocess.PIPE if path is None else self._fd,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self._stdin: Any = self._process.stdin
        assert self._process.stdout is not None
        self._stdout: Any = self._process.stdout
        widen_pipe(self._stdout.fileno())

    def position(self) -> int:
        """Return how much of the file was read."""
        return os.lseek(self._fd, 0, os.SEEK_CUR)

    def running(self) -> bool:
        """Return whether there may be more."""
        return self._process.poll() is None

    def feed(self, data: memoryview) -> None:
        """Write all of ``data``; raises BrokenPipeError when zstd ended."""
        view = memoryview(data)
        while view:
            view = view[self._stdin.write(view) :]

    def fed(self) -> None:
        """That was all: zstd ends, and with it ``chunks``."""
        self._stdin.close()

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
        import subprocess

        self._process = subprocess.Popen(
            [_tool(), "-q", "-c", "-d", "--no-sparse"],
            stdin=subprocess.PIPE,
            stdout=fd,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdin is not None
        self._stdin: Any = self._process.stdin
        self._stderr: Any = self._process.stderr  # A few words at most: they fit into the pipe until its end.
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
        import subprocess

        self._stdin.close()
        while True:
            try:
                code = self._process.wait(WAIT_SECONDS)
                break
            except subprocess.TimeoutExpired:
                waiting()
        if code == 0:
            return
        words = self._stderr.read(2000).decode("utf-8", "replace").strip()
        if "No space left" in words:
            raise Failure("no-space", words, "free some space on this file system")
        raise Failure("transient-network", words or "zstd ended early", "it is resumed by itself")
