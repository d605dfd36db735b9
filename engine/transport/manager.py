"""The TransportManager: walks a chain of transports until one has delivered, and tells what each try came to."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError
from engine.model import Transport, TransportResult
from engine.remote.types import Progress, StreamOutcome
from engine.transport.attempts import AllOpen, Delivery, Meter, TransportTry, Walk
from engine.transport.breaker_board import Breakers, Permit, short_cause
from engine.transport.breakers import COUNTED
from engine.transport.chain import resolve_chain
from engine.transport.concurrency import NODE_LIMIT, Decision, LinkConcurrency
from engine.transport.delta import PageDeltas
from engine.transport.retries import RetryBudget
from engine.transport.types import TransferJob, TransportAdapter

__all__ = ["Delivery", "TransportManager", "TransportTry"]

LEAST_GAIN_BYTES = 256 * 1024
"""A broken stream that got at least this far is taken up again: links of rented boxes break every few seconds
(docs/decisions/0005-moving-bytes.md), so what counts is progress, not the number of breaks."""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0

Pause = Callable[[float], Awaitable[None]]
OnTransport = Callable[[Transport, Sequence[str]], Awaitable[None]]
"""Called before a transport of the chain begins, with why each one before it was passed over."""
OnDecision = Callable[[Decision], Awaitable[None]]


async def _forget(_decision: Decision) -> None:
    """Keep no decision: nobody asked for them."""


class TransportManager:
    """Moves files by the first transport of a chain that serves; knows transports by their capabilities only.

    ``breakers``, ``links`` and ``budget`` are what it learns while it works; others may ask them.
    """

    def __init__(
        self,
        adapters: Sequence[TransportAdapter],
        clock: Clock,
        pause: Pause = asyncio.sleep,
        chance: random.Random | None = None,
        *,
        own_node: str = "",
        on_decision: OnDecision = _forget,
        deltas: PageDeltas | None = None,
    ) -> None:
        self._deltas = deltas
        self._adapters = tuple(adapters)
        self._clock = clock
        self._pause = pause
        self._chance = chance if chance is not None else random.Random()
        self._on_decision = on_decision
        self._at_once: Counter[tuple[str, str]] = Counter()
        self.breakers = Breakers([adapter.name for adapter in self._adapters], clock, self._chance, own_node)
        self.links = LinkConcurrency(NODE_LIMIT, clock)
        self.budget = RetryBudget(clock)

    async def transfer(self, job: TransferJob, preference: Sequence[Transport], progress: Progress) -> TransportResult:
        """Bring a file to its temporary name at the target; failures are in the result. Cancelling ends all."""
        return (await self.deliver(job, preference, progress)).result

    async def deliver(
        self,
        job: TransferJob,
        preference: Sequence[Transport],
        progress: Progress,
        on_transport: OnTransport | None = None,
    ) -> Delivery:
        """Like ``transfer``, with the verified temporary file's facts and every try.

        Verified bytes are kept from try to try: the temporary name is the same, and it carries the content. A
        fallback has all its own tries: what another transport used up before does not count against it. Where the
        target holds an older version, only the difference travels, unless the first transport sees to that itself.
        """
        if self._deltas is None or job.basis_path is None or self._first_compares(preference):
            return await self._deliver(job, preference, progress, on_transport)
        return await self._deltas.deliver(
            job, progress, lambda one, heard: self._deliver(one, preference, heard, on_transport)
        )

    def _first_compares(self, preference: Sequence[Transport]) -> bool:
        return any(adapter.capabilities.delta for adapter in self.chain(preference)[:1])

    async def _deliver(
        self, job: TransferJob, preference: Sequence[Transport], progress: Progress, on_transport: OnTransport | None
    ) -> Delivery:
        walk = Walk(Meter(progress), self._clock.monotonic())
        link = (job.source.node_id, job.target.node_id)
        self._at_once[link] += 1
        try:
            outcome = await self._walk(job, preference, walk, on_transport)
            if outcome is not None:
                delivery = walk.delivered(outcome, self._clock)
            else:
                error = walk.tries[-1].error if walk.tries else None
                first_choice = preference[0] if preference else Transport.AGENT
                delivery = walk.failed(error or self.nothing_serves(job, walk), first_choice, self._clock)
            await self.note_end(link, delivery, walk.started)
            return delivery
        finally:
            self._at_once[link] -= 1

    def chain(self, preference: Sequence[Transport], live: bool = False) -> tuple[TransportAdapter, ...]:
        """Return the transports to try for a preference, in order; for a live database those that can send one."""
        return resolve_chain(preference, self._adapters, live)

    @property
    def sends_live(self) -> bool:
        """Whether any transport can send a database that is being written, without room for a snapshot."""
        return any(adapter.capabilities.live for adapter in self._adapters)

    async def admit(self, adapter: TransportAdapter, job: TransferJob, walk: Walk) -> Permit | None:
        """Return leave to use a transport, which the caller ends; None, the reason in ``walk``, if it is left alone.

        Raises SyncdeckError when an end cannot be asked.
        """
        source, target = job.source.node_id, job.target.node_id
        try:
            reason = await adapter.unusable(job.source, job.target)
        except SyncdeckError as error:
            self.breakers.note_unreachable(error)
            raise
        self.breakers.note_refusal(adapter.name, source, target, reason)
        if reason is not None:
            walk.passed_over.append(f"{adapter.name.value}: {reason}")
            return None
        leave = self.breakers.permit(adapter.name, source, target, job.size_bytes)
        if isinstance(leave, Permit):
            return leave
        walk.passed_over.append(leave)
        walk.open_until.append(self.breakers.reopens_at(source, target, [adapter.name]) or self._clock.monotonic())
        return None

    async def note_end(self, link: tuple[str, str], delivery: Delivery, started: float) -> None:
        """Let the link's limit learn from a delivery that began at ``started`` (monotonic seconds)."""
        decision: Decision | None = None
        if delivery.outcome is not None:
            moved = delivery.outcome.size_bytes - delivery.outcome.resumed_bytes
            seconds = delivery.outcome.duration_seconds
            decision = self.links.arrived(*link, moved, seconds, self._at_once[link])
        elif delivery.error is not None and delivery.tries and _broke(delivery.tries[-1]):
            decision = self.links.broke(*link, short_cause(delivery.error), started)
        if decision is not None:
            await self._on_decision(decision)

    async def _walk(
        self, job: TransferJob, preference: Sequence[Transport], walk: Walk, on_transport: OnTransport | None
    ) -> StreamOutcome | None:
        for adapter in self.chain(preference, job.live):
            try:
                permit = await self.admit(adapter, job, walk)
            except SyncdeckError as error:
                now = self._clock.now()
                walk.tries.append(TransportTry(adapter.name, now, now, 0, 0, error))
                return None
            if permit is None:
                continue
            try:
                if on_transport is not None:
                    await on_transport(adapter.name, tuple(walk.passed_over))
                outcome = await self._persist(adapter, job, walk)
                error_of_last = walk.tries[-1].error
                if outcome is not None:
                    permit.succeeded()
                    return outcome
                if error_of_last is not None:
                    permit.failed(error_of_last)
            finally:
                permit.release()
            if not walk.tries[-1].may_fall_back:
                return None
        return None

    async def _persist(self, adapter: TransportAdapter, job: TransferJob, walk: Walk) -> StreamOutcome | None:
        """Try one transport again for as long as it can resume and every try brings the file further."""
        breaks = 0
        while True:
            before = walk.meter.furthest
            outcome = await self._try_once(adapter, job, walk)
            last = walk.tries[-1]
            if outcome is not None or last.error is None:
                return outcome
            gained = walk.meter.furthest - before >= LEAST_GAIN_BYTES
            # A connection that is cut may take its last reports with it; what arrived shows that it had stood.
            network = last.error.error_class is ErrorClass.TRANSIENT_NETWORK and (last.reached or gained)
            if not (network and gained and adapter.capabilities.resume):
                return None
            longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(breaks, 10))
            await self._pause(longest * (0.5 + self._chance.random() / 2))
            breaks += 1

    async def _try_once(self, adapter: TransportAdapter, job: TransferJob, walk: Walk) -> StreamOutcome | None:
        meter = walk.meter
        meter.next_try()
        started = self._clock.now()
        outcome: StreamOutcome | None = None
        failure: SyncdeckError | None = None
        try:
            outcome = await adapter.copy(job, meter)
        except SyncdeckError as error:
            failure = error
        wire = outcome.bytes_on_wire if outcome is not None else meter.wire_of_try
        done = outcome.size_bytes if outcome is not None else meter.done
        meter(done, wire)
        resent = meter.resent(outcome.resumed_bytes if outcome is not None else None)
        walk.tries.append(TransportTry(adapter.name, started, self._clock.now(), done, wire, failure, resent))
        return outcome

    def nothing_serves(self, job: TransferJob, walk: Walk) -> SyncdeckError:
        """Return the error for a job that no transport took on."""
        if walk.open_until:
            wait = max(0.0, min(walk.open_until) - self._clock.monotonic())
            return AllOpen(job.source_path, walk.passed_over, wait)
        reasons = "; ".join(walk.passed_over) or "none is built"
        return SyncdeckError(
            "move",
            job.source_path,
            f"no transport serves {job.source.node_id} -> {job.target.node_id} ({reasons})",
            "prefer another transport for this rule (via), or install what is missing on the nodes",
            ErrorClass.UNSUPPORTED,
        )


def _broke(last: TransportTry) -> bool:
    """Return whether a try speaks against the link: the network failed it after both ends were reached."""
    return last.error is not None and last.error.error_class in COUNTED and last.reached
