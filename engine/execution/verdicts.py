"""What becomes of a transfer after an error: pure, from the error's class and the attempts so far."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from engine.codes import TransferCode
from engine.errors import ErrorClass, SyncdeckError
from engine.transport.attempts import AllOpen
from engine.transport.errors import BadSource, retry_after_seconds
from engine.transport.retries import backoff

RETRIED = frozenset({ErrorClass.TRANSIENT_NETWORK, ErrorClass.THROTTLED, ErrorClass.SOURCE_CHANGED})
"""Classes that time mends. When they have used up their retries the transfer fails, and a later plan may try anew."""
MISMATCH_ATTEMPTS = 2
"""A checksum mismatch is tried once more, after everything was hashed again; a second one needs the operator."""


class Ending(StrEnum):
    """How an attempt that failed ends."""

    RETRY = "retry"
    BLOCK = "block"
    FAIL = "fail"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do now; ``delay_seconds`` is set for RETRY only. Not ``counted``: nothing was tried, so no attempt."""

    ending: Ending
    delay_seconds: float = 0.0
    counted: bool = True


class Refused(SyncdeckError):
    """A guard rule forbids the transfer: the operator decides. ``code`` is that of what is in the way, if any."""

    def __init__(
        self,
        operation: str,
        subject: str,
        cause: str,
        remedy: str,
        error_class: ErrorClass = ErrorClass.CONFIG,
        code: TransferCode | None = None,
    ) -> None:
        super().__init__(operation, subject, cause, remedy, error_class)
        self.code = code


class Superseded(SyncdeckError):
    """There is nothing (any more) to move: the source is gone or no longer holds the current version, or the target
    does not receive it now. ``error_class`` is that of the cause; the transfer is dropped whatever it is."""

    def __init__(
        self,
        operation: str,
        subject: str,
        cause: str,
        remedy: str,
        error_class: ErrorClass = ErrorClass.SOURCE_CHANGED,
    ) -> None:
        super().__init__(operation, subject, cause, remedy, error_class)


def code_of(error: SyncdeckError) -> TransferCode | None:
    """Return what hangs on an error that ends or blocks a transfer, None for nothing."""
    if isinstance(error, BadSource):
        return TransferCode.SOURCE_DAMAGED
    return error.code if isinstance(error, Refused) else None


def judge(error: SyncdeckError, attempts: int, max_retries: int, chance: random.Random) -> Verdict:
    """Return what follows an error in attempt number ``attempts`` (1 is the first)."""
    if isinstance(error, Superseded):
        return Verdict(Ending.DROP)
    if isinstance(error, AllOpen):
        return Verdict(Ending.RETRY, error.wait_seconds + backoff(error.error_class, 1, chance), counted=False)
    if isinstance(error, BadSource | Refused):
        return Verdict(Ending.BLOCK)
    if error.error_class in RETRIED:
        if attempts > max_retries:
            return Verdict(Ending.FAIL)
        asked = retry_after_seconds(error) or 0.0
        return Verdict(Ending.RETRY, asked + backoff(error.error_class, attempts, chance))
    if error.error_class is ErrorClass.CHECKSUM_MISMATCH and attempts < MISMATCH_ATTEMPTS:
        return Verdict(Ending.RETRY, backoff(error.error_class, attempts, chance))
    if error.error_class is ErrorClass.NOT_FOUND:
        return Verdict(Ending.DROP)
    return Verdict(Ending.BLOCK)
