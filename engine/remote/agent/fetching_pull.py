"""One connection's work: ask for a run of chunks, fill each in memory, hand it over whole."""

from __future__ import annotations

import hashlib
import time
from typing import Any, Dict, Optional, Set

from engine.remote.agent.failures import Failure
from engine.remote.agent.fetching_http import Body, Broken, Busy, Connection, Expired, Refused
from engine.remote.agent.fetching_plan import Run
from engine.remote.agent.fetching_spans import holds

READ_BYTES = 512 << 10
CONNECT_SECONDS = 10.0
# What one connection must bring while it is waited on for one stall limit: less is one that is only kept open.
LEAST_BYTES = 32 << 10


class Piece:
    """A chunk as far as it arrived; kept when its connection breaks, so that the next one goes on from there.

    ``memory`` is what it is filled in, of its length at least; what was in there before does not matter.
    """

    def __init__(self, number: int, length: int, hashed: bool, memory: memoryview) -> None:
        self.number = number
        self.memory = memory
        self.view = memory[:length]
        self.filled = 0
        self._digest: Any = hashlib.sha256() if hashed else None
        self.sources: Set[str] = set()

    @property
    def whole(self) -> bool:
        """Whether all of it arrived."""
        return self.filled == len(self.view)

    def took(self, count: int) -> None:
        """Account for bytes that were filled in, hashing them on their way where that is wanted."""
        if self._digest is not None:
            self._digest.update(self.view[self.filled : self.filled + count])
        self.filled += count

    def sha256(self) -> str:
        """Return the hash of what arrived."""
        digest = self._digest if self._digest is not None else hashlib.sha256(self.view[: self.filled])
        return str(digest.hexdigest())

    @property
    def only_source(self) -> Optional[str]:
        """The source that all of it came from, or None."""
        return next(iter(self.sources)) if len(self.sources) == 1 else None


class Flow:
    """Whether a connection yields enough for the time that is spent waiting on it; time held back by a cap is not."""

    def __init__(self, stall_seconds: float) -> None:
        self._stall_seconds = stall_seconds
        self._waited = 0.0
        self._bytes = 0

    def note(self, count: int, seconds: float) -> None:
        """Account for one read. Raises Broken for a trickle."""
        self._waited += seconds
        self._bytes += count
        if self._waited < self._stall_seconds and self._bytes < LEAST_BYTES:
            return
        if self._bytes < LEAST_BYTES:
            raise Broken("only %d bytes came in %.0f s" % (self._bytes, self._waited))
        self._waited, self._bytes = 0.0, 0


class Puller:
    """Works off runs until its fetch is over. ``fetch`` (a ``fetching.Fetch``) owns plan, file and lock."""

    def __init__(self, fetch: Any) -> None:
        self._fetch = fetch
        self._connections: Dict[str, Connection] = {}
        self._scratch: Optional[memoryview] = None

    def work(self) -> None:
        """Return when nothing is left to do; whatever cannot be mended ends the fetch."""
        try:
            while True:
                run = self._fetch.next_run()
                if run is None:
                    return
                self._follow(run)
        except BaseException as error:  # noqa: BLE001 - raised again by the fetch's own thread
            self._fetch.fail(error)
        finally:
            for connection in self._connections.values():
                connection.close()

    def _follow(self, run: Run) -> None:
        """Fetch a run as far as it goes; tell the plan how it ended."""
        source, fetch = run.source, self._fetch
        try:
            self._stream(run, fetch.piece(run))
        except Broken as error:
            self._drop(source.id)
            fetch.broke(run, str(error), isinstance(error, Refused))
        except Busy as error:
            fetch.busy(source, error.seconds)
        except Failure as error:
            self._drop(source.id)
            fetch.give_up(source, error, isinstance(error, Expired))
        finally:
            fetch.leave(run)

    def _stream(self, run: Run, piece: Piece) -> None:
        body = self._ask(run, piece)
        position = body.start
        flow = Flow(self._fetch.stall_seconds)
        while not run.over:
            number = run.at
            if piece.number != number:
                piece = self._fetch.piece(run)
            start = number * self._fetch.chunk_bytes
            if holds(self._fetch.done, number) or position > start + piece.filled:
                with self._fetch.lock:
                    self._fetch.plan.advance(run, time.monotonic())
                continue
            position = self._skip(body, position, start + piece.filled, run, flow)
            position = self._fill(body, position, run, piece, flow)
        if not body.over:
            self._drop(run.source.id)

    def _ask(self, run: Run, piece: Piece) -> Body:
        first = run.at * self._fetch.chunk_bytes + piece.filled
        past = min(run.past * self._fetch.chunk_bytes, self._fetch.size)
        url = run.source.url
        connection = self._connections.get(run.source.id)
        if connection is None or not connection.serves(url):
            self._drop(run.source.id)
            connection = Connection(url, CONNECT_SECONDS, self._fetch.stall_seconds)
            self._connections[run.source.id] = connection
        run.connection = connection
        body = connection.get(url, first, past)
        self._fetch.answered(run, body)
        return body

    def _fill(self, body: Body, position: int, run: Run, piece: Piece, flow: Flow) -> int:
        """Take the rest of a chunk, unless the run is stopped before; return the position after it."""
        fetch = self._fetch
        piece.sources.add(run.source.id)
        while not piece.whole and not run.stopped:
            limit = fetch.throttle.chunk_bytes(READ_BYTES)
            asked_at = time.monotonic()
            count = body.read_into(piece.view[piece.filled : piece.filled + limit], fetch.sated(run))
            waited = time.monotonic() - asked_at
            if not count:
                raise Failure("source-changed", "the source ends at %d bytes" % position, "the next scan sees it")
            piece.took(count)
            position += count
            run.filled = piece.filled
            run.gained += count
            run.taken += count
            fetch.took(count)
            if not piece.whole:
                flow.note(count, waited)
        if piece.whole:
            self._ensure_end(body, position)
            fetch.arrived(run, piece)
        return position

    def _skip(self, body: Body, position: int, wanted: int, run: Run, flow: Flow) -> int:
        """Read over what is not wanted of a source that sends everything."""
        if self._scratch is None and position < wanted:
            self._scratch = memoryview(bytearray(READ_BYTES))
        while position < wanted and not run.stopped:
            assert self._scratch is not None
            limit = self._fetch.throttle.chunk_bytes(READ_BYTES)
            asked_at = time.monotonic()
            count = body.read_into(self._scratch[: min(limit, wanted - position)])
            waited = time.monotonic() - asked_at
            if not count:
                raise Failure("source-changed", "the source ends at %d bytes" % position, "the next scan sees it")
            position += count
            self._fetch.took(count)
            flow.note(count, waited)
        return position

    def _ensure_end(self, body: Body, position: int) -> None:
        """An answer without a length must end where the file does."""
        if body.unbounded and position == self._fetch.size and body.read_into(memoryview(bytearray(1))):
            raise Failure("source-changed", "the source holds more than %d bytes" % position, "the next scan sees it")

    def _drop(self, source_id: str) -> None:
        connection = self._connections.pop(source_id, None)
        if connection is not None:
            connection.close()
