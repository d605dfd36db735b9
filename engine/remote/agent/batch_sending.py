"""Sends many small files as one stream; what is wrong with one of them is told in its place, and ends nothing.

The stream goes to stdout, or to a connection that the node's data server hands over: then what each file hashes to is
told on stderr as well, a way that nobody else can write to.
"""

from __future__ import annotations

import gc
import os
import queue
import threading
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Tuple

from engine.remote.agent.batch_format import FILES, TOLD_AT_ONCE
from engine.remote.agent.batch_readers import Readers
from engine.remote.agent.batch_reading import Source, Wanted
from engine.remote.agent.chunks import END, ChunkWriter
from engine.remote.agent.failures import from_exception
from engine.remote.agent.frames import MARKER, LineWriter, read_frame, write_all
from engine.remote.agent.handover import Awaiting
from engine.remote.agent.pacing import Pacer

REPORT_SECONDS = 0.25


class Counts:
    """What is told on stderr a few times a second; any news shows that the sender is not stalled.

    ``hashed`` grows meanwhile, and is told where it is the only proof.
    """

    def __init__(self, lines: LineWriter) -> None:
        self.lines = lines
        self._next = 0.0
        self.wire = 0
        self.checks = 0
        self.hashed: List[Tuple[int, str]] = []
        self._told = 0

    def tell(self, now: bool = False) -> None:
        """Write the counts, unless they were written a moment ago."""
        at = time.monotonic()
        if now or at >= self._next:
            self._next = at + REPORT_SECONDS
            self.lines.write({"wire": self.wire, "checks": self.checks})
            hashed = len(self.hashed)
            for start in range(self._told, hashed, TOLD_AT_ONCE):
                self.lines.write({"hashed": self.hashed[start : min(hashed, start + TOLD_AT_ONCE)]})
            self._told = hashed

    def check(self) -> None:
        """Called by a type check as it goes on."""
        self.checks += 1
        self.tell()


def send(job: Dict[str, Any], out: int, pacer: Pacer, counts: Counts, tell_hashes: bool) -> None:
    """Send every file of the job to a descriptor."""
    files = [Wanted(*values) for values in job["files"]]
    source = Source(files, pacer.chunk_bytes, counts.check)
    if tell_hashes:
        counts.hashed = source.hashed
    writer = ChunkWriter(out, job["encoding"])

    def take(contents: memoryview, tail: bytes) -> None:
        count = writer.write(FILES, contents, tail)
        counts.wire += count
        pacer.pay(count)
        counts.tell()

    Readers(source).run(take)
    counts.wire += writer.write(END, b"{}")
    counts.tell(now=True)


@contextmanager
def _way_out(awaiting: Optional[Awaiting], word: str) -> Iterator[int]:
    """Yield where a batch's stream goes to."""
    if awaiting is None:
        write_all(1, MARKER)
        yield 1
        return
    with awaiting.take(word) as connection:
        yield connection.fileno()


class Orders:
    """What the engine says on stdin: jobs, and new rates for the one that runs."""

    def __init__(self) -> None:
        self._jobs: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
        self._pacer = Pacer(None, time.monotonic, time.sleep)
        threading.Thread(target=self._read, daemon=True).start()

    def next_job(self) -> Tuple[Dict[str, Any], Pacer]:
        """Wait for a job; return it with what keeps it to its rate."""
        job, pacer = self._jobs.get()
        return job, pacer

    def _read(self) -> None:
        """Read until stdin ends: the engine gave up or is gone."""
        while True:
            order = read_frame(0)
            if order is None:
                os._exit(1)
            if "files" in order:
                self._pacer = Pacer(order["bytes_per_second"], time.monotonic, time.sleep)
                self._jobs.put((order, self._pacer))
            else:
                self._pacer.rate = order["rate"]


def main(source: bytes) -> None:
    """Be the sender of one batch after another, until stdin ends."""
    gc.disable()  # A batch is many small objects, of which hardly any refer to each other in circles.
    gc.freeze()
    lines = LineWriter(2)
    try:
        awaiting = _awaiting(lines)
        orders = Orders()
        while True:
            job, pacer = orders.next_job()
            _send_one(job, pacer, awaiting, lines)
            del job
            gc.collect()
    except Exception as error:  # noqa: BLE001 - every failure travels to the engine
        lines.write({"error": from_exception(error).as_json()})
        os._exit(1)


def _awaiting(lines: LineWriter) -> Optional[Awaiting]:
    """Read where the streams go; say so when their connections can be handed over."""
    first = read_frame(0)
    if first is None:
        os._exit(1)
    if first["await"] is None:
        return None
    awaiting = Awaiting(first["await"])
    lines.write({"awaits": 1})
    return awaiting


def _send_one(job: Dict[str, Any], pacer: Pacer, awaiting: Optional[Awaiting], lines: LineWriter) -> None:
    counts = Counts(lines)
    lines.write({"hello": 1})
    with _way_out(awaiting, job["word"]) as out:
        send(job, out, pacer, counts, tell_hashes=awaiting is not None)
    lines.write({"sent": {"wire": counts.wire}})
