"""One attempt to carry a batch by a pair of agents: give both their halves, watch, gather what each file came to."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError, TransferError
from engine.model import FileStat
from engine.remote import wire
from engine.remote.agent import frames
from engine.remote.batch_pair import BatchPair
from engine.remote.batch_types import BatchJob, FileProgress
from engine.remote.stream_end import Line
from engine.remote.stream_verdict import OPERATION, EndUnreached, raise_verdict
from engine.remote.types import StreamOutcome
from engine.turns import in_turns

LAST_WORDS_SECONDS = 5.0
"""What the sender is given to say why, after the receiver ended; that one is not hurried: it flushes what is whole."""
COUNTERS = ("wire", "checks", "at")

Ended = StreamOutcome | SyncdeckError | dict[str, Any]
"""What a file came to; a dict is a failure as the agents tell it."""


class BatchRun:
    """One attempt; ``run`` is called once."""

    def __init__(self, pair: BatchPair, job: BatchJob, progress: FileProgress) -> None:
        self._pair = pair
        self._source, self._target = pair.source, pair.target
        assert pair.sender is not None and pair.receiver is not None
        self._sender, self._receiver = pair.sender, pair.receiver
        self._job = job
        self._progress = progress
        self._whole: dict[int, list[Any]] = {}
        self._failed: dict[int, dict[str, Any]] = {}
        self._sent: dict[int, str] = {}
        """What the sender says that each file hashes to, where the stream goes past us."""
        self._told: set[int] = set()
        """Of which the progress was told before the flush."""
        self._counters: dict[str, int] = {}
        self._last_news = time.monotonic()
        self._stalled = False
        self._word = secrets.token_hex(8)

    async def run(self) -> list[Ended]:
        """Return what became of each file; raise EndUnreached, or NodeUnreachable where nothing arrived at all.

        The pair is fit for another batch where this one ended well, and gone otherwise.
        """
        started = time.monotonic()
        unsubscribe = self._job.rate.subscribe(self._set_rate)
        ended_well = False
        try:
            url = await self._url()
            receive, send = await asyncio.to_thread(self._encoded, url)
            await self._pair.begin(receive, send, self._receiver_said, self._sender_said)
            await self._watch()
            ended_well = self._sender.succeeded and self._receiver.succeeded
        finally:
            unsubscribe()
            if not ended_well:
                await asyncio.shield(self._pair.kill())
        return await self._gather(time.monotonic() - started)

    async def _url(self) -> str | None:
        """Return where the receiver is to have the stream from, None for its pipe."""
        name = self._pair.name
        if name is None or self._job.offer is None:
            return None
        await self._pair.awaited(self._job.stall_timeout_seconds)
        self._last_news = time.monotonic()
        return await self._job.offer(name, self._word)

    def _encoded(self, url: str | None) -> tuple[bytes, bytes]:
        """Return what the receiver and the sender are given. In a thread: some hundred kilobytes of JSON."""
        files = self._job.files
        roots = list(dict.fromkeys(file.root for file in files))
        numbers = {root: number for number, root in enumerate(roots)}
        receive = {
            "files": [
                [f.temp_path, f.source_stat.size_bytes, _mtime_ns(f.source_stat), numbers[f.root]] for f in files
            ],
            "roots": roots,
            "encoding": self._job.encoding,
            "url": url,
        }
        send = {
            "files": [
                [f.source_path, wire.stat_to(f.source_stat), f.kind.value, f.check_source, f.growing] for f in files
            ],
            "encoding": self._job.encoding,
            "bytes_per_second": self._job.rate.bytes_per_second,
            "word": self._word,
        }
        return frames.encode(receive), frames.encode(send)

    def _set_rate(self, bytes_per_second: int | None) -> None:
        self._sender.order({"rate": bytes_per_second})

    def _sender_said(self, line: Line) -> None:
        self._sent.update(line.get("hashed", ()))
        self._note(line)

    def _receiver_said(self, line: Line) -> None:
        for number in line.get("arrived", ()):
            self._told.add(number)
            self._arrived(number, self._job.files[number].source_stat.size_bytes)
        for number, *found in line.get("whole", ()):
            self._whole[number] = found
            if number not in self._told or found[1] != self._job.files[number].source_stat.size_bytes:
                self._arrived(number, found[1])
        for number, failure in line.get("failed", ()):
            self._failed[number] = failure
        self._note(line)

    def _arrived(self, number: int, size_bytes: int) -> None:
        self._progress(number, size_bytes, self._counters.get("wire", 0))

    def _note(self, line: Line) -> None:
        """Take counters over. Only a counter that moved is news: an end that repeats itself is stalled."""
        moved = {name: line[name] for name in COUNTERS if line.get(name, 0) > self._counters.get(name, 0)}
        if moved or not line.keys() & set(COUNTERS):
            self._last_news = time.monotonic()
        self._counters.update(moved)

    async def _watch(self) -> None:
        """Return when both ends are over, when nothing moved for too long, or soon after the receiver is."""
        sending, receiving = (asyncio.create_task(end.ended()) for end in (self._sender, self._receiver))
        until: float | None = None
        try:
            while waiting := [task for task in (sending, receiving) if not task.done()]:
                left = (until or self._last_news + self._job.stall_timeout_seconds) - time.monotonic()
                if left <= 0:
                    self._stalled = until is None
                    return
                await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if sending.done() and not self._sender.succeeded:
                    self._pair.hang_up()
                if until is None and receiving.done() and not sending.done():
                    until = time.monotonic() + (0.0 if self._never_asked else LAST_WORDS_SECONDS)
        finally:
            for task in (sending, receiving):
                task.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)

    @property
    def _never_asked(self) -> bool:
        """Whether the sender still awaits the receiver's connection, and has nothing to say."""
        return self._pair.name is not None and not self._counters.get("wire")

    async def _gather(self, seconds: float) -> list[Ended]:
        broken = self._broken()
        if isinstance(broken, EndUnreached | NodeUnreachable) and not self._whole and not self._failed:
            raise broken
        share = self._counters.get("wire", 0) / max(1, sum(found[1] for found in self._whole.values()))
        return [self._of(number, broken, share, seconds) async for number in in_turns(range(len(self._job.files)))]

    def _of(self, number: int, broken: Exception | None, share: float, seconds: float) -> Ended:
        if number in self._whole:
            sha256, size, stat, lines = self._whole[number]
            if self._pair.name is not None and self._sent.get(number) != sha256:
                return self._unproven(number)
            return StreamOutcome(sha256, size, round(size * share), 0, seconds, wire.stat_from(stat), games_count=lines)
        failure = self._failed.get(number)
        if failure is not None and not (failure["secondary"] and isinstance(broken, SyncdeckError)):
            return failure
        if isinstance(broken, SyncdeckError):
            return broken
        cause = "the batch ended before this file was whole"
        subject = self._job.files[number].source_path
        return TransferError(OPERATION, subject, cause, "it is sent again by itself", ErrorClass.TRANSIENT_NETWORK)

    def _unproven(self, number: int) -> TransferError:
        """What a data server sends is sent in the clear: only the sender's own word proves it, had over SSH."""
        subject, remedy = self._job.files[number].source_path, "it is sent again by itself"
        if number in self._sent:
            cause = "what arrived is not what the source sent: it was changed on the way"
            return TransferError(OPERATION, subject, cause, remedy, ErrorClass.CHECKSUM_MISMATCH)
        cause = "the source was lost before it said what this file hashes to"
        return TransferError(OPERATION, subject, cause, remedy, ErrorClass.TRANSIENT_NETWORK)

    def _broken(self) -> EndUnreached | SyncdeckError | None:
        """Return why the batch as a whole did not end well, None when it did."""
        if self._stalled:
            cause = f"nothing moved for {self._job.stall_timeout_seconds:.0f} s"
            remedy = "what did not arrive is sent again by itself"
            return TransferError(OPERATION, self._source.endpoint.node_id, cause, remedy, ErrorClass.TRANSIENT_NETWORK)
        try:
            raise_verdict(((self._source, self._sender), (self._target, self._receiver)))
        except (EndUnreached, SyncdeckError) as error:
            return error
        return None


def _mtime_ns(stat: FileStat) -> int:
    """When the content was last written: a commit in WAL mode touches only the -wal."""
    return max(stat.mtime_ns, stat.wal_mtime_ns)
