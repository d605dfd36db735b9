"""The sender for channels that are no clean pipe: orders come, and everything leaves, as lines of text."""

from __future__ import annotations

import time
from typing import Any, Dict, Optional

from engine.remote.agent import sending
from engine.remote.agent.chunks import DATA
from engine.remote.agent.lines import ORDER_TAG, TEXT_CHUNK_BYTES, Acknowledged, Lines, TextWriter, tagged
from engine.remote.agent.live_reading import LiveFile
from engine.remote.agent.sending import Order, Reporter, Wire

SMALLEST_CHUNK_BYTES = 64 << 10
FIRST_CHUNK_BYTES = 256 << 10
# A chunk is what a lost link costs, and links were seen to last four seconds: it should take well below that.
QUICK_SECONDS, SLOW_SECONDS = 0.5, 2.0


def next_chunk_bytes(now: int, seconds: float) -> int:
    """Return how large the next chunk should be after one of ``now`` bytes took so long to arrive."""
    if seconds < QUICK_SECONDS:
        return min(TEXT_CHUNK_BYTES, now * 2)
    if seconds > SLOW_SECONDS:
        return max(SMALLEST_CHUNK_BYTES, now // 2)
    return now


class TextWire(Wire):
    """Chunks leave as lines, and what the sender says goes among them too: a terminal has one way out only."""

    def __init__(self, job: Dict[str, Any], reporter: Reporter, acknowledged: Acknowledged) -> None:
        super().__init__(job, reporter)
        self._writer = TextWriter(1, acknowledged, self.sent)
        reporter.also(self._writer.say)
        self._waiting = bytearray()
        self._chunk_bytes = FIRST_CHUNK_BYTES

    def begin(self, compressed: bool, size: int) -> None:
        """Say how to read what follows, after what came before."""
        self._flush()
        super().begin(compressed, size)

    def data(self, chunk: memoryview) -> None:
        """Send file content, in chunks as large as the link takes in a moment."""
        while chunk:
            room = self._chunk_bytes - len(self._waiting)
            self._waiting += chunk[:room]
            chunk = chunk[room:]
            if len(self._waiting) >= self._chunk_bytes:
                self._flush()

    def end(self, promise: Dict[str, Any]) -> None:
        """Send the rest, and what all of it must hash to."""
        self._flush()
        self._reporter.tell(now=True)
        super().end(promise)

    def _flush(self) -> None:
        if not self._waiting:
            return
        started = time.monotonic()
        self._writer.write(DATA, self._waiting)
        self._chunk_bytes = next_chunk_bytes(self._chunk_bytes, time.monotonic() - started)
        self._waiting.clear()

    def _mark(self) -> None:
        """Every line tells by itself what it is."""


def main_text(job: Dict[str, Any], rest: bytes) -> None:
    """Be a sender; ``rest`` is what was read of stdin behind the job."""
    reporter = Reporter()
    acknowledged = Acknowledged()
    wire = TextWire(job, reporter, acknowledged)
    lines = Lines(0, rest)

    def next_order() -> Optional[Order]:
        while True:
            line = lines.next()
            if line is None:
                return None
            order: Any = tagged(line, ORDER_TAG)
            if not isinstance(order, dict):
                continue
            if "wants" in order:
                acknowledged.take(order["wants"], order["again"])
            else:
                return order

    if job["live"]:
        sending.run(job, next_order, wire, reporter, LiveFile)
    else:
        sending.run(job, next_order, wire, reporter)
