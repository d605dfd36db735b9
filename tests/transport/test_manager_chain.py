"""Which transports are tried, in which order, and what makes the manager go on to the next."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from engine.clock import ManualClock
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError, TransferError
from engine.model import FileKind, FileStat, Transport
from engine.remote.types import Endpoint, Progress, StreamOutcome
from engine.transport.attempts import AllOpen
from engine.transport.chain import resolve_chain
from engine.transport.concurrency import Decision
from engine.transport.manager import TransportManager
from engine.transport.rates import RateCap
from engine.transport.types import Capabilities, TransferJob

NEAR, FAR = Endpoint("near", local=True), Endpoint("far", local=False)
JOB = TransferJob(NEAR, FAR, "/s", "/t", 10_000_000, "c", FileKind.PLAIN, None, None, RateCap(), 60.0, False)
OUTCOME = StreamOutcome("a" * 64, 10_000_000, 10_000_000, 0, 1.0, FileStat(10_000_000, 1))


class Scripted:
    """A transport that fails as told, in order, getting so far each time; then it delivers."""

    def __init__(
        self,
        name: Transport,
        faults: list[tuple[int, SyncdeckError]] | None = None,
        *,
        anywhere: bool = True,
        cost: int = 10,
        reason: str | None = None,
    ) -> None:
        self.name = name
        self.capabilities = Capabilities(remote_to_remote=anywhere, universal=anywhere, resume=True, cost=cost)
        self.faults = faults or []
        self.reason = reason
        self.copies = 0

    async def unusable(self, source: Endpoint, target: Endpoint) -> str | None:
        return self.reason

    async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
        self.copies += 1
        if self.faults:
            reached, error = self.faults.pop(0)
            progress(reached, reached)
            raise error
        return OUTCOME


def fault(error_class: ErrorClass) -> TransferError:
    return TransferError("copy", "/s", "it broke", "wait", error_class)


def manager(*adapters: Scripted, pauses: list[float] | None = None) -> TransportManager:
    async def pause(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)

    return TransportManager(adapters, ManualClock(), pause, random.Random(1))


def quiet(done: int, wire: int) -> None:
    """Progress that nobody looks at."""


def names(*preference: Transport) -> list[Transport]:
    built = (
        Scripted(Transport.RSYNC, anywhere=False, cost=9),
        Scripted(Transport.AGENT, cost=10),
        Scripted(Transport.BASE64, cost=13),
    )
    return [adapter.name for adapter in resolve_chain(preference, built)]


@pytest.mark.parametrize(
    ("preference", "expected"),
    [
        ((Transport.P2P, Transport.HTTP, Transport.BASE64), [Transport.AGENT, Transport.BASE64]),
        ((Transport.RSYNC, Transport.HTTP, Transport.BASE64), [Transport.RSYNC, Transport.AGENT, Transport.BASE64]),
        ((Transport.RSYNC, Transport.BASE64), [Transport.RSYNC, Transport.AGENT, Transport.BASE64]),
        ((Transport.S3, Transport.RSYNC), [Transport.RSYNC, Transport.AGENT]),
        ((Transport.BASE64,), [Transport.BASE64]),
        ((Transport.RSYNC,), [Transport.RSYNC, Transport.AGENT]),
        ((), [Transport.AGENT]),
    ],
)
def test_the_cheapest_that_serves_any_pair_goes_before_dearer_fallbacks_and_stands_in_for_what_is_not_built(
    preference: tuple[Transport, ...], expected: list[Transport]
) -> None:
    assert names(*preference) == expected


async def test_a_stream_that_breaks_is_taken_up_again_for_as_long_as_it_gets_further() -> None:
    breaks = [(i * 1_000_000, fault(ErrorClass.TRANSIENT_NETWORK)) for i in range(1, 10)]
    agent, pauses = Scripted(Transport.AGENT, breaks), list[float]()
    delivery = await manager(agent, pauses=pauses).deliver(JOB, [Transport.AGENT], quiet)
    assert delivery.result.success
    assert (agent.copies, delivery.result.retries, len(pauses)) == (10, 9, 9)


async def test_a_stream_that_gets_no_further_gives_way_to_the_next_transport() -> None:
    rsync = Scripted(Transport.RSYNC, [(5_000_000, fault(ErrorClass.TRANSIENT_NETWORK))] * 9, cost=9)
    agent = Scripted(Transport.AGENT)
    delivery = await manager(rsync, agent).deliver(JOB, [Transport.RSYNC, Transport.AGENT], quiet)
    assert delivery.result.transport_used is Transport.AGENT
    assert rsync.copies == 2
    assert [t.error is None for t in delivery.tries] == [False, False, True]
    assert delivery.result.bytes_on_wire == 5_000_000 * 2 + 10_000_000


@pytest.mark.parametrize(
    "error_class",
    [ErrorClass.NO_SPACE, ErrorClass.NOT_FOUND, ErrorClass.SOURCE_CHANGED, ErrorClass.AUTH],
)
async def test_a_failure_of_an_end_is_not_tried_by_another_way(error_class: ErrorClass) -> None:
    agent = Scripted(Transport.AGENT, [(0, fault(error_class))])
    base64 = Scripted(Transport.BASE64, cost=13)
    delivery = await manager(agent, base64).deliver(JOB, [Transport.AGENT, Transport.BASE64], quiet)
    assert not delivery.result.success
    assert delivery.result.error_class is error_class
    assert delivery.result.hint == "wait"
    assert base64.copies == 0


async def test_a_node_out_of_reach_is_out_of_reach_for_every_transport() -> None:
    gone = NodeUnreachable("reach", "far", "timed out", "wake it", ErrorClass.TRANSIENT_NETWORK, "timed-out")
    agent, base64 = Scripted(Transport.AGENT, [(0, gone)]), Scripted(Transport.BASE64, cost=13)
    delivery = await manager(agent, base64).deliver(JOB, [Transport.AGENT, Transport.BASE64], quiet)
    assert delivery.error is gone
    assert base64.copies == 0


async def test_a_transport_that_cannot_serve_is_passed_over_and_named_when_none_can() -> None:
    rsync = Scripted(Transport.RSYNC, reason="far has no rsync", anywhere=False)
    delivery = await manager(rsync).deliver(JOB, [Transport.RSYNC], quiet)
    assert delivery.result.error_class is ErrorClass.UNSUPPORTED
    assert delivery.result.error is not None and "far has no rsync" in delivery.result.error
    assert (await manager(rsync, Scripted(Transport.AGENT)).transfer(JOB, [Transport.RSYNC], quiet)).success


async def test_every_transport_of_the_chain_is_announced_before_it_begins() -> None:
    announced: list[Transport] = []

    async def announce(transport: Transport, _passed_over: Sequence[str]) -> None:
        announced.append(transport)

    rsync = Scripted(Transport.RSYNC, [(0, fault(ErrorClass.UNSUPPORTED))], cost=9)
    await manager(rsync, Scripted(Transport.AGENT)).deliver(
        replace(JOB), [Transport.RSYNC, Transport.AGENT], quiet, announce
    )
    assert announced == [Transport.RSYNC, Transport.AGENT]


async def test_a_transport_that_keeps_failing_is_passed_over_and_the_next_is_told_why() -> None:
    http = Scripted(Transport.HTTP, [(0, fault(ErrorClass.TRANSIENT_NETWORK))] * 9, anywhere=False)
    agent = Scripted(Transport.AGENT)
    walked = manager(http, agent)
    for _ in range(3):
        assert (await walked.deliver(JOB, [Transport.HTTP, Transport.AGENT], quiet)).result.success
    told: list[Sequence[str]] = []

    async def announce(_transport: Transport, passed_over: Sequence[str]) -> None:
        told.append(passed_over)

    delivery = await walked.deliver(JOB, [Transport.HTTP, Transport.AGENT], quiet, announce)
    assert http.copies == 3, "the fourth did not try it"
    assert delivery.result.success and delivery.result.retries == 0
    assert len(told) == 1 and "http to far: breaker open for " in told[0][0]
    assert [failed.error_class for failed in delivery.failures] == []


async def test_where_all_is_left_alone_the_error_says_how_long_and_counts_as_no_try() -> None:
    agent = Scripted(Transport.AGENT, [(0, fault(ErrorClass.TRANSIENT_NETWORK))] * 3)
    walked = manager(agent)
    for _ in range(3):
        assert not (await walked.deliver(JOB, [Transport.AGENT], quiet)).result.success
    delivery = await walked.deliver(JOB, [Transport.AGENT], quiet)
    assert isinstance(delivery.error, AllOpen) and 3.0 < delivery.error.wait_seconds < 7.0
    assert delivery.tries == () and agent.copies == 3


async def test_a_cancelled_probe_lets_the_next_file_probe() -> None:
    class Endless(Scripted):
        entered = asyncio.Event()

        async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
            if self.faults:
                return await super().copy(job, progress)
            self.entered.set()
            await asyncio.Event().wait()
            raise AssertionError

    agent = Endless(Transport.AGENT, [(0, fault(ErrorClass.TRANSIENT_NETWORK))] * 3)
    clock = ManualClock()
    walked = TransportManager([agent], clock, chance=random.Random(1))
    for _ in range(3):
        await walked.deliver(JOB, [Transport.AGENT], quiet)
    clock.advance(60)
    for _ in range(2):
        agent.entered.clear()
        probe = asyncio.create_task(walked.deliver(JOB, [Transport.AGENT], quiet))
        await asyncio.wait_for(agent.entered.wait(), 5)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)


async def test_bytes_sent_again_are_those_between_where_a_try_began_and_where_the_last_one_was() -> None:
    class Restarts(Scripted):
        async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
            begin = 0 if self.copies == 0 else 3_000_000
            progress(begin, 0)
            if not self.faults:
                self.copies += 1
                return replace(OUTCOME, resumed_bytes=3_000_000)
            return await super().copy(job, progress)

    agent = Restarts(Transport.AGENT, [(4_000_000, fault(ErrorClass.TRANSIENT_NETWORK))])
    delivery = await manager(agent).deliver(JOB, [Transport.AGENT], quiet)
    assert delivery.result.success and delivery.bytes_resent == 1_000_000
    assert [(f.bytes_done, f.error_class) for f in delivery.failures] == [(4_000_000, ErrorClass.TRANSIENT_NETWORK)]


async def test_a_link_that_fails_carries_less_at_once_and_the_decision_is_told() -> None:
    decided: list[Decision] = []

    async def keep(decision: Decision) -> None:
        decided.append(decision)

    agent = Scripted(Transport.AGENT, [(0, fault(ErrorClass.TRANSIENT_NETWORK))])
    walked = TransportManager([agent], ManualClock(), chance=random.Random(1), on_decision=keep)
    await walked.deliver(JOB, [Transport.AGENT], quiet)
    assert [(d.source, d.target, d.before, d.after) for d in decided] == [("near", "far", 4, 2)]
    assert walked.links.limited() == {("near", "far"): 2}
