"""Takes batches from a data server: the job comes on stdin, its stream over a connection of its own."""

from __future__ import annotations

import gc
import os
import queue
import threading
import time
from typing import Any, Dict, Optional, Tuple

from engine.remote.agent.batch_receiving import ended_early, receive_one
from engine.remote.agent.chunks import ReadInto
from engine.remote.agent.failures import Failure
from engine.remote.agent.fetching_http import Body, Broken, Busy, Connection
from engine.remote.agent.frames import LineWriter, read_frame, skip_to_marker

CONNECT_SECONDS = 10.0
NO_LIMIT_SECONDS = 0.0
"""The sender may check a large file before it says anything; the engine, which hears of that, ends what stalls."""
DRAIN_SECONDS = 0.5


class Stream:
    """One batch's connection. ``abandon`` may be called from another thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Optional[Connection] = None
        self._body: Optional[Body] = None
        self._abandoned = False
        self._read = 0

    def begin(self) -> ReadInto:
        """Ask for the stream and return what reads it. Raises Failure."""
        try:
            self._connection = Connection(self._url, CONNECT_SECONDS, NO_LIMIT_SECONDS)
            self._body = self._connection.get(self._url, 0, 1)
        except Broken as broken:
            raise Failure("transient-network", str(broken), "it is tried again by itself") from None
        except Busy:
            raise Failure("transient-network", "nobody there has this batch", "it is tried again by itself") from None
        except Failure as failure:  # Whatever it says, it is the server's way that fails, and no file of ours.
            raise Failure("unsupported", failure.cause, failure.remedy) from None
        if self._abandoned:
            raise ended_early()
        return self._read_into

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()

    def abandon(self) -> None:
        """End it as soon as nothing comes any more: what is on the way already may make files whole."""
        self._abandoned = True
        seen = -1
        while seen != self._read:
            seen = self._read
            time.sleep(DRAIN_SECONDS)
        self.close()

    def _read_into(self, view: memoryview) -> int:
        assert self._body is not None
        try:
            count = self._body.read_into(view, patient=True)
        except Broken:
            raise ended_early() from None
        self._read += count
        return count


class Orders:
    """What the engine says on stdin: one job after the other, until it has no more or is gone."""

    def __init__(self) -> None:
        self._jobs: "queue.SimpleQueue[Optional[Tuple[Dict[str, Any], Stream]]]" = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def next_job(self) -> Optional[Tuple[Dict[str, Any], Stream]]:
        """Wait for a job; return it with its stream, None at the end."""
        return self._jobs.get()

    def _read(self) -> None:
        stream: Optional[Stream] = None
        while skip_to_marker(0):
            job = read_frame(0)
            if job is None:
                break
            stream = Stream(job["url"])
            self._jobs.put((job, stream))
        self._jobs.put(None)
        if stream is not None:
            stream.abandon()


def main(source: bytes) -> None:
    """Be the receiver of one batch after another, until stdin ends."""
    gc.disable()  # A batch is many small objects, of which hardly any refer to each other in circles.
    gc.freeze()
    orders = Orders()
    lines = LineWriter(1)
    code = 0
    while code == 0:
        order = orders.next_job()
        if order is None:
            break
        job, stream = order
        code = receive_one(job, lines, stream.begin)
        stream.close()
        del job, order
        gc.collect()
    os._exit(code)
