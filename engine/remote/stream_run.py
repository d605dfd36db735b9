"""One attempt to stream a file between two addresses: start both ends, watch them, judge how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

from engine.errors import ErrorClass, TransferError
from engine.remote import wire
from engine.remote.agent import frames
from engine.remote.agent.bundle import agent_source
from engine.remote.agent.compression import widen_pipe
from engine.remote.stream_end import Line, StreamEnd, start_receiver, start_sender
from engine.remote.stream_verdict import OPERATION, Way, raise_verdict
from engine.remote.types import Progress, SshOptions, StreamJob, StreamOutcome

# What an end is given to say its own last words after the other one failed.
LAST_WORDS_SECONDS = 5.0
# What the ends count: bytes read and on the wire at the source, steps of its type check, bytes written and read
# back at the target.
COUNTERS = ("read", "wire", "checks", "at", "hashed")


class StreamRun:
    """One attempt; ``run`` is called once."""

    def __init__(self, source: Way, target: Way, job: StreamJob, options: SshOptions, progress: Progress) -> None:
        self._source, self._target = source, target
        self._job = job
        self._options = options
        self._progress = progress
        self._sender: StreamEnd | None = None
        self._receiver: StreamEnd | None = None
        self._ready: Line | None = None
        self._ordered = False
        self._counters: dict[str, int] = {}
        self._last_news = time.monotonic()
        self._stalled = False

    async def run(self) -> StreamOutcome:
        """Return the outcome; raise EndUnreached or a SyncdeckError. No child survives, however this ends."""
        started = time.monotonic()
        try:
            await self._start()
            await self._watch()
        finally:
            await asyncio.shield(asyncio.gather(*(end.kill() for end in self._ends())))
        return self._outcome(time.monotonic() - started)

    def _ends(self) -> list[StreamEnd]:
        return [end for end in (self._sender, self._receiver) if end is not None]

    async def _start(self) -> None:
        """Start both ends at once, joined by a pipe into which the receiver's source goes first."""
        read_end, write_end = os.pipe()
        try:
            widen_pipe(write_end)
            target, source = self._target, self._source
            try:
                self._receiver = await start_receiver(
                    target.endpoint, target.address, self._options, target.slot, read_end, self._receiver_said
                )
            finally:
                os.close(read_end)
            head = agent_source("receiving") + frames.encode(self._job_frame())
            await asyncio.to_thread(_write_head, write_end, head)
            self._sender = await start_sender(
                source.endpoint,
                source.address,
                self._options,
                source.slot,
                write_end,
                self._note,
                self._job_frame(),
            )
        finally:
            os.close(write_end)
        self._order()

    def _job_frame(self) -> Line:
        job = self._job
        return {
            "source_path": job.source_path,
            "temp_path": job.temp_path,
            "root": job.root,
            "size": job.size_bytes,
            "kind": job.kind.value,
            "source_stat": wire.stat_to(job.source_stat),
            "bytes_per_second": job.bytes_per_second,
            "encoding": job.encoding,
            "check_source": job.check_source,
        }

    def _receiver_said(self, line: Line) -> None:
        if "ready" in line:
            self._ready = line["ready"]
            self._order()
        self._note(line)

    def _order(self) -> None:
        """Tell the sender where to begin, once it runs and the receiver said what it has."""
        if self._ready is not None and self._sender is not None and not self._ordered:
            self._ordered = True
            zstd = self._ready["zstd"] and self._job.compress
            self._sender.order({"offset": self._ready["offset"], "zstd": zstd})

    def _note(self, line: Line) -> None:
        """Take counters over. Only a counter that moved is news: an end that repeats itself is stalled."""
        moved = {name: line[name] for name in COUNTERS if line.get(name, 0) > self._counters.get(name, 0)}
        if moved or "ready" in line or "hello" in line:
            self._last_news = time.monotonic()
        if moved:
            self._counters.update(moved)
            self._progress(self._counters.get("at", 0), self._counters.get("wire", 0))

    async def _watch(self) -> None:
        """Return when both ends ended, when nothing moved for too long, or soon after one of them failed."""
        assert self._sender is not None and self._receiver is not None
        tasks = {asyncio.create_task(end.ended()): end for end in (self._sender, self._receiver)}
        until: float | None = None
        try:
            while waiting := [task for task in tasks if not task.done()]:
                left = (until or self._last_news + self._job.stall_timeout_seconds) - time.monotonic()
                if left <= 0:
                    self._stalled = until is None
                    return
                await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if until is None and any(task.done() and not end.succeeded for task, end in tasks.items()):
                    if not self._ordered and self._receiver.exit_code is not None:
                        return  # The sender still waits for its order: it has nothing to say.
                    until = time.monotonic() + LAST_WORDS_SECONDS
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _outcome(self, seconds: float) -> StreamOutcome:
        assert self._sender is not None and self._receiver is not None
        if self._stalled:
            cause = f"nothing moved for {self._job.stall_timeout_seconds:.0f} s"
            raise TransferError(
                OPERATION, self._job.source_path, cause, "it is resumed by itself", ErrorClass.TRANSIENT_NETWORK
            )
        ways = ((self._source, self._sender), (self._target, self._receiver))
        raise_verdict(ways)
        done, sent = self._receiver.said["done"], self._sender.said["sent"]
        return StreamOutcome(
            sha256=done["sha256"],
            size_bytes=done["size"],
            bytes_on_wire=self._sender.said["wire"],
            resumed_bytes=done["resumed"],
            duration_seconds=seconds,
            temp_stat=wire.stat_from(done["stat"]),
            compressed=sent["compressed"],
        )


def _write_head(fd: int, head: bytes) -> None:
    """Fill the pipe's beginning; a receiver that is gone already says why by itself."""
    with contextlib.suppress(BrokenPipeError):
        frames.write_all(fd, head)
