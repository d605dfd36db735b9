"""The failures that every transport tells in the same words."""

from __future__ import annotations

from engine.errors import ErrorClass, TransferError


class BadSource(TransferError):
    """The source file is not sound (failed its type check): it must not travel, whatever the way."""


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
