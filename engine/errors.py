"""The errors of the data plane: what was tried, on what, why it failed, and what mends it."""

from __future__ import annotations

from enum import StrEnum


class ErrorClass(StrEnum):
    """Why an attempt failed, as far as retrying is concerned. Only the first two count against a link."""

    TRANSIENT_NETWORK = "transient-network"
    THROTTLED = "throttled"
    AUTH = "auth"
    HOST_KEY = "host-key"
    NOT_FOUND = "not-found"
    SOURCE_CHANGED = "source-changed"
    CHECKSUM_MISMATCH = "checksum-mismatch"
    NO_SPACE = "no-space"
    UNSUPPORTED = "unsupported"
    CONFIG = "config"
    BUG = "bug"


class SyncdeckError(Exception):
    """Base of all errors of ours: operation, subject, cause and remedy, each fit to show an operator."""

    def __init__(
        self,
        operation: str,
        subject: str,
        cause: str,
        remedy: str,
        error_class: ErrorClass = ErrorClass.BUG,
    ) -> None:
        super().__init__(f"{operation} {subject}: {cause}")
        self.operation = operation
        self.subject = subject
        self.cause = cause
        self.remedy = remedy
        self.error_class = error_class


class TransferError(SyncdeckError):
    """A move of bytes failed; the error class says whether and when to try again."""


class NodeUnreachable(SyncdeckError):
    """A node could not be used; ``state`` names the way in which it failed (a ``NodeState`` value)."""

    def __init__(
        self, operation: str, subject: str, cause: str, remedy: str, error_class: ErrorClass, state: str
    ) -> None:
        super().__init__(operation, subject, cause, remedy, error_class)
        self.state = state
