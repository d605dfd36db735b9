"""What a check is, and what it came to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from engine.transport.conformance.bench import Bench


class Verdict(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, and what tries it. ``run`` returns a detail worth telling (or nothing), and raises ``Broken``,
    ``NotApplicable`` or the transport's own error. ``long``: it moves gigabytes or takes many tries."""

    name: str
    promise: str
    run: Callable[[Bench], Awaitable[str]]
    long: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check came to; ``cause`` and ``remedy`` say why it did not pass. ``bytes_per_second`` is what the
    check of speed measured."""

    check: str
    promise: str
    verdict: Verdict
    seconds: float
    detail: str = ""
    cause: str = ""
    remedy: str = ""
    bytes_per_second: float | None = None
