"""Who reads a batch's files: one thread between two chunks while that is quick, else a few ahead of the wire."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any, Callable, Optional

from engine.remote.agent.batch_reading import Chunk, Source

READERS = 4
PATIENCE_SECONDS = 0.005
"""When the wire waited for so long, for a chunk as a rule, another thread reads too. From memory one reads faster than
a link takes, and several only hand the interpreter to each other at every file; on a disk that has to look for each
file they share its queue."""
GRACE_CHUNKS = 3
"""Who shares a processor with others is held up now and again: so many waits more before the first thread starts."""
HUNG_SECONDS = 1.0
"""A disk that tries a bad sector again and again takes longer than any that is only slow."""
READ_AHEAD_CHUNKS = 4
"""With the readers' own chunks some 4 MiB at most are in memory."""

Take = Callable[[memoryview, bytes], None]


class Readers:
    """Reads all files and hands on chunks of them. A file's pieces come in order, files in any order.

    One thread reads and hands on in turns until that takes long, or a file comes that needs several chunks: others
    then read and hash while the chunks before are on the wire. One that hangs in a file holds up that file alone.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._chunks: "queue.Queue[Any]" = queue.Queue(READ_AHEAD_CHUNKS)
        self._reading_since: Optional[float] = None
        self._left_behind = False
        self._error: Optional[BaseException] = None

    def run(self, take: Take) -> None:
        """Hand every chunk to ``take``, one at a time: its contents and their tail, of use until it returns.

        Raises what it or a thread raised, which is the wire's end or a fault of ours.
        """
        ended = threading.Event()
        threading.Thread(target=self._read_in_between, args=(take, ended), daemon=True).start()
        while not ended.wait(HUNG_SECONDS) and not self._leave_behind():
            continue
        if self._error is not None:
            raise self._error
        if self._left_behind:
            self._read_ahead(take)
        elif self._source.left:
            self._start_reader()
            self._read_ahead(take)

    def _read_in_between(self, take: Take, ended: threading.Event) -> None:
        """Read chunks of small files and hand them on, until all are read or several threads had better go on."""
        try:
            spent, chunks = 0.0, 0
            while spent <= PATIENCE_SECONDS * (chunks + GRACE_CHUNKS):
                if not self._source.left or self._source.next_is_large:
                    break
                started = self._reading_since = time.monotonic()
                chunk = self._source.together(self._source.take())
                if not self._still_in_turn():
                    self._chunks.put(chunk)
                    self._work()  # As one of the readers, whom this one is counted among.
                    return
                spent += time.monotonic() - started
                chunks += 1
                self._hand_on(chunk, take)
        except BaseException as error:  # noqa: BLE001 - raised again by run()
            self._error = error
            if self._left_behind:
                self._chunks.put(error)
        ended.set()

    def _leave_behind(self) -> bool:
        """Return whether the one that reads and hands on hangs in a file; from then on it only reads."""
        with self._lock:
            since = self._reading_since
            self._left_behind = since is not None and time.monotonic() - since > HUNG_SECONDS
            return self._left_behind

    def _still_in_turn(self) -> bool:
        with self._lock:
            self._reading_since = None
            return not self._left_behind

    def _read_ahead(self, take: Take) -> None:
        """Hand on what the readers read, of which there is one at first."""
        started, ended = 1, 0
        while ended < started:
            try:
                chunk = self._chunks.get(timeout=PATIENCE_SECONDS if started < READERS else None)
            except queue.Empty:
                started += 1
                self._start_reader()
                continue
            if chunk is None:
                ended += 1
            elif isinstance(chunk, BaseException):
                raise chunk
            else:
                self._hand_on(chunk, take)

    def _hand_on(self, chunk: Chunk, take: Take) -> None:
        with memoryview(chunk.buffer) as whole, whole[chunk.start : chunk.end] as contents:
            take(contents, chunk.tail)
        self._source.give_back(chunk)

    def _start_reader(self) -> None:
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        try:
            while True:
                group = self._source.take()
                if not group:
                    break
                for chunk in self._source.chunks(group):
                    self._chunks.put(chunk)
        except BaseException as error:  # noqa: BLE001 - raised again by run()
            self._chunks.put(error)
        else:
            self._chunks.put(None)
