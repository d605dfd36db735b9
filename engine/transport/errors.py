"""The failures that every transport tells in the same words."""

from __future__ import annotations

from engine.errors import ErrorClass, SyncdeckError, TransferError


class BadSource(TransferError):
    """The source file is not sound (failed its type check): it must not travel, whatever the way."""


class Throttled(TransferError):
    """The other end asks for fewer requests; ``retry_after_seconds`` is how long it wants to be left alone."""

    def __init__(self, operation: str, subject: str, cause: str, retry_after_seconds: float | None) -> None:
        remedy = "nothing, it is tried again by itself when the other end allows it"
        super().__init__(operation, subject, cause, remedy, ErrorClass.THROTTLED)
        self.retry_after_seconds = retry_after_seconds


def retry_after_seconds(error: SyncdeckError) -> float | None:
    """Return how long the other end asked to be left alone, or None when it did not say."""
    return error.retry_after_seconds if isinstance(error, Throttled) else None


def bad_source(path: str, detail: str) -> BadSource:
    """Return the error for a source that failed the check of its type."""
    return BadSource(
        "check",
        path,
        f"the source is damaged: {detail}",
        "restore it from a good copy or write it anew; it is never sent, and never replaces a good copy",
        ErrorClass.CHECKSUM_MISMATCH,
    )


def source_changed(path: str) -> TransferError:
    """Return the error for a source that changed while it was read."""
    return TransferError(
        "read", path, "the source changed while it was read", "it is tried again by itself", ErrorClass.SOURCE_CHANGED
    )
