"""All checks, and the running of them: one after the other, each in an empty folder, each leaving nothing behind."""

from __future__ import annotations

from engine.clock import Clock
from engine.errors import NodeUnreachable, SyncdeckError
from engine.transport.conformance import batches, contents, ends, resuming
from engine.transport.conformance.bench import Bench, Broken, NotApplicable
from engine.transport.conformance.check import Check, CheckResult, Verdict

ALL: tuple[Check, ...] = (*contents.CHECKS, *resuming.CHECKS, *ends.CHECKS, *batches.CHECKS)

Problem = NotApplicable | Broken | SyncdeckError


def by_name(name: str) -> Check:
    """Return a check; raises KeyError for a name that is none."""
    return {check.name: check for check in ALL}[name]


async def run_check(bench: Bench, check: Check, clock: Clock) -> CheckResult:
    """Return what a check came to. Raises NodeUnreachable, and what is no error of ours."""
    began = clock.monotonic()
    detail = ""
    problem: Problem | None = None
    try:
        detail = await check.run(bench)
    except (NotApplicable, Broken, SyncdeckError) as ended:
        problem = ended
    try:
        await bench.clean()
    except (Broken, SyncdeckError) as left:
        problem = left if problem is None or isinstance(problem, NotApplicable) else problem
    if isinstance(problem, NodeUnreachable):
        raise problem
    return _result(check, clock.monotonic() - began, detail, problem)


def _result(check: Check, seconds: float, detail: str, problem: Problem | None) -> CheckResult:
    if problem is None:
        return CheckResult(check.name, check.promise, Verdict.PASSED, seconds, detail=detail)
    if isinstance(problem, NotApplicable):
        return CheckResult(check.name, check.promise, Verdict.NOT_APPLICABLE, seconds, cause=str(problem))
    cause = problem.cause if isinstance(problem, Broken) else f"{problem} ({problem.error_class.value})"
    return CheckResult(check.name, check.promise, Verdict.FAILED, seconds, cause=cause, remedy=problem.remedy)
