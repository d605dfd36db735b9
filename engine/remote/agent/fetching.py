"""Fetches one content by ranges from any number of data servers into a temporary file, and proves what was written.

The job comes first on stdin, then orders; the end of stdin ends the process, which keeps its partial file.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from typing import Any, Dict, Optional, Set

from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.fetching_file import FetchedFile
from engine.remote.agent.fetching_hope import PATIENCE_SECONDS, Hope
from engine.remote.agent.fetching_http import Body
from engine.remote.agent.fetching_pieces import Pieces
from engine.remote.agent.fetching_plan import Plan, Run, Source
from engine.remote.agent.fetching_proof import Proof, numbers_as_spans
from engine.remote.agent.fetching_pull import Piece, Puller
from engine.remote.agent.fetching_report import Reporter
from engine.remote.agent.fetching_spans import Spans, holds, normal, without
from engine.remote.agent.frames import LineWriter, read_frame
from engine.remote.agent.throttle import Throttle

NOTE_SECONDS = 1.0
# How often a connection that has nothing to do looks again, though it is woken by what changes.
IDLE_SECONDS = 0.1
# How often what was read back may hold wrong chunks, which are fetched again, until the disk is not believed.
MOST_CHECKS = 3
SHORTEST_STALL_SECONDS = 2.0
LONGEST_STALL_SECONDS = 30.0


class Fetch:
    """One fetch. ``lock`` guards plan, proof and pieces; the file and the throttle have locks of their own."""

    def __init__(self, job: Dict[str, Any], lines: LineWriter) -> None:
        self.size: int = job["size"]
        self.chunk_bytes: int = job["chunk_bytes"]
        self.stall_seconds = max(SHORTEST_STALL_SECONDS, min(LONGEST_STALL_SECONDS, job["stall_seconds"] / 3))
        # Later than this a manifest's node counts as stalled.
        self._manifest_seconds: float = max(PATIENCE_SECONDS, job["stall_seconds"])
        self.lock = threading.Condition()
        self.throttle = Throttle(job["rate"], time.monotonic)
        self.wire = 0
        self._reporter = Reporter(lines)
        self._chance = random.Random()
        self._connections: int = job["connections"]
        self._hash_chunks: bool = job["hash_chunks"]
        peers = job["rarest_first"] and any(source["have"] is not None for source in job["sources"])
        start = self._chance.randrange(-(-self.size // self.chunk_bytes) or 1) if peers else 0
        self.plan = Plan(self.size, self.chunk_bytes, self._connections, job["rarest_first"], start)
        self._proof = Proof(self.size, self.chunk_bytes, job["sha256"])
        self._file = FetchedFile(job["temp_path"], self.size, job["root"], self.chunk_bytes, job["sha256"] or "")
        self._trusted: Spans = list(self._file.held)
        self.plan.done = list(self._file.held)
        self.plan.offer(job["sources"])
        self._pieces = Pieces(self.plan, self.size, self._connections, self._hash_chunks)
        self._error: Optional[BaseException] = None
        self._hope = Hope(self.plan)
        self._writing: Set[int] = set()
        self._next_note = 0.0

    @property
    def done(self) -> Spans:
        """The chunks that are written."""
        return self.plan.done

    def run(self) -> Dict[str, Any]:
        """Return {sha256, size, stat, synced, resumed, wire} of the verified file.

        Raises Failure, or what the disk says.
        """
        for _ in range(self._connections):
            threading.Thread(target=Puller(self).work, daemon=True).start()
        believed = True
        for _ in range(MOST_CHECKS):
            self._wait_for_chunks()
            self._wait_for_promise()
            done = self._file.finish(self.report)
            wrong = [] if done["sha256"] == self._proof.sha256 else self._find_wrong()
            if not wrong and self._proof.sha256 in (None, done["sha256"]):
                return dict(done, resumed=self._file.resumed, wire=self.wire)
            if not wrong and not (believed and self._proof.sha256s):
                break
            if not wrong:
                believed = False  # What was read back before is not what lies there now, for every chunk is right.
                self._file.distrust()
        self._file.remove()
        cause = "what was fetched to %s is not the content that was promised" % self._file.path
        raise Failure("checksum-mismatch", cause, "it is fetched again by itself; if it goes on, check that disk")

    def next_run(self) -> Optional[Run]:
        """Return what a connection does next, waiting for it; None when all is over."""
        with self.lock:
            while self._error is None:
                run = self.plan.next_run(time.monotonic())
                if run is not None:
                    return run
                self.lock.wait(IDLE_SECONDS)
        return None

    def piece(self, run: Run) -> Piece:
        """Return the chunk at which a run is, begun before or new."""
        with self.lock:
            return self._pieces.begin(run)

    def answered(self, run: Run, body: Body) -> None:
        """Take note of how a source answers. Raises Failure for a file of another size."""
        with self.lock:
            source = run.source
            if body.total is not None and body.total != self.size and source.have is None:
                cause = "it holds %d bytes, %d were expected" % (body.total, self.size)
                raise Failure("source-changed", cause, "the next scan sees it")
            if body.ranged:
                source.ranges = True
            elif source.active > 1:
                source.ranges, run.stopped = False, True
            else:
                self.plan.widen(run)
            self.lock.notify_all()

    def sated(self, run: Run) -> bool:
        """Return whether a run's connection brings so much that it may fill a whole read before it is looked at."""
        with self.lock:
            return run.source.speed is not None and self.plan.one_brings_all(run.source, time.monotonic())

    def took(self, count: int) -> None:
        """Account for bytes that arrived, and wait until they are paid for."""
        with self.lock:
            self.wire += count
        self.throttle.pay(count)

    def arrived(self, run: Run, piece: Piece) -> None:
        """Keep a whole chunk that is right; ask another source for one that is not. Its memory serves the next."""
        try:
            self._keep_right(run, piece)
        finally:
            with self.lock:
                self._pieces.give_back(piece)

    def _keep_right(self, run: Run, piece: Piece) -> None:
        compared = self._hash_chunks or self._proof.sha256s is not None
        sha256 = piece.sha256() if compared else None
        with self.lock:
            self._pieces.take(run)
            if holds(self.plan.done, piece.number) or piece.number in self._writing:
                self.plan.advance(run, time.monotonic())
                return
            if not self._proof.accept(piece.number, sha256, piece.only_source):
                if piece.only_source is not None:
                    self.plan.wrong(run.source, piece.number)
                run.stopped = True
                return
            self._writing.add(piece.number)
        try:
            self._file.put(piece.number, piece.view)
        finally:
            self._writing.discard(piece.number)
        with self.lock:
            if sha256 is not None and not self._proof.agrees(piece.number, sha256):
                # The manifest came while it was written.
                self._file.drop([(piece.number, piece.number + 1)])
                run.stopped = True
                return
            run.brought = True
            now = time.monotonic()
            self.plan.complete(run, now)
            if self.plan.finished or not self.plan.one_brings_all(run.source, now):
                self.lock.notify_all()  # Otherwise there is nothing for the others to do.

    def broke(self, run: Run, reason: str, refused: bool) -> None:
        """A run's connection broke; ``refused``: there was none to be had, because nobody listens."""
        now = time.monotonic()
        with self.lock:
            if not run.stopped:
                self.plan.broke(run, reason, now, self._chance.random)
                if refused and run.source.failed is not None:
                    self._hope.fresh_server(now)

    def busy(self, source: Source, seconds: float) -> None:
        """A source asked for patience."""
        with self.lock:
            self.plan.pause(source, seconds, time.monotonic())

    def give_up(self, source: Source, failure: Failure, expired: bool) -> None:
        """A source cannot serve."""
        with self.lock:
            self.plan.give_up(source, failure.cause, failure.error_class)
            moved = failure.error_class == "not-found" and len(self.plan.sources) > 1
            if expired or moved:
                self._hope.fresh_url(time.monotonic())

    def leave(self, run: Run) -> None:
        """A run is over; what was begun is kept for whoever goes on."""
        with self.lock:
            self._pieces.park(run)
            self.plan.leave(run)
            self.lock.notify_all()

    def fail(self, error: BaseException) -> None:
        """End the fetch with an error."""
        with self.lock:
            self._error = self._error or error
            self.lock.notify_all()

    def take(self, order: Dict[str, Any]) -> None:
        """Obey one order of the engine."""
        if "rate" in order:
            self.throttle.set(order["rate"])
        with self.lock:
            if "sources" in order:
                self.plan.offer(order["sources"])
            if "manifest" in order:
                self._learn(order["manifest"])
            if order.get("final"):
                self._hope.end()
            self.lock.notify_all()

    def keep(self) -> None:
        """Write down what is there, for whoever goes on."""
        self._file.note_holes()

    def report(self) -> None:
        """Tell the engine, a few times a second, how far it is."""
        now = time.monotonic()
        if not self._reporter.due(now):
            return
        with self.lock:
            have = self._verified()
            flying = self._pieces.in_flight()
            wire = self.wire
            failures = {source.id: (source.turn, source.failed) for source in self.plan.sources.values()}
        at = min(self.size, self._file.held_bytes + flying)
        self._reporter.tell(at, wire, self._file.read_back, have, failures)
        if now >= self._next_note:
            self._next_note = now + NOTE_SECONDS
            self._file.note_holes()

    def _verified(self) -> Spans:
        """Return what may be served to others: what was compared with the manifest."""
        if self._proof.sha256s is None:
            return []
        return without(self.plan.done, self._trusted)

    def _learn(self, manifest: Optional[Dict[str, Any]]) -> None:
        if manifest is None:
            self._manifest_seconds = 0.0
            return
        try:
            wrong = self._proof.learn(manifest)
        except Failure as failure:
            self._error = self._error or failure
            return
        for number, identity in wrong:
            source = self.plan.sources.get(identity) if identity is not None else None
            if source is not None:
                self.plan.wrong(source, number)
        if wrong:
            self._reopen(numbers_as_spans(wrong))

    def _reopen(self, spans: Spans) -> None:
        self._proof.forget(spans)
        self._file.drop(spans)
        self.plan.reopen(spans)

    def _wait_for_chunks(self) -> None:
        """Return when every chunk is written; raise what makes that impossible."""
        while True:
            self.report()
            with self.lock:
                if self._error is not None:
                    raise self._error
                if self.plan.finished:
                    return
                self._hope.ensure(time.monotonic())
                stopped = [run.connection for run in self.plan.runs if run.stopped and run.connection is not None]
                self._pieces.forget_finished()
            for connection in stopped:
                connection.close()
            with self.lock:
                if not self.plan.finished and self._error is None:
                    self.lock.wait(IDLE_SECONDS)

    def _wait_for_promise(self) -> None:
        """Without a hash of the whole, only the manifest can say what is right."""
        while self._proof.sha256 is None and self._proof.sha256s is None:
            self._rest()

    def _rest(self) -> None:
        """Wait a moment; raise what ended the fetch."""
        self.report()
        with self.lock:
            if self._error is not None:
                raise self._error
            self.lock.wait(IDLE_SECONDS)

    def _find_wrong(self) -> Spans:
        """Read every chunk back, once the manifest is there; have the wrong ones fetched again."""
        since = time.monotonic()
        while self._hash_chunks and self._proof.sha256s is None and time.monotonic() - since < self._manifest_seconds:
            self._rest()
        if self._proof.sha256s is None:
            return []
        wrong = self._file.wrong_chunks(self._proof.sha256s, normal([(0, self.plan.chunks)]), self.report)
        with self.lock:
            self._trusted = []
            if wrong:
                self._reopen(wrong)
            self.lock.notify_all()
        return wrong


def main(source: bytes) -> None:
    """Be a fetcher: the job comes first on stdin, then orders until it ends."""
    job = read_frame(0)
    if job is None:
        sys.exit(97)
    lines = LineWriter(1)
    lines.write({"hello": True})
    try:
        fetch = Fetch(job, lines)
        threading.Thread(target=_obey, args=(fetch,), daemon=True).start()
        lines.write({"done": fetch.run()})
        code = 0
    except Exception as error:  # noqa: BLE001 - every failure travels to the engine
        lines.write({"error": from_exception(error, job["temp_path"]).as_json()})
        code = 1
    os._exit(code)


def _obey(fetch: Fetch) -> None:
    while True:
        order = read_frame(0)
        if order is None:
            fetch.keep()
            os._exit(1)
        try:
            fetch.take(order)
        except Exception as error:  # noqa: BLE001 - raised again by the fetch's own thread
            fetch.fail(error)
