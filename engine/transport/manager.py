"""The TransportManager: walks a chain of transports until one has delivered, and tells what each try came to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from engine.clock import Clock
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.model import TransferResult, Transport
from engine.remote.types import Progress, StreamOutcome
from engine.transport.chain import resolve_chain
from engine.transport.types import TransferJob, TransportAdapter

FALLBACK_CLASSES = frozenset({ErrorClass.TRANSIENT_NETWORK, ErrorClass.THROTTLED, ErrorClass.UNSUPPORTED})
"""Failures of the way, not of an end: another transport may do better. All others would fail alike."""
LEAST_GAIN_BYTES = 256 * 1024
"""A broken stream that got at least this far is taken up again: links of rented boxes break every few seconds
(docs/decisions/0005-moving-bytes.md), so what counts is progress, not the number of breaks."""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0

Pause = Callable[[float], Awaitable[None]]
OnTransport = Callable[[Transport], Awaitable[None]]
"""Called before a transport of the chain begins."""


@dataclass(frozen=True, slots=True)
class TransportTry:
    """One try of one transport: when, how far it came, and why it ended (``error`` None: delivered)."""

    transport: Transport
    started_at: float
    finished_at: float
    bytes_done: int
    bytes_on_wire: int
    error: SyncdeckError | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What walking the chain came to. ``outcome`` is None, and ``error`` set, when nothing was delivered."""

    result: TransferResult
    outcome: StreamOutcome | None
    tries: tuple[TransportTry, ...]
    error: SyncdeckError | None


class _Meter:
    """Adds up what all tries of one job moved, and how far the file got."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._wire_before = 0
        self._wire_now = 0
        self.done = 0
        self.furthest = 0

    def __call__(self, done: int, wire: int) -> None:
        self.done, self._wire_now = done, wire
        self.furthest = max(self.furthest, done)
        self._progress(done, self._wire_before + wire)

    def next_try(self) -> None:
        self._wire_before += self._wire_now
        self._wire_now = 0
        self.done = 0

    @property
    def wire_of_try(self) -> int:
        return self._wire_now

    @property
    def wire(self) -> int:
        return self._wire_before + self._wire_now


class TransportManager:
    """Moves files by the first transport of a chain that serves; knows transports by their capabilities only."""

    def __init__(
        self,
        adapters: Sequence[TransportAdapter],
        clock: Clock,
        pause: Pause = asyncio.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self._adapters = tuple(adapters)
        self._clock = clock
        self._pause = pause
        self._chance = chance if chance is not None else random.Random()

    async def transfer(self, job: TransferJob, preference: Sequence[Transport], progress: Progress) -> TransferResult:
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

        Verified bytes are kept from try to try: the temporary name is the same, and it carries the content.
        """
        started = self._clock.monotonic()
        meter = _Meter(progress)
        tries: list[TransportTry] = []
        reasons: list[str] = []
        for adapter in resolve_chain(preference, self._adapters):
            try:
                reason = await adapter.unusable(job.source, job.target)
            except SyncdeckError as error:
                now = self._clock.now()
                tries.append(TransportTry(adapter.name, now, now, 0, 0, error))
                break
            if reason is not None:
                reasons.append(f"{adapter.name.value}: {reason}")
                continue
            if on_transport is not None:
                await on_transport(adapter.name)
            outcome = await self._persist(adapter, job, meter, tries)
            if outcome is not None:
                return self._delivered(outcome, tries, meter, started)
            if not _may_fall_back(tries[-1].error):
                break
        return self._failed(job, reasons, tries, meter, started, preference)

    async def _persist(
        self, adapter: TransportAdapter, job: TransferJob, meter: _Meter, tries: list[TransportTry]
    ) -> StreamOutcome | None:
        """Try one transport again for as long as it can resume and every try brings the file further."""
        breaks = 0
        while True:
            before = meter.furthest
            outcome = await self._try_once(adapter, job, meter, tries)
            error = tries[-1].error
            if outcome is not None or error is None:
                return outcome
            gained = meter.furthest - before >= LEAST_GAIN_BYTES
            network = error.error_class is ErrorClass.TRANSIENT_NETWORK and not isinstance(error, NodeUnreachable)
            if not (network and gained and adapter.capabilities.resume):
                return None
            longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(breaks, 10))
            await self._pause(longest * (0.5 + self._chance.random() / 2))
            breaks += 1

    async def _try_once(
        self, adapter: TransportAdapter, job: TransferJob, meter: _Meter, tries: list[TransportTry]
    ) -> StreamOutcome | None:
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
        tries.append(TransportTry(adapter.name, started, self._clock.now(), done, wire, failure))
        return outcome

    def _delivered(self, outcome: StreamOutcome, tries: list[TransportTry], meter: _Meter, started: float) -> Delivery:
        result = TransferResult(
            success=True,
            transport_used=tries[-1].transport,
            bytes_transferred=outcome.size_bytes,
            duration_seconds=self._clock.monotonic() - started,
            retries=len(tries) - 1,
            bytes_on_wire=meter.wire,
            sha256=outcome.sha256,
        )
        return Delivery(result, outcome, tuple(tries), None)

    def _failed(
        self,
        job: TransferJob,
        reasons: list[str],
        tries: list[TransportTry],
        meter: _Meter,
        started: float,
        preference: Sequence[Transport],
    ) -> Delivery:
        error = tries[-1].error if tries else None
        if error is None:
            error = _nothing_serves(job, reasons)
        fallback = preference[0] if preference else Transport.AGENT
        result = TransferResult(
            success=False,
            transport_used=tries[-1].transport if tries else fallback,
            bytes_transferred=meter.done,
            duration_seconds=self._clock.monotonic() - started,
            error=str(error),
            retries=max(0, len(tries) - 1),
            bytes_on_wire=meter.wire,
            error_class=error.error_class,
            hint=error.remedy,
        )
        return Delivery(result, None, tuple(tries), error)


def _may_fall_back(error: SyncdeckError | None) -> bool:
    """A node that cannot be reached is out of reach for every transport."""
    return error is not None and error.error_class in FALLBACK_CLASSES and not isinstance(error, NodeUnreachable)


def _nothing_serves(job: TransferJob, reasons: list[str]) -> SyncdeckError:
    return SyncdeckError(
        "move",
        job.source_path,
        f"no transport serves {job.source.node_id} -> {job.target.node_id} ({'; '.join(reasons) or 'none is built'})",
        "prefer another transport for this rule (via), or install what is missing on the nodes",
        ErrorClass.UNSUPPORTED,
    )
