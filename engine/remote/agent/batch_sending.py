"""Sends many small files as one stream; what is wrong with one of them is told in its place, and ends nothing."""

from __future__ import annotations

import gc
import os
import queue
import threading
import time
from typing import Any, Dict, Tuple

from engine.remote.agent.batch_format import FILES
from engine.remote.agent.batch_readers import Readers
from engine.remote.agent.batch_reading import Source, Wanted
from engine.remote.agent.chunks import END, ChunkWriter
from engine.remote.agent.failures import from_exception
from engine.remote.agent.frames import MARKER, LineWriter, read_frame, write_all
from engine.remote.agent.pacing import Pacer

REPORT_SECONDS = 0.25


class Counts:
    """What is told on stderr a few times a second; any news shows that the sender is not stalled."""

    def __init__(self) -> None:
        self.lines = LineWriter(2)
        self._next = 0.0
        self.wire = 0
        self.checks = 0

    def tell(self, now: bool = False) -> None:
        """Write the counts, unless they were written a moment ago."""
        at = time.monotonic()
        if now or at >= self._next:
            self._next = at + REPORT_SECONDS
            self.lines.write({"wire": self.wire, "checks": self.checks})

    def check(self) -> None:
        """Called by a type check as it goes on."""
        self.checks += 1
        self.tell()


def send(job: Dict[str, Any], pacer: Pacer, counts: Counts) -> int:
    """Send every file of the job; return the bytes that went over the wire."""
    files = [Wanted(*values) for values in job["files"]]
    writer = ChunkWriter(1, job["encoding"])
    counts.lines.write({"hello": 1})
    write_all(1, MARKER)

    def take(contents: memoryview, tail: bytes) -> None:
        count = writer.write(FILES, contents, tail)
        counts.wire += count
        pacer.pay(count)
        counts.tell()

    Readers(Source(files, pacer.chunk_bytes, counts.check)).run(take)
    counts.wire += writer.write(END, b"{}")
    return counts.wire


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
    orders = Orders()
    while True:
        job, pacer = orders.next_job()
        counts = Counts()
        try:
            sent = send(job, pacer, counts)
            counts.tell(now=True)
            counts.lines.write({"sent": {"wire": sent}})
        except Exception as error:  # noqa: BLE001 - every failure travels to the engine
            counts.lines.write({"error": from_exception(error).as_json()})
            os._exit(1)
        del job
        gc.collect()
