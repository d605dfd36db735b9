"""How fast a transport is between two places: one incompressible file, verified and flushed as always."""

from __future__ import annotations

from engine.clock import Clock
from engine.errors import NodeUnreachable, SyncdeckError
from engine.transport.conformance.bench import Bench, Broken
from engine.transport.conformance.check import CheckResult, Verdict
from engine.words import size_text

SPEED_BYTES = 64_000_000
NAME, PROMISE = "speed", "64 MB arrive, verified and flushed to disk"


async def measure(bench: Bench, clock: Clock, size: int = SPEED_BYTES) -> CheckResult:
    """Return how many bytes of the file a second arrived, start-up included. Raises NodeUnreachable."""
    began = clock.monotonic()
    try:
        try:
            job = await bench.made(size, seed="speed")
            started = clock.monotonic()
            outcome = await bench.copy(job)
            seconds = clock.monotonic() - started
            await bench.arrived(job, outcome)
        finally:
            await bench.clean()
    except NodeUnreachable:
        raise
    except (Broken, SyncdeckError) as problem:
        cause, remedy = problem.cause, problem.remedy
        return CheckResult(NAME, PROMISE, Verdict.FAILED, clock.monotonic() - began, cause=cause, remedy=remedy)
    detail = f"{size_text(size)} in {seconds:.2f} s"
    return CheckResult(
        NAME, PROMISE, Verdict.PASSED, clock.monotonic() - began, detail=detail, bytes_per_second=size / seconds
    )
