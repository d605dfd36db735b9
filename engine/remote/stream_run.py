"""One attempt to stream a file between two addresses: start both ends, watch them, judge how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

from engine.errors import ErrorClass, TransferError
from engine.remote import wire
from engine.remote.agent import frames
from engine.remote.agent.compression import widen_pipe
from engine.remote.stream_end import Line, StreamEnd, receiver_head, sender_head, start_receiver, start_sender
from engine.remote.stream_news import StreamNews
from engine.remote.stream_verdict import OPERATION, Way, raise_verdict
from engine.remote.types import Progress, RateChanges, SshOptions, StreamJob, StreamOutcome

# What an end is given to say its own last words after the other one failed.
LAST_WORDS_SECONDS = 5.0
# Where the receiver hands on what the sender said, its pipe is held open meanwhile, and nothing else would end it.
RELAYED_WORDS_SECONDS = 1.0


class StreamRun:
    """One attempt; ``run`` is called once."""

    def __init__(
        self,
        source: Way,
        target: Way,
        job: StreamJob,
        options: SshOptions,
        progress: Progress,
        rate_changes: RateChanges | None = None,
    ) -> None:
        self._source, self._target = source, target
        self._job = job
        self._text = job.encoding == "base64"
        self._options = options
        self._progress = progress
        self._rate_changes = rate_changes
        self._sender: StreamEnd | None = None
        self._receiver: StreamEnd | None = None
        self._ready: Line | None = None
        self._ordered = False
        self._receiver_booted = asyncio.Event()
        self._sender_head: bytes | None = None
        self._news = StreamNews(job.size_bytes, job.stall_timeout_seconds, time.monotonic)
        self._news.rate = job.bytes_per_second
        self._held_open: int | None = None
        self._stalled = False

    async def run(self) -> StreamOutcome:
        """Return the outcome; raise EndUnreached or a SyncdeckError. No child survives, however this ends."""
        started = time.monotonic()
        unsubscribe = self._rate_changes(self._set_rate) if self._rate_changes is not None else None
        try:
            if await self._start():
                await self._watch()
        finally:
            if unsubscribe is not None:
                unsubscribe()
            self._let_go()
            await asyncio.shield(asyncio.gather(*(end.kill() for end in self._ends())))
        return self._outcome(time.monotonic() - started)

    def _ends(self) -> list[StreamEnd]:
        return [end for end in (self._sender, self._receiver) if end is not None]

    async def _start(self) -> bool:
        """Start both ends, joined by a pipe into which the receiver's source goes first; return whether both run."""
        read_end, write_end = os.pipe()
        self._held_open = write_end
        try:
            widen_pipe(write_end)
            target, source, options = self._target, self._source, self._options
            try:
                self._receiver = await start_receiver(
                    target.endpoint, target.address, options, target.slot, read_end, self._receiver_said, self._text
                )
            finally:
                os.close(read_end)
            job = self._job_frame()
            if self._text and not await self._booted(self._receiver):
                return False
            await asyncio.to_thread(_write_head, write_end, job, self._text)
            if self._text:
                self._sender_head = await asyncio.to_thread(sender_head, job)
            self._sender = await start_sender(
                source.endpoint, source.address, options, source.slot, write_end, self._sender_said, job, self._text
            )
        finally:
            if not self._text:
                self._let_go()
        self._order()
        return True

    def _let_go(self) -> None:
        """Close our hold on the pipe: the receiver's stream then ends with its sender.

        A terminal beyond it hangs its receiver up as soon as that happens, so until its last word we keep hold.
        """
        if self._held_open is not None:
            os.close(self._held_open)
            self._held_open = None

    async def _booted(self, receiver: StreamEnd) -> bool:
        """Wait until a receiver that is sent as text asks for it; return False when it ended, or said nothing."""
        booted = asyncio.create_task(self._receiver_booted.wait())
        ended = asyncio.create_task(receiver.ended())
        try:
            limit = self._job.stall_timeout_seconds
            await asyncio.wait((booted, ended), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            self._stalled = not (booted.done() or ended.done())
            return booted.done()
        finally:
            for task in (booted, ended):
                task.cancel()
            await asyncio.gather(booted, ended, return_exceptions=True)

    def _job_frame(self) -> Line:
        job = self._job
        return {
            "source_path": job.source_path,
            "temp_path": job.temp_path,
            "root": job.root,
            "size": job.size_bytes,
            "kind": job.kind.value,
            "source_stat": wire.stat_to(job.source_stat),
            "bytes_per_second": self._news.rate,
            "check_source": job.check_source,
            "sha256": job.sha256,
            "live": job.live,
            "live_seconds": job.live_seconds,
        }

    def _receiver_said(self, line: Line) -> None:
        if "boot" in line:
            self._receiver_booted.set()
        if "ready" in line:
            self._ready = line["ready"]
            self._order()
        if self._sender is not None:
            if "peer" in line:
                self._sender.hear(line["peer"])
            if "wants" in line:
                self._sender.order({"wants": line["wants"], "again": line["again"]})
        self._note(line)

    def _sender_said(self, line: Line) -> None:
        if "boot" in line and self._sender is not None and self._sender_head is not None:
            head, self._sender_head = self._sender_head, None
            self._sender.send(head)
            self._sender.order({"rate": self._news.rate})
            self._order()
        self._note(line)

    def _order(self) -> None:
        """Tell the sender where to begin, once it runs and the receiver said what it has."""
        if self._ready is not None and self._sender is not None and self._sender_head is None and not self._ordered:
            self._ordered = True
            zstd = self._ready["zstd"] and self._job.compress
            self._sender.order({"offset": self._ready["offset"], "zstd": zstd})

    def _set_rate(self, bytes_per_second: int | None) -> None:
        """Hand a changed cap on to the sender; one that is not started yet has it in its job."""
        self._news.rate = bytes_per_second
        if self._sender is not None and self._sender_head is None:
            self._sender.order({"rate": bytes_per_second})

    def _note(self, line: Line) -> None:
        if self._news.take(line):
            self._progress(self._news.of("at"), self._news.of("wire"))

    async def _watch(self) -> None:
        """Return when both ends ended, when nothing moved for too long, or soon after one of them failed."""
        assert self._sender is not None and self._receiver is not None
        tasks = {asyncio.create_task(end.ended()): end for end in (self._sender, self._receiver)}
        until: float | None = None
        try:
            while waiting := [task for task in tasks if not task.done()]:
                left = self._news.seconds_left() if until is None else until - time.monotonic()
                if left <= 0:
                    self._stalled = until is None
                    return
                await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if until is None and any(task.done() and not end.succeeded for task, end in tasks.items()):
                    if not self._ordered and self._receiver.exit_code is not None:
                        return  # The sender still waits for its order: it has nothing to say.
                    until = time.monotonic() + (RELAYED_WORDS_SECONDS if self._text else LAST_WORDS_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _outcome(self, seconds: float) -> StreamOutcome:
        assert self._receiver is not None
        if self._stalled:
            cause = f"nothing moved for {self._job.stall_timeout_seconds:.0f} s"
            raise TransferError(
                OPERATION, self._job.source_path, cause, "it is resumed by itself", ErrorClass.TRANSIENT_NETWORK
            )
        ends = [(self._target, self._receiver)]
        if self._sender is not None:
            ends.insert(0, (self._source, self._sender))
        raise_verdict(ends)
        assert self._sender is not None
        done, sent = self._receiver.said["done"], self._sender.said["sent"]
        return StreamOutcome(
            sha256=done["sha256"],
            size_bytes=done["size"],
            bytes_on_wire=self._sender.said["wire"],
            resumed_bytes=done["resumed"],
            duration_seconds=seconds,
            temp_stat=wire.stat_from(done["stat"]),
            compressed=sent["compressed"],
            games_count=sent["games_count"],
        )


def _write_head(fd: int, job: Line, text: bool) -> None:
    """Fill the pipe's beginning; a receiver that is gone already says why by itself."""
    with contextlib.suppress(BrokenPipeError):
        frames.write_all(fd, receiver_head(job, text))
