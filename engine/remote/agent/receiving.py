"""Takes chunks from stdin into the temporary file and proves what was written; leaves a partial file otherwise."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, Callable, Dict, Tuple

from engine.remote.agent.chunks import BEGIN, DATA, END, ChunkReader
from engine.remote.agent.compression import Decompressor, widen_pipe
from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.frames import LineWriter, read_frame, skip_to_marker
from engine.remote.agent.partial import PartialFile
from engine.remote.agent.programs import find_tool

REPORT_SECONDS = 0.25
ENDED_EARLY = Failure("transient-network", "the stream ended early", "it is resumed by itself", secondary=True)


class Receiver:
    """One file's way from the pipe to the disk."""

    def __init__(self, job: Dict[str, Any], lines: LineWriter) -> None:
        self._lines = lines
        self._next_report = 0.0
        self._heard = 0
        self.file = PartialFile(job["temp_path"], job["size"], job["root"], start_over=job["live"])
        self._chunks = self._open_chunks()

    def run(self) -> Dict[str, Any]:
        """Return what PartialFile.finish returns, after the sender's promise was kept."""
        self._lines.write({"ready": {"offset": self.file.resumed, "zstd": find_tool("zstd") is not None}})
        self._skip_greeting()
        kind, value = self._receive(self.file.append)
        while kind == BEGIN:
            self.file.expect(value["size"])
            kind, value = self._receive_compressed() if value["zstd"] else self._receive(self.file.append)
        promise = value
        self._promised(promise)
        done = self.file.finish(self._report)
        if (done["sha256"], done["size"]) != (promise["sha256"], promise["size"]):
            self.file.remove()
            cause = "what was written at %s is not what was sent" % self.file.path
            raise Failure("checksum-mismatch", cause, "it is sent again by itself; if it goes on, check that disk")
        return dict(done, resumed=self.file.resumed)

    def _receive(self, take: Callable[[memoryview], None]) -> Tuple[bytes, Any]:
        """Hand verified chunks to ``take`` until one says how to go on (BEGIN), or what was promised (END)."""
        while True:
            chunk = self._chunks.read()
            if chunk is None:
                raise ENDED_EARLY
            kind, payload = chunk
            if kind in (BEGIN, END):
                value = json.loads(bytes(payload))
                self._chunks.taken()
                return kind, value
            if kind == DATA:
                take(payload)
            self._chunks.taken()
            self._report()

    def _receive_compressed(self) -> Tuple[bytes, Any]:
        zstd = Decompressor(self.file.filled_by_another())
        found = self._receive(zstd.feed)
        zstd.finish(self._report)
        return found

    def _open_chunks(self) -> Any:
        return ChunkReader(0, "binary", self._hear)

    def _skip_greeting(self) -> None:
        if not skip_to_marker(0):
            raise ENDED_EARLY

    def _promised(self, promise: Dict[str, Any]) -> None:
        """Hear what the content must hash to."""

    def _hear(self, count: int) -> None:
        """Count bytes of the stream as they come: on a slow link they are news long before a chunk is whole."""
        self._heard += count
        self._report()

    def _report(self) -> None:
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + REPORT_SECONDS
            self._lines.write({"at": self.file.written, "hashed": self.file.hashed, "heard": self._heard})


def main(source: bytes) -> None:
    """Be a receiver: the job comes first on stdin, then the sender's stream."""
    job = read_frame(0)
    if job is None:
        sys.exit(97)
    widen_pipe(0)
    run(job, Receiver)


def run(job: Dict[str, Any], receiver: Callable[[Dict[str, Any], LineWriter], Receiver]) -> None:
    """Be a receiver until the end of this process."""
    lines = LineWriter(1)
    try:
        done: Dict[str, Any] = receiver(job, lines).run()
        lines.write({"done": done})
        code = 0
    except Exception as error:  # noqa: BLE001 - every failure travels to the engine
        lines.write({"error": from_exception(error, job["temp_path"]).as_json()})
        code = 1
    os._exit(code)
