"""Delivering a batch: walks the transports that carry batches, with the manager's breakers, a verdict for each file."""

from __future__ import annotations

from collections.abc import Sequence

from engine.clock import Clock
from engine.errors import SyncdeckError
from engine.model import Transport
from engine.remote.types import StreamOutcome
from engine.transport.attempts import Delivery, Meter, TransportTry, Walk
from engine.transport.batching import batch_chain
from engine.transport.breaker_board import Permit
from engine.transport.manager import OnTransport, TransportManager
from engine.transport.types import BatchProgress, BatchTransport, TransferJob
from engine.turns import in_turns


async def deliver_batch(
    manager: TransportManager,
    jobs: Sequence[TransferJob],
    preference: Sequence[Transport],
    progress: BatchProgress,
    on_transport: OnTransport,
    clock: Clock,
) -> list[Delivery]:
    """Bring small files to their temporary names; return what each came to, in order. Cancelling ends all.

    What one transport could not bring for want of a way goes on by the next one that carries batches.
    """
    walks = [Walk(Meter(_silent), clock.monotonic()) for _ in jobs]
    outcomes: dict[int, StreamOutcome] = {}
    left = list(range(len(jobs)))
    for adapter in batch_chain(preference, manager.chain(preference)):
        permit = await _admitted(manager, adapter, jobs, left, walks, clock)
        if permit is None:
            if any(walks[number].tries and not walks[number].tries[-1].may_fall_back for number in left):
                break
            continue
        try:
            await on_transport(adapter.name, tuple(walks[left[0]].passed_over))
            await _copy(adapter, jobs, left, walks, outcomes, progress, clock)
            _judge(permit, walks, left, outcomes)
        finally:
            permit.release()
        left = [number for number in left if number not in outcomes and walks[number].tries[-1].may_fall_back]
        if not left:
            break
    every = in_turns(range(len(jobs)))
    return [_delivery(manager, jobs, number, walks, outcomes, preference, clock) async for number in every]


async def _admitted(
    manager: TransportManager,
    adapter: BatchTransport,
    jobs: Sequence[TransferJob],
    left: Sequence[int],
    walks: Sequence[Walk],
    clock: Clock,
) -> Permit | None:
    """Return leave to use a transport for what is left; None, with the reason in every walk, where there is none."""
    first = walks[left[0]]
    passed_over, open_until = len(first.passed_over), len(first.open_until)
    try:
        permit = await manager.admit(adapter, jobs[left[0]], first)
    except SyncdeckError as error:
        for number in left:
            walks[number].tries.append(TransportTry(adapter.name, clock.now(), clock.now(), 0, 0, error))
        return None
    for number in left[1:]:
        walks[number].passed_over += first.passed_over[passed_over:]
        walks[number].open_until += first.open_until[open_until:]
    return permit


async def _copy(
    adapter: BatchTransport,
    jobs: Sequence[TransferJob],
    left: Sequence[int],
    walks: Sequence[Walk],
    outcomes: dict[int, StreamOutcome],
    progress: BatchProgress,
    clock: Clock,
) -> None:
    started = clock.now()
    results: Sequence[StreamOutcome | SyncdeckError]
    try:
        results = await adapter.copy_batch(
            [jobs[number] for number in left], lambda at, done, wire: progress(left[at], done, wire)
        )
    except SyncdeckError as error:
        results = [error] * len(left)
    async for number, result in in_turns(zip(left, results, strict=True)):
        meter = walks[number].meter
        meter.next_try()
        arrived = result if isinstance(result, StreamOutcome) else None
        done, wire = (arrived.size_bytes, arrived.bytes_on_wire) if arrived is not None else (0, 0)
        meter(done, wire)
        failure = None if isinstance(result, StreamOutcome) else result
        walks[number].tries.append(TransportTry(adapter.name, started, clock.now(), done, wire, failure))
        if arrived is not None:
            outcomes[number] = arrived


def _judge(permit: Permit, walks: Sequence[Walk], left: Sequence[int], outcomes: dict[int, StreamOutcome]) -> None:
    """Tell the breaker once: the way served if any file came over it."""
    if any(number in outcomes for number in left):
        permit.succeeded()
        return
    error = walks[left[0]].tries[-1].error
    if error is not None:
        permit.failed(error)


def _delivery(
    manager: TransportManager,
    jobs: Sequence[TransferJob],
    number: int,
    walks: Sequence[Walk],
    outcomes: dict[int, StreamOutcome],
    preference: Sequence[Transport],
    clock: Clock,
) -> Delivery:
    walk = walks[number]
    if number in outcomes:
        return walk.delivered(outcomes[number], clock)
    error = walk.tries[-1].error if walk.tries else None
    first_choice = preference[0] if preference else Transport.AGENT
    return walk.failed(error or manager.nothing_serves(jobs[number], walk), first_choice, clock)


def _silent(_done: int, _wire: int) -> None:
    """Tell nothing: a batch's progress is told for all its files at once."""
