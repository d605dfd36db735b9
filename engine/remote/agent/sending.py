"""Reads a file once, hashes it, and sends it as chunks; dies when the engine's end of stdin closes."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from engine.remote.agent import compression
from engine.remote.agent.background import Task
from engine.remote.agent.checks import check_file
from engine.remote.agent.chunks import BEGIN, CHUNK_BYTES, DATA, END, ChunkWriter
from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.frames import MARKER, LineWriter, read_frame, write_all
from engine.remote.agent.pacing import Pacer
from engine.remote.agent.reading import QuietFile

REPORT_SECONDS = 0.25
# Smaller than a plain chunk: each one stands for several times as much of the file.
COMPRESSED_CHUNK_BYTES = 256 << 10
LOOK_AGAIN_SECONDS = 0.004
# Less is compressed wherever it shrinks: it is sent before its link's speed is known.
PROBED_FROM_BYTES = 32 << 20

Order = Dict[str, Any]
OpenSource = Callable[[Dict[str, Any], Callable[[], None]], Any]
"""Opens what a job sends: a QuietFile, or what reads like one."""


class Reporter:
    """Says on stderr how far the sending is, a few times a second; any news shows that it is not stalled."""

    def __init__(self) -> None:
        self._says: List[Callable[[Dict[str, Any]], None]] = [LineWriter(2).write]
        self._next = 0.0
        self.read = 0
        self.wire = 0
        self.checks = 0

    def also(self, say: Callable[[Dict[str, Any]], None]) -> None:
        """Have every line said in one more place."""
        self._says.append(say)

    def tell(self, now: bool = False) -> None:
        """Write the counts, unless they were written a moment ago."""
        at = time.monotonic()
        if now or at >= self._next:
            self._next = at + REPORT_SECONDS
            self.write({"read": self.read, "wire": self.wire, "checks": self.checks})

    def check(self) -> None:
        """Called by what goes on beside the sending: a type check, a hash."""
        self.checks += 1
        self.tell()

    def write(self, value: Dict[str, Any]) -> None:
        """Write a line of its own."""
        for say in self._says:
            say(value)


class Wire:
    """Where chunks leave: counted and paced."""

    def __init__(self, job: Dict[str, Any], reporter: Reporter) -> None:
        self._writer: Any = ChunkWriter(1, "binary")
        self._reporter = reporter
        self._begun = False
        self.pacer = Pacer(job["bytes_per_second"], time.monotonic, time.sleep)

    def begin(self, compressed: bool, size: int) -> None:
        """Say how to read what follows, and the file's size; may be said again further on."""
        if not self._begun:
            self._mark()
            self._begun = True
        self._writer.write(BEGIN, json.dumps({"zstd": compressed, "size": size}).encode("ascii"))

    def data(self, chunk: memoryview) -> None:
        """Send file content."""
        self.sent(self._writer.write(DATA, chunk))

    def end(self, promise: Dict[str, Any]) -> None:
        """Send what the content must hash to; without this the receiver keeps a partial file."""
        self._reporter.wire += self._writer.write(END, json.dumps(promise).encode("ascii"))

    def sent(self, count: int) -> None:
        """Count bytes that left, and wait until they are paid for."""
        self._reporter.wire += count
        self.pacer.pay(count)
        self._reporter.tell()

    def _mark(self) -> None:
        write_all(1, MARKER)


