"""A step before the chain of transports: where the target holds an older version of a database, send what differs.

The delta is a small file, which any transport carries like any other. What cannot be done so is sent whole.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

from engine.clock import Clock
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.integrity.deltas import DeltaPaths, delta_paths, worth_comparing
from engine.model import FileKind, FileStat
from engine.remote.types import CheckResult, NodeAgent, PagesRequest, Progress, StreamOutcome
from engine.shielded import finish_anyway
from engine.transport.attempts import Delivery, TransportTry
from engine.transport.delta_pages import Comparison, NotWorthIt, WrittenDelta
from engine.transport.discarding import discard_or_leave
from engine.transport.errors import BadSource, bad_source
from engine.transport.types import AgentFor, TransferJob

Carry = Callable[[TransferJob, Progress], Awaitable[Delivery]]
"""Walks the chain of transports for a job."""
Pause = Callable[[float], Awaitable[None]]
LONGEST_PAUSE_SECONDS = 0.5
"""How soon a changed cap is heard by checksums that wait for it."""
FAILS_WHOLE_TOO = frozenset({ErrorClass.TRANSIENT_NETWORK, ErrorClass.THROTTLED, ErrorClass.AUTH, ErrorClass.HOST_KEY})
"""A delta that could not be carried for such a reason is not followed by the whole file: that takes the same way."""


@dataclass(frozen=True, slots=True)
class _Ends:
    """Both nodes' agents, the old version's stat, and what of the new one arrived in an earlier try."""

    source: NodeAgent
    target: NodeAgent
    old_stat: FileStat
    new_stat: FileStat
    arrived_bytes: int


class PageDeltas:
    """Delivers databases as page deltas where that is cheaper. One per engine; holds nothing between deliveries."""

    def __init__(self, agent_for: AgentFor, clock: Clock, pause: Pause = asyncio.sleep) -> None:
        self._agent_for = agent_for
        self._clock = clock
        self._pause = pause

    async def deliver(self, job: TransferJob, progress: Progress, carry: Carry) -> Delivery:
        """Return what delivering a job with a ``basis_path`` came to: by a delta, else whole by ``carry`` alone.

        A whole delivery after a delta tells of that one: as a failed try, or as passed over where it was not worth it.
        Cancelling leaves no file of the delta at either end.
        """
        started_at, started = self._clock.now(), self._clock.monotonic()
        paths = delta_paths(job.source_path, job.temp_path)
        if paths is None or job.kind is not FileKind.SQLITE or job.live:
            return await carry(job, progress)
        run = _Run(job, paths, progress, self._agent_for, self._pause)
        try:
            delivery = await run.deliver(carry)
        except NotWorthIt as refusal:
            whole = await carry(run.whole_job(), _offset(progress, run.wire_bytes))
            return replace(whole, passed_over=(*whole.passed_over, f"delta: {refusal}"))
        except BadSource as error:
            return _damaged(error, run)
        except SyncdeckError as error:
            failed_at = self._clock.now()
            whole = await carry(run.whole_job(), _offset(progress, run.wire_bytes))
            return _after(whole, run, error, started_at, failed_at)
        return replace(delivery, result=replace(delivery.result, duration_seconds=self._clock.monotonic() - started))


class _Run:
    """One delivery by a delta; ``deliver`` is called once."""

    def __init__(
        self, job: TransferJob, paths: DeltaPaths, progress: Progress, agent_for: AgentFor, pause: Pause
    ) -> None:
        self._pause = pause
        self._job = job
        self._paths = paths
        self._progress = progress
        self._agent_for = agent_for
        self._checked = False
        self.wire_bytes = 0
        self.carried: Delivery | None = None

    def whole_job(self) -> TransferJob:
        """Return the job without a delta; what was checked already is not checked twice."""
        return replace(self._job, basis_path=None, check_source=self._job.check_source and not self._checked)

    async def deliver(self, carry: Carry) -> Delivery:
        """Return the delivery; raise NotWorthIt, BadSource, or what a delta failed with, for the file to go whole."""
        ends = await self._ends()
        async with self._checking(ends.source) as check:
            try:
                return await self._deliver(ends, carry, check)
            finally:
                await finish_anyway(self._clean(ends))

    async def _ends(self) -> _Ends:
        job = self._job
        assert job.basis_path is not None
        source, target = await self._agent_for(job.source.node_id), await self._agent_for(job.target.node_id)
        old_stat, partial = await target.stat(job.basis_path), await target.stat(job.temp_path)
        new_stat = job.source_stat or await source.stat(job.source_path)
        arrived = partial.size_bytes if partial is not None else 0
        if old_stat is None or new_stat is None or new_stat.size_bytes != job.size_bytes:
            raise NotWorthIt("there is no older version to compare with any more")
        if not worth_comparing(job.size_bytes, old_stat.size_bytes, arrived):
            raise NotWorthIt("the sizes alone tell that little would be saved")
        return _Ends(source, target, old_stat, new_stat, arrived)

    @contextlib.asynccontextmanager
    async def _checking(self, source: NodeAgent) -> AsyncIterator[asyncio.Task[CheckResult] | None]:
        """Check the source for its kind meanwhile, where it was not yet."""
        if not self._job.check_source:
            yield None
            return
        check = asyncio.get_running_loop().create_task(source.check(self._job.source_path, self._job.kind))
        try:
            yield check
        finally:
            check.cancel()
            await asyncio.wait([check])
            if not check.cancelled():
                check.exception()

    async def _deliver(self, ends: _Ends, carry: Carry, check: asyncio.Task[CheckResult] | None) -> Delivery:
        job, paths = self._job, self._paths
        patience = job.stall_timeout_seconds
        sizes = job.size_bytes, ends.old_stat.size_bytes
        new_side = PagesRequest(job.source_path, job.source_root, ends.new_stat, sizes[1], True, patience)
        old_side = PagesRequest(job.basis_path or "", job.target_root, ends.old_stat, sizes[0], False, patience)
        async with ends.source.pages(new_side) as new, ends.target.pages(old_side) as old:
            comparison = Comparison(new, old, *sizes, ends.arrived_bytes, self._pay)
            zstd = ends.source.info.zstd and ends.target.info.zstd
            delta = await comparison.write(paths, zstd)
            carried = await carry(self._delta_job(delta), self._scaled(delta))
            self.wire_bytes += carried.result.bytes_on_wire
            self.carried = carried
            if carried.outcome is None:
                return self._not_carried(carried)
            sha256 = await comparison.whole_sha256()
            if job.sha256 is not None and sha256 != job.sha256:
                cause = f"the source holds {sha256[:12]}, the catalog expects {job.sha256[:12]}"
                raise SyncdeckError(
                    "verify", job.source_path, cause, "it is hashed again by itself", ErrorClass.CHECKSUM_MISMATCH
                )
            stat = await comparison.rebuild(paths, job.temp_path, sha256)
            await self._judge(check)
        return self._delivered(carried, carried.outcome, delta, sha256, stat)

    async def _pay(self, wire_bytes: int) -> None:
        """Count checksums that the nodes exchange, and let them take as long as the cap of now allows."""
        self.wire_bytes += wire_bytes
        self._progress(0, self.wire_bytes)
        owed = float(wire_bytes)
        while owed > 0 and (rate := self._job.rate.bytes_per_second) is not None:
            seconds = min(LONGEST_PAUSE_SECONDS, owed / rate)
            owed -= seconds * rate
            await self._pause(seconds)

    def _delta_job(self, delta: WrittenDelta) -> TransferJob:
        return replace(
            self._job,
            source_path=self._paths.at_source,
            temp_path=self._paths.at_target,
            size_bytes=delta.stat.size_bytes,
            content_id=delta.sha256,
            kind=FileKind.PLAIN,
            source_stat=delta.stat,
            sha256=delta.sha256,
            check_source=False,
            basis_path=None,
            holders=(),
        )

    def _scaled(self, delta: WrittenDelta) -> Progress:
        """Show a part of the delta as that part of the file which it stands for."""
        before, known = self.wire_bytes, self._job.size_bytes - delta.content_bytes

        def take(done: int, wire: int) -> None:
            share = done / max(1, delta.stat.size_bytes)
            self._progress(known + int(delta.content_bytes * min(1.0, share)), before + wire)

        return take

    async def _judge(self, check: asyncio.Task[CheckResult] | None) -> None:
        if check is None:
            return
        result = await check
        if not result.ok:
            raise bad_source(self._job.source_path, result.detail)
        self._checked = True

    def _not_carried(self, carried: Delivery) -> Delivery:
        """Return the failure where the whole file would meet it too; else raise it, for the file to go whole."""
        error = carried.error
        assert error is not None
        if isinstance(error, NodeUnreachable) or error.error_class in FAILS_WHOLE_TOO:
            return carried
        raise error

    def _delivered(
        self, carried: Delivery, way: StreamOutcome, delta: WrittenDelta, sha256: str, stat: FileStat
    ) -> Delivery:
        size = self._job.size_bytes
        # What moved is the delta, in the time that it took: links are judged by that.
        resumed = max(0, size - way.size_bytes + way.resumed_bytes)
        outcome = replace(
            way,
            sha256=sha256,
            size_bytes=size,
            bytes_on_wire=self.wire_bytes,
            resumed_bytes=resumed,
            temp_stat=stat,
            compressed=True,
            fingerprint=None,
        )
        result = replace(carried.result, bytes_transferred=size, bytes_on_wire=self.wire_bytes, sha256=sha256)
        hashes = self.wire_bytes - carried.result.bytes_on_wire
        *before, last = carried.tries
        tries = (*before, replace(last, bytes_done=size, bytes_on_wire=last.bytes_on_wire + hashes))
        return replace(carried, result=result, outcome=outcome, tries=tries)

    async def _clean(self, ends: _Ends) -> None:
        """Remove the files of the delta; a rebuilt one has its final temporary name by now."""
        paths = self._paths
        await asyncio.gather(
            discard_or_leave(ends.source, [paths.at_source]),
            discard_or_leave(ends.target, [paths.at_target, paths.rebuilt]),
        )


def _offset(progress: Progress, wire_bytes: int) -> Progress:
    """Add what was on the wire before."""
    return lambda done, wire: progress(done, wire_bytes + wire)


def _after(whole: Delivery, run: _Run, error: SyncdeckError, started_at: float, failed_at: float) -> Delivery:
    """Return a whole delivery with the delta before it as one more try."""
    before = run.carried.tries if run.carried is not None else ()
    transport = before[-1].transport if before else whole.result.transport_used
    tried = TransportTry(transport, started_at, failed_at, 0, run.wire_bytes, error)
    result = replace(
        whole.result, retries=whole.result.retries + 1, bytes_on_wire=whole.result.bytes_on_wire + run.wire_bytes
    )
    return replace(whole, result=result, tries=(tried, *whole.tries))


def _damaged(error: BadSource, run: _Run) -> Delivery:
    """Return the failure of a source that must not travel, whatever the way."""
    carried = run.carried
    assert carried is not None
    *before, last = carried.tries
    result = replace(
        carried.result,
        success=False,
        error=str(error),
        error_class=error.error_class,
        hint=error.remedy,
        bytes_on_wire=run.wire_bytes,
        sha256=None,
    )
    return replace(carried, result=result, outcome=None, tries=(*before, replace(last, error=error)), error=error)
