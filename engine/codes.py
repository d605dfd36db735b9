"""What decides about a transfer beside its state. The reason says the same to people, and may be worded anew."""

from __future__ import annotations

from enum import StrEnum


class TransferCode(StrEnum):
    """Why a transfer is in its state, where something hangs on that; a change of state without a code clears it."""

    PAUSED = "paused"
    """WAITING, held by an operator: only an operator lets it go on."""
    NODE_CLOSED = "node-closed"
    """WAITING until one of its nodes may be used again."""
    CANCELLED_BY_OPERATOR = "cancelled-by-operator"
    """CANCELLED by a person: a rescue does not queue its file again."""
    SOURCE_DAMAGED = "source-damaged"
    """BLOCKED until its source is sound again, or another copy can serve."""
    SMALLER = "smaller"
    """BLOCKED: the new version is smaller than the sound copy at the target."""
    DIVERGED = "diverged"
    """BLOCKED: the copy at the target never was a version."""
