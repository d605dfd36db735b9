"""The bench that checks work on: a transport, a place to read from, a place to write to, and chance with a seed."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine.errors import ErrorClass, SyncdeckError
from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind, FileStat
from engine.remote.types import Progress, StreamOutcome
from engine.transport.conformance.place import Place, Seen
from engine.transport.rates import RateCap
from engine.transport.types import AgentFor, TransferJob, TransportAdapter

NAMES = TemporaryNames("c04f0123", "00000001")
STALL_SECONDS = 30.0
SLOW_BYTES_PER_SECOND = 1_000_000
"""Slow enough that a check can act while a file travels, fast enough that bytes soon move."""
PATIENCE_SECONDS = 90.0
SLOWEST_BYTES_PER_SECOND = 5_000_000
"""A slower way is no broken promise, but nobody waits for a large file to end over it."""
END_OF_REMOTE_SECONDS = 15.0
REPORT = "report this together with the log"
NO_PROGRESS = "no progress was reported before the copy ended"


class Broken(Exception):
    """A promise was not kept: why, and what an operator can do."""

    def __init__(self, cause: str, remedy: str = REPORT) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy


class NotApplicable(Exception):
    """A check cannot be made here; the text says why."""


def quiet(done: int, wire: int) -> None:
    """Progress that nobody looks at."""


@dataclass
class Bench:
    """One transport between two places. ``full_target`` is a place whose file system holds less than
    ``full_bytes``; only tests have one, for an operator's disk is never filled. ``others`` are further transports
    that serve the same pair."""

    adapter: TransportAdapter
    source: Place
    target: Place
    agent_for: AgentFor
    chance: random.Random
    others: Sequence[TransportAdapter] = ()
    full_target: Place | None = None
    full_bytes: int = 0
    _jobs: int = field(default=0)

    async def job(
        self,
        name: str,
        *,
        arrives_as: str | None = None,
        target: Place | None = None,
        kind: FileKind = FileKind.PLAIN,
        rate: int | None = None,
        stat: FileStat | None = None,
        check_source: bool = False,
        sha256: str | None = None,
    ) -> TransferJob:
        """Return the job that brings a file of the source to a temporary file at the target."""
        place = target or self.target
        path = f"{self.source.folder}/{name}"
        found = stat or await (await self.agent_for(self.source.endpoint.node_id)).stat(path)
        if found is None:
            raise Broken(f"the source's agent does not see {path}")
        self._jobs += 1
        content = hashlib.sha256(f"{name}\0{found}\0{self._jobs}".encode("utf-8", "surrogateescape")).hexdigest()
        return TransferJob(
            source=self.source.endpoint,
            target=place.endpoint,
            source_path=path,
            temp_path=NAMES.part(f"{place.folder}/{arrives_as or name}", self._jobs, content),
            size_bytes=found.size_bytes,
            content_id=content,
            kind=kind,
            source_stat=found,
            sha256=sha256,
            rate=RateCap(rate),
            stall_timeout_seconds=STALL_SECONDS,
            check_source=check_source,
            target_root=place.folder,
            source_root=self.source.folder,
        )

    async def made(self, size: int, *, seed: str = "content", name: str = "file.npz", **changes: int) -> TransferJob:
        """Make a source file of ``size`` bytes and return its job."""
        await self.source.write(name, seed, size, **changes)
        return await self.job(name)

    async def copy(self, job: TransferJob, progress: Progress = quiet) -> StreamOutcome:
        """Copy by the transport under test, with patience but not without end."""
        patience = PATIENCE_SECONDS + job.size_bytes / SLOWEST_BYTES_PER_SECOND
        try:
            async with asyncio.timeout(patience):
                return await self.adapter.copy(job, progress)
        except TimeoutError:
            raise Broken(f"the copy did not end within {patience:.0f} s") from None

    def temp_name(self, job: TransferJob, place: Place | None = None) -> str:
        """Return a job's temporary file as a name of its place."""
        return job.temp_path.removeprefix((place or self.target).folder + "/")

    async def arrived(self, job: TransferJob, outcome: StreamOutcome, wanted: Seen | None = None) -> None:
        """Raise Broken unless the temporary file is the source, and the outcome says what is there."""
        source_name = job.source_path.removeprefix(self.source.folder + "/")
        sent = wanted or await self.source.look(source_name)
        there = await self.target.look(self.temp_name(job))
        if sent is None or there is None:
            raise Broken(f"nothing lies at {job.temp_path if sent else job.source_path} after the copy")
        if (there.size_bytes, there.sha256) != (sent.size_bytes, sent.sha256):
            raise Broken(
                f"{there.size_bytes} bytes with SHA-256 {there.sha256[:12]} lie at the target and were called "
                f"verified; the source holds {sent.size_bytes} with {sent.sha256[:12]}",
                "do not use this transport: WRONG BYTES were called verified; report this together with the log",
            )
        if (outcome.sha256, outcome.size_bytes) != (there.sha256, there.size_bytes):
            raise Broken("the outcome does not say what lies at the target")
        if outcome.temp_stat.size_bytes != there.size_bytes:
            raise Broken("the outcome's stat is not that of the temporary file")

    async def delivered(self, job: TransferJob, progress: Progress = quiet) -> StreamOutcome:
        """Copy, and raise Broken unless what arrived is the source."""
        outcome = await self.copy(job, progress)
        await self.arrived(job, outcome)
        return outcome

    async def refused(self, job: TransferJob, *classes: ErrorClass) -> SyncdeckError:
        """Copy, and return the error that it ended with; raise Broken when it did not, or not in one of these ways."""
        try:
            await self.copy(job)
        except SyncdeckError as error:
            return told(error, *classes)
        raise Broken(f"the copy was called done; it had to fail ({', '.join(classes)})")

    async def until_moving(self, job: TransferJob) -> asyncio.Task[StreamOutcome]:
        """Start a copy and return it once bytes move."""
        moving = asyncio.Event()

        def heard(done: int, wire: int) -> None:
            if done or wire:
                moving.set()

        copy = asyncio.create_task(self.adapter.copy(job, heard))
        seen = asyncio.create_task(moving.wait())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.wait({copy, seen}, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            copy.cancel()
            await asyncio.wait([copy])
            raise
        finally:
            seen.cancel()
        return copy

    async def still_moving(self, copy: asyncio.Task[StreamOutcome]) -> None:
        """Return when a copy is under way; raise its error, or NotApplicable when it ended and told of no progress."""
        if copy.done():
            early = await self.settled(copy)
            raise early if isinstance(early, SyncdeckError) else NotApplicable(NO_PROGRESS)

    async def settled(self, copy: asyncio.Task[StreamOutcome]) -> StreamOutcome | SyncdeckError:
        """Return what a running copy came to."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await copy
        except SyncdeckError as error:
            return error
        except TimeoutError:
            raise Broken(f"the copy did not end within {PATIENCE_SECONDS:.0f} s") from None

    async def clean(self) -> None:
        """Raise Broken when a process still holds a file of either place; then empty both."""
        places = [place for place in (self.source, self.target, self.full_target) if place is not None]
        try:
            for place in places:
                await self._let_go(place)
        finally:
            for place in places:
                await place.clear()

    async def _let_go(self, place: Place) -> None:
        """A remote process ends with its connection, which may take the node a moment."""
        held = await place.holders(END_OF_REMOTE_SECONDS)
        if held:
            raise Broken(
                f"{END_OF_REMOTE_SECONDS:.0f} s after the end processes {list(held)} on "
                f"{place.endpoint.node_id} still have files of the copy open"
            )

    def with_(self, adapter: TransportAdapter) -> Bench:
        """Return this bench with another transport."""
        return replace(self, adapter=adapter)


def told(error: SyncdeckError, *classes: ErrorClass) -> SyncdeckError:
    """Return an error of one of these classes that says cause and remedy; raise Broken for any other."""
    if error.error_class not in classes:
        raise Broken(f"it failed as {error.error_class.value} instead of {', '.join(classes)}: {error}")
    if not error.cause or not error.remedy:
        raise Broken(f"the error {error} lacks a cause or a remedy")
    return error
