"""Takes the stream of a batch; tells, after one flush, what became of every file. By itself it takes it from stdin."""

from __future__ import annotations

import gc
import os
import sys
import time
from typing import Any, Callable, Dict, List, Optional

from engine.remote.agent.batch_format import FILES, TOLD_AT_ONCE, covered, unseal
from engine.remote.agent.batch_writing import BatchWriter, Expected
from engine.remote.agent.chunks import END, ChunkReader, ReadInto
from engine.remote.agent.compression import widen_pipe
from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.frames import LineWriter, read_frame, skip_to_marker

REPORT_SECONDS = 0.25
Begin = Callable[[], Optional[ReadInto]]
"""Waits for a stream and returns what reads it, None for stdin; raises Failure where it does not come."""


class Receiver:
    """A batch's way from the stream to the disk."""

    def __init__(self, job: Dict[str, Any], lines: LineWriter, begin: Begin) -> None:
        roots = job["roots"]
        self._writer = BatchWriter([Expected(p, size, at, roots[number]) for p, size, at, number in job["files"]])
        self._encoding = job["encoding"]
        self._begin = begin
        self._lines = lines
        self._next_report = 0.0
        self._told = 0

    def run(self) -> None:
        """Write everything that comes, flush, tell; then raise what ended the stream early, if that happened."""
        self._lines.write({"ready": {}})
        broken: Optional[Failure] = None
        try:
            self._receive()
        except Failure as failure:
            broken = failure
        self._writer.finish()
        self._tell_all("whole", [[index, *found] for index, found in self._writer.whole.items()])
        self._tell_all("failed", [[index, failure] for index, failure in self._writer.failed.items()])
        if broken is not None:
            raise broken

    def _receive(self) -> None:
        chunks = ChunkReader(0, self._encoding, covered=covered, read_into=self._begin())
        while True:
            chunk = chunks.read()
            if chunk is None:
                raise ended_early()
            kind, payload = chunk
            if kind == END:
                return
            if kind == FILES:
                self._writer.take(unseal(payload), payload)
            self._report()

    def _tell_all(self, word: str, values: List[Any]) -> None:
        for start in range(0, len(values), TOLD_AT_ONCE):
            self._lines.write({word: values[start : start + TOLD_AT_ONCE]})

    def _report(self) -> None:
        now = time.monotonic()
        if now < self._next_report:
            return
        self._next_report = now + REPORT_SECONDS
        arrived = list(self._writer.whole)
        news, self._told = arrived[self._told :], len(arrived)
        self._lines.write({"at": self._writer.written, "arrived": news})


def ended_early() -> Failure:
    """Return the failure of a stream that ended without saying so."""
    return Failure("transient-network", "the stream ended early", "it is sent again by itself", secondary=True)


def main(source: bytes) -> None:
    """Be the receiver of one batch after another: the job of each comes first on stdin, then the sender's stream."""
    gc.disable()  # A batch is many small objects, of which hardly any refer to each other in circles.
    gc.freeze()
    widen_pipe(0)
    lines = LineWriter(1)
    code = 0
    while code == 0 and skip_to_marker(0):
        job = read_frame(0)
        if job is None:
            sys.exit(97)
        code = receive_one(job, lines, _begin)
        del job
        gc.collect()
    os._exit(code)


def _begin() -> Optional[ReadInto]:
    if not skip_to_marker(0):
        raise ended_early()
    return None


def receive_one(job: Dict[str, Any], lines: LineWriter, begin: Begin) -> int:
    """Return 0, or 1 where the stream broke; the engine is told which."""
    try:
        Receiver(job, lines, begin).run()
        lines.write({"done": {}})
        return 0
    except Exception as error:  # noqa: BLE001 - every failure travels to the engine
        lines.write({"error": from_exception(error).as_json()})
        return 1
