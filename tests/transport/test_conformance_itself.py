"""The checks pass for a transport that keeps its promises, and fail for one that breaks the promise they are about."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from engine.clock import SystemClock
from engine.errors import SyncdeckError
from engine.remote.types import Progress, StreamOutcome
from engine.transport.conformance.bench import NO_PROGRESS, Bench
from engine.transport.conformance.check import Verdict
from engine.transport.conformance.suite import ALL, by_name, run_check
from engine.transport.types import BatchProgress, TransferJob
from tests.transport.memory import MemoryFile, MemoryPlace, MemoryTransport


class TakesAnyName(MemoryTransport):
    def allowed(self, job: TransferJob, target: MemoryPlace) -> str:
        return target.name(job.temp_path)


class NeverLooksAgain(MemoryTransport):
    def unchanged(self, job: TransferJob, source: MemoryPlace) -> None:
        return None


class TrustsWhatIsThere(MemoryTransport):
    def kept(self, there: MemoryFile, file: MemoryFile) -> int:
        return min(len(there.data), len(file.data))

    def proven(self, job: TransferJob, there: MemoryFile, file: MemoryFile) -> str:
        return MemoryTransport.proven(self, job, file, file)


class StartsOver(MemoryTransport):
    def kept(self, there: MemoryFile, file: MemoryFile) -> int:
        return 0


class StaysStuck(TrustsWhatIsThere):
    def proven(self, job: TransferJob, there: MemoryFile, file: MemoryFile) -> str:
        return MemoryTransport.proven(self, job, there, file)


class NeverChecksTheSource(MemoryTransport):
    def sound(self, job: TransferJob, file: MemoryFile) -> None:
        return None


class BelievesThePromise(MemoryTransport):
    def proven(self, job: TransferJob, there: MemoryFile, file: MemoryFile) -> str:
        return job.sha256 or MemoryTransport.proven(self, job, there, file)


class LosesTheLastByte(MemoryTransport):
    def proven(self, job: TransferJob, there: MemoryFile, file: MemoryFile) -> str:
        digest = MemoryTransport.proven(self, job, there, file)
        del there.data[-1:]
        return digest


class LeavesRubbish(MemoryTransport):
    def allowed(self, job: TransferJob, target: MemoryPlace) -> str:
        target.held["rubbish"] = MemoryFile(bytearray(1))
        return MemoryTransport.allowed(self, job, target)


class CannotBeCancelled(MemoryTransport):
    async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
        try:
            return await MemoryTransport.copy(self, job, progress)
        except asyncio.CancelledError:
            job.rate.set(None)
            return await MemoryTransport.copy(self, job, progress)


class TellsOnlyAtTheEnd(MemoryTransport):
    async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
        outcome = await MemoryTransport.copy(self, job, lambda done, wire: None)
        progress(outcome.size_bytes, outcome.size_bytes)
        return outcome


class FailsAllForOne(MemoryTransport):
    async def copy_batch(
        self, jobs: Sequence[TransferJob], progress: BatchProgress
    ) -> Sequence[StreamOutcome | SyncdeckError]:
        results = await MemoryTransport.copy_batch(self, jobs, progress)
        errors = [result for result in results if isinstance(result, SyncdeckError)]
        return [*errors[:1] * len(results)] if errors else results


class CarriesSingly(MemoryTransport):
    capabilities = replace(MemoryTransport.capabilities, batches=False)


BROKEN = [
    (TakesAnyName, "line-break"),
    (TakesAnyName, "target-sealed"),
    (TakesAnyName, "target-link-out"),
    (NeverLooksAgain, "stale-plan"),
    (NeverLooksAgain, "source-edited"),
    (NeverLooksAgain, "source-shorter"),
    (NeverLooksAgain, "source-longer"),
    (NeverLooksAgain, "source-replaced"),
    (NeverLooksAgain, "source-vanished"),
    (TrustsWhatIsThere, "rubbish-before"),
    (StaysStuck, "rubbish-before"),
    (StartsOver, "resume"),
    (StartsOver, "resume-any-byte"),
    (NeverChecksTheSource, "damaged-source"),
    (BelievesThePromise, "wrong-promise"),
    (LosesTheLastByte, "put-and-prove"),
    (LosesTheLastByte, "sizes"),
    (LosesTheLastByte, "hard-names"),
    (LosesTheLastByte, "deep-path"),
    (LosesTheLastByte, "sparse"),
    (LosesTheLastByte, "kept-promise"),
    (LosesTheLastByte, "two-writers"),
    (LosesTheLastByte, "many-at-once"),
    (LosesTheLastByte, "fallback"),
    (LeavesRubbish, "put-and-prove"),
    (LeavesRubbish, "cancel"),
    (CannotBeCancelled, "cancel"),
    (LosesTheLastByte, "batch"),
    (LeavesRubbish, "batch"),
    (NeverLooksAgain, "batch-each-alone"),
    (TakesAnyName, "batch-each-alone"),
    (FailsAllForOne, "batch-each-alone"),
    (CannotBeCancelled, "batch-cancel"),
]
NOT_IN_MEMORY = {"source-unreadable"}
FULL_BYTES = 4 << 20


def bench_of(kind: type[MemoryTransport]) -> Bench:
    places = MemoryPlace("here"), MemoryPlace("there"), MemoryPlace("full", FULL_BYTES)
    by_node = {place.endpoint.node_id: place for place in places}

    async def agent_for(node_id: str) -> MemoryPlace:
        return by_node[node_id]

    transport = kind(places)
    here, there, full = places
    others, chance = [kind(places)], random.Random(1)
    return Bench(transport, here, there, agent_for, chance, others, full, FULL_BYTES)  # type: ignore[arg-type]


@pytest.mark.parametrize("check", [check.name for check in ALL if not check.long and check.name not in NOT_IN_MEMORY])
async def test_a_transport_that_keeps_its_promises_passes(check: str) -> None:
    result = await run_check(bench_of(MemoryTransport), by_name(check), SystemClock())
    assert result.verdict is Verdict.PASSED, result


@pytest.mark.parametrize(("kind", "check"), BROKEN)
async def test_a_broken_promise_is_found(kind: type[MemoryTransport], check: str) -> None:
    result = await run_check(bench_of(kind), by_name(check), SystemClock())
    assert result.verdict is Verdict.FAILED, result
    assert result.cause and result.remedy


@pytest.mark.parametrize("check", ["batch", "batch-each-alone", "batch-cancel"])
async def test_a_transport_that_carries_no_batches_is_not_asked_to(check: str) -> None:
    result = await run_check(bench_of(CarriesSingly), by_name(check), SystemClock())
    assert (result.verdict, result.cause) == (Verdict.NOT_APPLICABLE, "it carries files singly")


@pytest.mark.parametrize("check", ["source-edited", "cancel", "fallback"])
async def test_a_transport_that_tells_of_progress_only_at_the_end_is_told_so(check: str) -> None:
    result = await run_check(bench_of(TellsOnlyAtTheEnd), by_name(check), SystemClock())
    assert (result.verdict, result.cause) == (Verdict.NOT_APPLICABLE, NO_PROGRESS)
