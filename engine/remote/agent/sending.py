"""Reads a file once, hashes it, and sends it as chunks; dies when the engine's end of stdin closes."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import sys
import threading
import time
from typing import Any, Dict, List, Optional

from engine.remote.agent import compression
from engine.remote.agent.background import Task
from engine.remote.agent.checks import check_file
from engine.remote.agent.chunks import BEGIN, CHUNK_BYTES, DATA, END, ChunkWriter
from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.frames import MARKER, LineWriter, read_frame, write_all
from engine.remote.agent.pacing import Pacer
from engine.remote.agent.paths import existing
from engine.remote.agent.stats import pack_stat, same_content, wal_of

# Chunks read ahead of the hash: the wire never waits for SHA-256 unless that is the slowest part.
BUFFERS = 4
REPORT_SECONDS = 0.25
# Smaller than a plain chunk: each one stands for several times as much of the file.
COMPRESSED_CHUNK_BYTES = 256 << 10
LOOK_AGAIN_SECONDS = 0.004
# Less is compressed wherever it shrinks: it is sent before its link's speed is known.
PROBED_FROM_BYTES = 32 << 20


class Reporter:
    """Says on stderr how far the sending is, a few times a second; any news shows that it is not stalled."""

    def __init__(self) -> None:
        self._lines = LineWriter(2)
        self._next = 0.0
        self.read = 0
        self.wire = 0
        self.checks = 0

    def tell(self, now: bool = False) -> None:
        """Write the counts, unless they were written a moment ago."""
        at = time.monotonic()
        if now or at >= self._next:
            self._next = at + REPORT_SECONDS
            self._lines.write({"read": self.read, "wire": self.wire, "checks": self.checks})

    def check(self) -> None:
        """Called by the type check as it goes on."""
        self.checks += 1
        self.tell()

    def write(self, value: Dict[str, Any]) -> None:
        """Write a line of its own."""
        self._lines.write(value)


class Source:
    """The open file, its digest so far, and the proof that it did not change while it was read."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.path = existing(job["source_path"])
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.digest = hashlib.sha256()
        self.size: int = job["size"]
        self._expected: List[int] = job["source_stat"] or self._stat()
        self.ensure_unchanged()
        if self._expected[0] != self.size:
            raise self._changed()
        self._buffers = [bytearray(CHUNK_BYTES) for _ in range(BUFFERS)]
        self._free = threading.Semaphore(BUFFERS)
        self._full: "queue.SimpleQueue[Optional[memoryview]]" = queue.SimpleQueue()
        self._hashing = Task(self._hash)
        self._turn = 0

    def read(self, at_most: int) -> memoryview:
        """Return the next bytes, being hashed meanwhile; empty at the end. Valid for the next few reads."""
        self._free.acquire()
        buffer = memoryview(self._buffers[self._turn])[:at_most]
        chunk = buffer[: os.readv(self.fd, [buffer])]
        self._full.put(chunk)
        self._turn = (self._turn + 1) % BUFFERS
        return chunk

    def finish(self) -> str:
        """Return the SHA-256 of everything read."""
        self._full.put(None)
        self._hashing.result()
        return self.digest.hexdigest()

    def _hash(self) -> None:
        while True:
            chunk = self._full.get()
            if chunk is None:
                return
            self.digest.update(chunk)
            self._free.release()

    def ensure_unchanged(self) -> None:
        """Raise Failure source-changed when the path or the open file is not what was promised."""
        if not same_content(self._stat(), self._expected) or os.lstat(self.path).st_ino != os.fstat(self.fd).st_ino:
            raise self._changed()

    def _stat(self) -> list[int]:
        return pack_stat(os.fstat(self.fd), wal_of(self.path))

    def _changed(self) -> Failure:
        return Failure("source-changed", "%s changed since it was looked at" % self.path, "the next scan sees it")


class Wire:
    """Where chunks leave: counted and paced."""

    def __init__(self, job: dict[str, Any], reporter: Reporter) -> None:
        self._writer = ChunkWriter(1, job["encoding"])
        self._reporter = reporter
        self._begun = False
        self.pacer = Pacer(job["bytes_per_second"], time.monotonic, time.sleep)

    def begin(self, compressed: bool) -> None:
        """Say how to read what follows; may be said again further on."""
        if not self._begun:
            write_all(1, MARKER)
            self._begun = True
        self._writer.write(BEGIN, json.dumps({"zstd": compressed}).encode("ascii"))

    def data(self, chunk: memoryview) -> None:
        """Send file content."""
        count = self._writer.write(DATA, chunk)
        self._reporter.wire += count
        self.pacer.pay(count)
        self._reporter.tell()

    def end(self, promise: dict[str, Any]) -> None:
        """Send what the content must hash to; without this the receiver keeps a partial file."""
        self._reporter.wire += self._writer.write(END, json.dumps(promise).encode("ascii"))


