"""How archives are packed: zstd by the node's own program, gzip by Python where there is none.

A long window finds what a games database repeats far apart: 2**27 bytes is the most that zstd -d takes unasked.
"""

from __future__ import annotations

import os
import signal
import zlib
from typing import Any, Callable, Iterator, Optional

from engine.remote.agent.background import Task
from engine.remote.agent.failures import Failure
from engine.remote.agent.programs import find_tool

ZSTD = ["-q", "-c", "-T0", "--long=27", "-3"]
UNZSTD = ["-q", "-c", "-d", "--long=27"]
GZIP_LEVEL = 6
GZIP_WINDOW = 31  # zlib.h: 15 bits, plus 16 for gzip's own header and checksum.
CHUNK_BYTES = 1 << 20
WAIT_SECONDS = 0.25
WORDS_BYTES = 2000
FULL = ("No space left", "File too large", "uota exceeded")


class Packing:
    """What bytes are fed to on their way into a file."""

    def feed(self, data: Any) -> None:
        """Take all of ``data``; raise Failure when the file cannot hold it."""
        raise NotImplementedError

    def finish(self, waiting: Callable[[], None]) -> None:
        """Return when everything fed is in the file; ``waiting`` is called meanwhile."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go, finished or not."""


def compressor(out: int, codec: str) -> Packing:
    """Return what packs into the descriptor ``out``; raises Failure unsupported where this node has no such codec."""
    return _Zstd(out) if codec == "zstd" else _Gzip(out)


class _Zstd(Packing):
    """zstd writes to the file by itself."""

    def __init__(self, out: int) -> None:
        self._process = _start(ZSTD, stdout=out)

    def feed(self, data: Any) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._process.stdin.write(view) :]
        except BrokenPipeError:
            self.finish(lambda: None)
            raise _ended_early("", 0) from None

    def finish(self, waiting: Callable[[], None]) -> None:
        import subprocess

        self._process.stdin.close()
        while True:
            try:
                code = self._process.wait(WAIT_SECONDS)
                break
            except subprocess.TimeoutExpired:
                waiting()
        if code != 0:
            raise _ended_early(_words(self._process), code)

    def close(self) -> None:
        _let_go(self._process)


class _Gzip(Packing):
    """Python's own zlib: one core, and there on every node."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)

    def feed(self, data: Any) -> None:
        self._write(self._packer.compress(data))

    def finish(self, waiting: Callable[[], None]) -> None:
        self._write(self._packer.flush())

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._out, view) :]


def decompressed(fd: int, codec: str, read: Callable[[Any], None]) -> Iterator[bytes]:
    """Yield the content of the archive in ``fd``; ``read`` is shown the packed bytes. Raises Failure when damaged."""
    return _unzstd(fd, read) if codec == "zstd" else _gunzip(fd, read)


def _unzstd(fd: int, read: Callable[[Any], None]) -> Iterator[bytes]:
    import subprocess

    process = _start(UNZSTD, stdout=subprocess.PIPE)

    def feed() -> Optional[BaseException]:
        try:
            while True:
                chunk = os.read(fd, CHUNK_BYTES)
                if not chunk:
                    return None
                read(chunk)
                view = memoryview(chunk)
                while view:
                    view = view[process.stdin.write(view) :]
        except BrokenPipeError:
            return None  # It ended early; its exit code and its words say why.
        except OSError as error:
            return error
        finally:
            process.stdin.close()

    feeding = Task(feed)
    try:
        while True:
            chunk = process.stdout.read(CHUNK_BYTES)
            if not chunk:
                break
            yield chunk
        broken = feeding.result()
        if broken is not None:
            raise broken
        if process.wait() != 0:
            raise _damaged(_words(process))
    finally:
        _let_go(process)


def _gunzip(fd: int, read: Callable[[Any], None]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    try:
        while True:
            chunk = os.read(fd, CHUNK_BYTES)
            if not chunk:
                break
            read(chunk)
            while chunk:
                data = unpacker.decompress(chunk, CHUNK_BYTES)
                if data:
                    yield data
                chunk = unpacker.unconsumed_tail
    except zlib.error as error:
        raise _damaged(str(error)) from None
    if not unpacker.eof or unpacker.unused_data:
        raise _damaged("it is cut short" if not unpacker.eof else "something follows its end")


def _start(words: "list[str]", stdout: Any) -> Any:
    import subprocess

    tool = find_tool("zstd")
    if tool is None:
        raise Failure("unsupported", "this node has no zstd", "install zstd on it")
    return subprocess.Popen([tool, *words], stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, bufsize=0)


def _words(process: Any) -> str:
    """Return what the program said: a few words, which fit into the pipe until its end."""
    return str(process.stderr.read(WORDS_BYTES).decode("utf-8", "replace")).strip()


def _let_go(process: Any) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None and not stream.closed:
            try:
                stream.close()
            except BrokenPipeError:
                continue


def _ended_early(words: str, code: int) -> Failure:
    if code == -signal.SIGXFSZ or any(full in words for full in FULL):
        return Failure("no-space", words or "zstd: File too large", "free some space on this file system")
    if code < 0:
        words = "zstd was ended by signal %d (%s)" % (-code, signal.Signals(-code).name)
    return Failure("unsupported", words or "zstd ended early", "see the cause")


def _damaged(words: str) -> Failure:
    cause = "the archive is damaged: %s" % (words or "it cannot be unpacked")
    return Failure("checksum-mismatch", cause, "archive it again from another copy")
