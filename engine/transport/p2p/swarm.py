"""All fetches of one content at the same time: what each is offered, a few times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError, TransferError
from engine.remote.agent.fetching_spans import Spans, union
from engine.transport.fetch_types import MANIFEST_CHUNK_BYTES, ChunkManifest, DataServers, FetchSource
from engine.transport.p2p.members import Copy, Member, Way, ask_way, copies_of, find_published, longest, member_of
from engine.transport.p2p.shares import Shares
from engine.transport.types import AgentFor, TransferJob

OFFER_SECONDS = 0.25
NOT_MENDED = frozenset({ErrorClass.CHECKSUM_MISMATCH, ErrorClass.SOURCE_CHANGED})
"""What no fresh URL makes right."""
MOST_PEERS = 16
"""Offered to one fetcher at once: more make it no faster."""


class Swarm:
    """The fetchers of one content, and the copies that they read. Lives as long as one fetches."""

    def __init__(self, size_bytes: int, servers: DataServers, agent_for: AgentFor, clock: Clock) -> None:
        self._size_bytes = size_bytes
        self._servers = servers
        self._agent_for = agent_for
        self._clock = clock
        self._copies: dict[str, Copy] = {}
        self._members: dict[int, Member] = {}
        self._finished: list[Member] = []
        self._shares = Shares(-(-size_bytes // MANIFEST_CHUNK_BYTES))
        self._manifest: asyncio.Task[ChunkManifest] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._offering: asyncio.Task[None] | None = None

    @property
    def fetching(self) -> int:
        """How many fetch now."""
        return len(self._members)

    async def join(self, number: int, job: TransferJob) -> tuple[Member, tuple[FetchSource, ...]]:
        """Return a new fetcher and what it may begin with; ``leave`` it. Raises SyncdeckError when that is nothing."""
        member = member_of(number, job)
        self._members[number] = member
        for copy in copies_of(job):
            self._copies.setdefault(copy.id, copy)
        await self._learn_ways(member)
        sources = self._offers()[number]
        if not sources:
            raise await self._no_source(job)
        member.told = sources
        if self._offering is None:
            self._offering = self._start(self._offer_often())
        return member, sources

    async def manifest(self, job: TransferJob) -> ChunkManifest:
        """Return what the chunks hash to, computed once for all; raises SyncdeckError when no holder can say it."""
        if self._manifest is None or (self._manifest.done() and self._failed(self._manifest)):
            self._manifest = self._start(self._ask_manifest(job))
            # Who waited may be cancelled meanwhile: then nobody else would take note of how it failed.
            self._manifest.add_done_callback(self._failed)
        return await asyncio.shield(self._manifest)

    def distrust(self) -> None:
        """The content that the manifest told was not what was promised: ask for another the next time."""
        self._manifest = None

    def leave(self, number: int, finished: bool) -> None:
        """A fetcher ended; what it finished serves the others until all have."""
        member = self._members.pop(number)
        if finished:
            self._finished.append(member)

    async def close(self) -> None:
        """End what runs beside the fetches; nobody joins any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _learn_ways(self, member: Member) -> None:
        await asyncio.gather(*(self._ask(member, copy) for copy in self._copies.values()))

    async def _ask(self, member: Member, copy: Copy) -> None:
        way = member.ways.setdefault(copy.id, Way())
        await ask_way(way, copy, member.job.target, self._servers, self._clock.monotonic())

    async def _no_source(self, job: TransferJob) -> SyncdeckError:
        """Return why the source, if nobody else, cannot be read: what the servers say, else that they say nothing."""
        try:
            cause = await self._servers.refusal(job.source, job.target)
        except SyncdeckError as error:
            return error
        cause = cause or f"no data server of {job.source.node_id} may give {job.source_path}"
        remedy = "another transport is tried by itself"
        return TransferError("fetch", job.source_path, cause, remedy, ErrorClass.UNSUPPORTED)

    async def _ask_manifest(self, job: TransferJob) -> ChunkManifest:
        """Ask one holder after the other; one that holds something else by now is passed over."""
        failure: SyncdeckError | None = None
        for copy in [*copies_of(job), *self._copies.values()]:
            try:
                manifest = await self._servers.manifest(copy.endpoint, copy.served)
            except SyncdeckError as error:
                failure = failure or error
                continue
            if manifest.size_bytes == self._size_bytes and job.sha256 in (None, manifest.sha256 or job.sha256):
                return manifest
        if failure is not None:
            raise failure
        cause = "no holder has the content that was planned any more"
        raise TransferError("read", job.source_path, cause, "it is planned anew", ErrorClass.SOURCE_CHANGED)

    async def _offer_often(self) -> None:
        while True:
            for number, sources in self._offers().items():
                member = self._members[number]
                if member.handle is not None and sources and sources != member.told:
                    member.handle.offer(sources)
                    member.told = sources
            self._mend_ways()
            await asyncio.sleep(OFFER_SECONDS)

    def _offers(self) -> dict[int, tuple[FetchSource, ...]]:
        """Return what every fetcher is to be offered now."""
        haves = {number: member.have for number, member in self._members.items()}
        reachable = {number: self._reachable(member, haves) for number, member in self._members.items()}
        finished = bool(self._finished)
        shares = self._shares.divide(haves, reachable, finished, self._clock.monotonic())
        return {
            number: (*self._whole(member, shares[number]), *self._peers(member, haves))
            for number, member in self._members.items()
        }

    def _whole(self, member: Member, share: Spans) -> list[FetchSource]:
        """Return the sources that have everything, each for this fetcher's share of it."""
        everything = share == [(0, -(-self._size_bytes // MANIFEST_CHUNK_BYTES))] or not self._size_bytes
        have = None if everything else longest(share)
        whole = [*self._copies.values(), *(each.copy for each in self._finished)]
        return [FetchSource(copy.id, urls, have) for copy in whole if (urls := self._urls(member, copy))]

    def _peers(self, member: Member, haves: dict[int, Spans]) -> list[FetchSource]:
        others = [self._members[number] for number in sorted(haves, key=lambda each: (each <= member.number, each))]
        return [
            FetchSource(peer.copy.id, urls, longest(haves[peer.number]), True)
            for peer in others
            if peer is not member and haves[peer.number] and (urls := self._urls(member, peer.copy))
        ][:MOST_PEERS]

    def _reachable(self, member: Member, haves: dict[int, Spans]) -> Spans:
        found: Spans = []
        failures = member.handle.failures if member.handle is not None else {}
        for number, have in haves.items():
            copy = self._members[number].copy
            if number != member.number and copy.id not in failures and self._urls(member, copy):
                found = union(found, have)
        return found

    def _urls(self, member: Member, copy: Copy) -> tuple[str, ...]:
        way = member.ways.get(copy.id)
        return way.urls if way is not None else ()

    def _mend_ways(self) -> None:
        """Ask for URLs where there are none yet, and for fresh ones where a source did not serve under the old."""
        now = self._clock.monotonic()
        for member in self._members.values():
            peers = [each.copy for each in self._members.values() if each is not member]
            failed_classes = member.handle.failed_classes if member.handle is not None else {}
            for copy in [*self._copies.values(), *peers, *(each.copy for each in self._finished)]:
                way = member.ways.setdefault(copy.id, Way())
                failure = failed_classes.get(copy.id)
                failed = failure is not None and failure not in NOT_MENDED
                moved = failed and not copy.found_again and any(each.copy is copy for each in self._finished)
                if not way.asking and (moved or (now >= way.retry_at and (failed or not way.urls))):
                    way.asking = True
                    self._start(self._mend(member, copy, moved))

    async def _mend(self, member: Member, copy: Copy, moved: bool) -> None:
        if moved:
            await find_published(copy, self._size_bytes, self._agent_for)
        await self._ask(member, copy)

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name="p2p")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @staticmethod
    def _failed(task: asyncio.Task[ChunkManifest]) -> bool:
        return task.cancelled() or task.exception() is not None
