"""Fetches: the target's own agent asks data servers for ranges; the engine offers sources and listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from engine.errors import ErrorClass, NodeUnreachable, TransferError
from engine.remote import wire
from engine.remote.agent import frames
from engine.remote.agent.bundle import agent_source, compiled_agent_source
from engine.remote.agent_child import agent_command
from engine.remote.child import spawn
from engine.remote.connect import addresses_of
from engine.remote.diagnose import most_telling
from engine.remote.links import Links
from engine.remote.ssh import known_ciphers
from engine.remote.stream_end import Line, StreamEnd
from engine.remote.stream_news import StreamNews
from engine.remote.stream_verdict import EndUnreached, Way, raise_verdict
from engine.remote.types import Progress, SshOptions, StreamOutcome
from engine.transport.fetch_types import (
    MANIFEST_CHUNK_BYTES,
    ChunkManifest,
    FetchHandle,
    FetchJob,
    FetchSource,
    Span,
)

MODE = "fetching"
OPERATION = "fetch"


class AgentFetching:
    """Starts fetches at their targets, over SSH or as local children."""

    def __init__(self, options: SshOptions, links: Links) -> None:
        self._options = options
        self._links = links

    async def start(self, job: FetchJob, progress: Progress) -> FetchHandle:
        """Return a running fetch, at the first address of its target that answers; raises NodeUnreachable.

        Await its ``result``, also to end it: a child runs until then.
        """
        await asyncio.to_thread(known_ciphers)
        target = job.target
        failures: list[NodeUnreachable] = []
        for address in addresses_of(target, self._links):
            await self._links.turn(target)
            source = await asyncio.to_thread(agent_source if address else compiled_agent_source, MODE)
            with ExitStack() as held:
                way = Way(target, address, held.enter_context(self._links.slot(target.node_id)))
                fetch = RunningFetch(way, job, progress)
                try:
                    await fetch.begin(source, self._options)
                except EndUnreached as unreached:
                    failures.append(unreached.failure)
                    continue
                fetch.keep(held.pop_all())
            if address is not None:
                self._links.answered(target.node_id, address)
            return fetch
        raise most_telling(failures)


class RunningFetch:
    """A fetch that runs at its target; made by ``AgentFetching``."""

    def __init__(self, way: Way, job: FetchJob, progress: Progress) -> None:
        self._way = way
        self._job = job
        self._progress = progress
        self._started = time.monotonic()
        self._news = StreamNews(job.size_bytes, job.stall_timeout_seconds, time.monotonic)
        self._news.rate = job.rate.bytes_per_second
        self._have: tuple[Span, ...] = ()
        self._urls = {source.id: source.urls for source in job.sources}
        self._failures: dict[str, str] = {}
        self._failed_classes: dict[str, ErrorClass] = {}
        self._spoke = asyncio.Event()
        self._stalled = False
        self._held = ExitStack()
        self._end: StreamEnd | None = None
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def have(self) -> tuple[Span, ...]:
        """The chunks that are verified and may be served to others."""
        return self._have

    @property
    def failures(self) -> Mapping[str, str]:
        """Sources that were given up, and why."""
        return self._failures

    @property
    def failed_classes(self) -> Mapping[str, ErrorClass]:
        """Of what class the failures of given up sources are."""
        return self._failed_classes

    async def begin(self, source: bytes, options: SshOptions) -> None:
        """Start the child that runs ``source`` and wait until it speaks; raises EndUnreached when it never does."""
        way = self._way
        child = await spawn(agent_command(way.endpoint, way.address, options, source, way.slot))
        assert child.stdin is not None
        self._end = StreamEnd(way.endpoint, child, MODE, self._note)
        try:
            child.stdin.write(source + frames.encode(_job_frame(self._job)))
            await self._until_it_speaks(self._end)
        except BaseException:
            await self._end.kill()
            raise

    def keep(self, held: ExitStack) -> None:
        """Let go of ``held`` when the fetch is over."""
        self._held = held
        self._held.callback(self._job.rate.subscribe(self._set_rate))

    def offer(self, sources: Sequence[FetchSource]) -> None:
        """Replace the list of sources; one that comes under other URLs gets another chance."""
        for source in sources:
            if self._urls.get(source.id) != source.urls:
                self._urls[source.id] = source.urls
                self._failures.pop(source.id, None)
                self._failed_classes.pop(source.id, None)
        self._order({"sources": [_source_frame(source) for source in sources]})

    def manifest(self, manifest: ChunkManifest | None) -> None:
        """Say what every chunk must hash to; None: nobody can say."""
        if manifest is None:
            self._order({"manifest": None})
            return
        task = asyncio.get_running_loop().create_task(self._send_manifest(manifest), name="manifest")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def final(self) -> None:
        """Say that no failed source comes back under other URLs."""
        self._order({"final": True})

    async def result(self) -> StreamOutcome:
        """Return the verified temporary file; raise TransferError, or NodeUnreachable where the node was lost."""
        assert self._end is not None
        try:
            await self._watch(self._end)
        finally:
            self._held.close()
            for task in self._sending:
                task.cancel()
            await asyncio.shield(self._end.kill())
        return self._outcome(self._end)

    async def _until_it_speaks(self, end: StreamEnd) -> None:
        ended = asyncio.create_task(end.ended())
        spoke = asyncio.create_task(self._spoke.wait())
        try:
            await asyncio.wait(
                [ended, spoke], timeout=self._job.stall_timeout_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ended.cancel()
            spoke.cancel()
            await asyncio.gather(ended, spoke, return_exceptions=True)
        if self._spoke.is_set():
            return
        if end.exit_code is None:
            raise self._nothing_moved()
        raise_verdict([(self._way, end)], OPERATION)

    async def _send_manifest(self, manifest: ChunkManifest) -> None:
        """A large file's manifest has megabytes: it is put into words off the event loop."""
        frame = await asyncio.to_thread(lambda: frames.encode({"manifest": _manifest_frame(manifest)}))
        if self._end is not None:
            self._end.send(frame)

    def _set_rate(self, bytes_per_second: int | None) -> None:
        self._news.rate = bytes_per_second
        self._order({"rate": bytes_per_second})

    def _order(self, order: Line) -> None:
        if self._end is not None:
            self._end.order(order)

    def _note(self, line: Line) -> None:
        self._spoke.set()
        if self._news.take(_counters(line)):
            self._progress(self._news.of("at"), self._news.of("wire"))
        if "have" in line:
            self._have = tuple(sorted((first, past) for first, past in line["have"]))
        if "source" in line:
            failed = line["source"]
            self._failures[failed["id"]] = failed["failed"]
            self._failed_classes[failed["id"]] = ErrorClass(failed["class"])

    async def _watch(self, end: StreamEnd) -> None:
        """Return when the child ended, or when nothing moved for too long."""
        ended = asyncio.create_task(end.ended())
        try:
            while not ended.done():
                left = self._news.seconds_left()
                if left <= 0:
                    self._stalled = True
                    return
                await asyncio.wait([ended], timeout=left)
        finally:
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)

    def _outcome(self, end: StreamEnd) -> StreamOutcome:
        if self._stalled:
            raise self._nothing_moved()
        raise_verdict([(self._way, end)], OPERATION)
        done = end.said["done"]
        return StreamOutcome(
            sha256=done["sha256"],
            size_bytes=done["size"],
            bytes_on_wire=done["wire"],
            resumed_bytes=done["resumed"],
            duration_seconds=time.monotonic() - self._started,
            temp_stat=wire.stat_from(done["stat"]),
        )

    def _nothing_moved(self) -> TransferError:
        cause = f"nothing moved for {self._job.stall_timeout_seconds:.0f} s"
        remedy = "it is resumed by itself"
        return TransferError(OPERATION, self._job.temp_path, cause, remedy, ErrorClass.TRANSIENT_NETWORK)


def _job_frame(job: FetchJob) -> Line:
    return {
        "temp_path": job.temp_path,
        "root": job.root,
        "size": job.size_bytes,
        "sha256": job.sha256,
        "chunk_bytes": MANIFEST_CHUNK_BYTES,
        "connections": job.connections,
        "sources": [_source_frame(source) for source in job.sources],
        "rate": job.rate.bytes_per_second,
        "stall_seconds": job.stall_timeout_seconds,
        "rarest_first": job.rarest_first,
        "hash_chunks": job.hash_chunks,
    }


def _counters(line: Line) -> Line:
    """Return a line in the words of a stream's news: what came over the wire is what is read and heard."""
    if "wire" not in line:
        return line
    return {**line, "heard": line["wire"], "read": line["at"]}


def _source_frame(source: FetchSource) -> dict[str, Any]:
    return {"id": source.id, "urls": source.urls, "have": source.have, "ranges": source.ranges}


def _manifest_frame(manifest: ChunkManifest) -> dict[str, Any]:
    return {
        "id": manifest.id,
        "size": manifest.size_bytes,
        "chunk_bytes": manifest.chunk_bytes,
        "sha256s": "".join(manifest.sha256s),
        "sha256": manifest.sha256,
    }