def send(job: dict[str, Any], orders: "queue.Queue[dict[str, Any]]", wire: Wire, reporter: Reporter) -> dict[str, Any]:
    """Send the file from the offset that the engine orders; return {sha256, size, compressed}.

    The helper threads are not waited for when this raises: the process ends then.
    """
    source = Source(job)
    reporter.write({"hello": 1})
    order = orders.get()
    verdict: Optional[Task] = None
    if job["check_source"]:
        verdict = Task(lambda: check_file(source.path, job["kind"], reporter.check))
    offset: int = order["offset"]
    _hash_prefix(source, offset, reporter)
    sample = compression.take_sample(source.fd, offset, source.size) if order["zstd"] else None
    compressed = _send_content(source, sample, wire, reporter)
    sha256 = source.finish()
    source.ensure_unchanged()
    if reporter.read != source.size:
        raise Failure("source-changed", "%s changed while it was read" % source.path, "the next scan sees it")
    problem = verdict.result() if verdict is not None else None
    if problem is not None:
        raise Failure("checksum-mismatch", "the source is damaged: %s" % problem, "move it aside or restore it")
    wire.end({"sha256": sha256, "size": source.size})
    return {"sha256": sha256, "size": source.size, "compressed": compressed}


def _hash_prefix(source: Source, offset: int, reporter: Reporter) -> None:
    """Read what the receiver has already, for the digest alone."""
    while reporter.read < offset:
        chunk = source.read(min(CHUNK_BYTES, offset - reporter.read))
        if not chunk:
            return
        reporter.read += len(chunk)
        reporter.tell()


def _send_content(source: Source, sample: Optional[compression.Sample], wire: Wire, reporter: Reporter) -> bool:
    """Send what is left, and return whether compressed from some point on.

    Where it may pay, a large file starts as it is, until the link's speed tells whether zstd outruns it.
    """
    useful = sample is not None and sample.shrinks()
    if not useful or source.size - reporter.read >= PROBED_FROM_BYTES:
        wire.begin(False)
        if not _send_plain(source, sample if useful else None, wire, reporter):
            return False
    wire.begin(True)
    _send_compressed(source, wire, reporter)
    return True


def _send_plain(source: Source, sample: Optional[compression.Sample], wire: Wire, reporter: Reporter) -> bool:
    """Send bytes as they are; return False at the end, True when the rest goes faster compressed."""
    probe = compression.LinkProbe(time.monotonic) if sample is not None else None
    while True:
        chunk = source.read(wire.pacer.chunk_bytes(CHUNK_BYTES))
        if not chunk:
            return False
        reporter.read += len(chunk)
        wire.data(chunk)
        rate = probe.sent(len(chunk)) if probe is not None else None
        if rate is not None and sample is not None:
            if sample.outruns(rate):
                return True
            probe = None


def _send_compressed(source: Source, wire: Wire, reporter: Reporter) -> None:
    zstd = compression.Compressor(source.path, reporter.read)
    hashed = Task(lambda: _hash_behind(source, zstd, reporter))
    for chunk in zstd.chunks(wire.pacer.chunk_bytes(COMPRESSED_CHUNK_BYTES)):
        wire.data(chunk)
    hashed.result()


def _hash_behind(source: Source, zstd: compression.Compressor, reporter: Reporter) -> None:
    """Hash what zstd has just read: never ahead of it, so that a file larger than memory is read from disk once."""
    while True:
        running = zstd.running()
        ready = zstd.position() - reporter.read
        if ready > 0:
            chunk = source.read(min(CHUNK_BYTES, ready))
            if not chunk:
                return
            reporter.read += len(chunk)
        elif running:
            time.sleep(LOOK_AGAIN_SECONDS)
        else:
            return


def _obey(orders: "queue.Queue[dict[str, Any]]", pacer: Pacer) -> None:
    """Take the engine's orders from stdin; its end means that the engine gave up or is gone."""
    while True:
        order = read_frame(0)
        if order is None:
            os._exit(1)
        if "rate" in order:
            pacer.rate = order["rate"]
        else:
            orders.put(order)


def main(source: bytes) -> None:
    """Be a sender: the job comes first on stdin, then orders."""
    job = read_frame(0)
    if job is None:
        sys.exit(97)
    reporter = Reporter()
    wire = Wire(job, reporter)
    orders: "queue.Queue[dict[str, Any]]" = queue.Queue()
    threading.Thread(target=_obey, args=(orders, wire.pacer), daemon=True).start()
    try:
        sent = send(job, orders, wire, reporter)
        reporter.tell(now=True)
        reporter.write({"sent": sent})
        code = 0
    except Exception as error:  # noqa: BLE001 - every failure travels to the engine
        reporter.write({"error": from_exception(error, job["source_path"]).as_json()})
        code = 1
    os._exit(code)
