"""The state machine of a transfer: every edge that may be taken, in one table."""

from __future__ import annotations

from engine.model import LIVE_STATES, RUNNING_STATES, TransferState

_S = TransferState

CLAIMABLE_STATES = frozenset({_S.QUEUED, _S.WAITING, _S.RETRY_AT})
FINAL_STATES = frozenset(_S) - LIVE_STATES

_GIVE_UP = frozenset({_S.BLOCKED, _S.CANCELLED, _S.FAILED})
_BACK = frozenset({_S.QUEUED, _S.WAITING, _S.RETRY_AT}) | _GIVE_UP

EDGES: dict[TransferState, frozenset[TransferState]] = {
    _S.QUEUED: frozenset({_S.WAITING, _S.CLAIMED, _S.RETRY_AT}) | _GIVE_UP,
    _S.WAITING: frozenset({_S.QUEUED, _S.WAITING, _S.CLAIMED, _S.RETRY_AT}) | _GIVE_UP,
    _S.RETRY_AT: frozenset({_S.QUEUED, _S.WAITING, _S.CLAIMED}) | _GIVE_UP,
    # An executor may find that the target already holds the content, or an intent to publish.
    _S.CLAIMED: frozenset({_S.SNAPSHOTTING, _S.TRANSFERRING, _S.VERIFYING, _S.PUBLISHING, _S.DONE}) | _BACK,
    _S.SNAPSHOTTING: frozenset({_S.TRANSFERRING, _S.VERIFYING, _S.DONE}) | _BACK,
    # To itself: the next transport of the chain takes over.
    _S.TRANSFERRING: frozenset({_S.TRANSFERRING, _S.VERIFYING, _S.PUBLISHING}) | _BACK,
    _S.VERIFYING: frozenset({_S.TRANSFERRING, _S.PUBLISHING, _S.DONE}) | _BACK,
    _S.PUBLISHING: frozenset({_S.VERIFYING, _S.DONE}) | _BACK,
    # An operator releases what is blocked, tries a failed one again, or takes a cancel back.
    _S.BLOCKED: frozenset({_S.QUEUED, _S.BLOCKED, _S.CANCELLED, _S.FAILED}),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.CANCELLED: frozenset({_S.QUEUED}),
    _S.DONE: frozenset(),
}

RELEASABLE_STATES = frozenset({_S.BLOCKED, _S.FAILED, _S.CANCELLED, _S.WAITING, _S.RETRY_AT})
"""States that an operator may send back to QUEUED."""


def may(source: TransferState, target: TransferState) -> bool:
    """Return whether a transfer may go from one state to the other."""
    return target in EDGES[source]


__all__ = ["CLAIMABLE_STATES", "EDGES", "FINAL_STATES", "LIVE_STATES", "RELEASABLE_STATES", "RUNNING_STATES", "may"]