def send(
    job: Dict[str, Any], orders: "queue.Queue[Order]", wire: Wire, reporter: Reporter, open_source: OpenSource
) -> Dict[str, Any]:
    """Send the file from the offset that the engine orders; return {sha256, size, compressed, games_count}.

    The helper threads are not waited for when this raises: the process ends then.
    """
    source = open_source(job, reporter.check)
    reporter.write({"hello": 1})
    order = orders.get()
    verdict: Optional[Task] = None
    if job["check_source"] and source.readable_by_name:
        verdict = Task(lambda: check_file(source.path, job["kind"], reporter.check))
    offset: int = order["offset"]
    source.begin(offset, reporter.check)
    reporter.read = offset
    sample = compression.take_sample(source.fd, offset, source.size) if order["zstd"] else None
    compressed = _send_content(source, sample, wire, reporter)
    sha256 = source.finish()
    if reporter.read != source.size:
        raise Failure("source-changed", "%s changed while it was read" % source.path, "the next scan sees it")
    problem = verdict.result() if verdict is not None else None
    if problem is not None:
        raise Failure("checksum-mismatch", "the source is damaged: %s" % problem, "move it aside or restore it")
    sent = {"sha256": sha256, "size": source.size, "compressed": compressed, "games_count": source.games_count}
    wire.end(sent)
    return sent


def _send_content(source: Any, sample: Optional[compression.Sample], wire: Wire, reporter: Reporter) -> bool:
    """Send what is left, and return whether compressed from some point on.

    Where it may pay, a large file starts as it is, until the link's speed tells whether zstd outruns it.
    """
    useful = sample is not None and sample.shrinks()
    if not useful or source.size - reporter.read >= PROBED_FROM_BYTES:
        wire.begin(False, source.size)
        if not _send_plain(source, sample if useful else None, wire, reporter):
            return False
    wire.begin(True, source.size)
    _send_compressed(source, wire, reporter)
    return True


def _send_plain(source: Any, sample: Optional[compression.Sample], wire: Wire, reporter: Reporter) -> bool:
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


def _send_compressed(source: Any, wire: Wire, reporter: Reporter) -> None:
    zstd = compression.Compressor(source.path if source.readable_by_name else None, reporter.read)
    work = _read_behind if source.readable_by_name else _feed
    beside = Task(lambda: work(source, zstd, reporter))
    for chunk in zstd.chunks(wire.pacer.chunk_bytes(COMPRESSED_CHUNK_BYTES)):
        wire.data(chunk)
    beside.result()


def _read_behind(source: Any, zstd: compression.Compressor, reporter: Reporter) -> None:
    """Read, and hash, what zstd has just read: never ahead of it, so that a large file is read from disk once."""
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


def _feed(source: Any, zstd: compression.Compressor, reporter: Reporter) -> None:
    """Hand zstd what nobody else may read."""
    try:
        while True:
            chunk = source.read(CHUNK_BYTES)
            if not chunk:
                return
            zstd.feed(chunk)
            reporter.read += len(chunk)
    finally:
        zstd.fed()


def quiet(job: Dict[str, Any], news: Callable[[], None]) -> QuietFile:
    """Open a file that nobody writes."""
    return QuietFile(job)


def run(
    job: Dict[str, Any],
    next_order: Callable[[], Optional[Order]],
    wire: Wire,
    reporter: Reporter,
    open_source: OpenSource = quiet,
    let_go: Callable[[], None] = lambda: None,
) -> None:
    """Be a sender until the end of this process; ``next_order`` returns None when the engine is gone.

    ``let_go`` is called when all is sent or failed, and may take its time.
    """
    orders: "queue.Queue[Order]" = queue.Queue()

    def obey() -> None:
        while True:
            order = next_order()
            if order is None:
                os._exit(1)
            elif "rate" in order:
                wire.pacer.rate = order["rate"]
            else:
                orders.put(order)

    threading.Thread(target=obey, daemon=True).start()
    try:
        sent = send(job, orders, wire, reporter, open_source)
        reporter.tell(now=True)
        reporter.write({"sent": sent})
        code = 0
    except Exception as error:  # noqa: BLE001 - every failure travels to the engine
        reporter.write({"error": from_exception(error, job["source_path"]).as_json()})
        code = 1
    let_go()
    os._exit(code)


def main(source: bytes) -> None:
    """Be a sender of a quiet file: the job comes first on stdin, then orders."""
    job = read_frame(0)
    if job is None:
        sys.exit(97)
    reporter = Reporter()
    run(job, lambda: read_frame(0), Wire(job, reporter), reporter)
