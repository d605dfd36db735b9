"""What content at a place means for its entry: the rules of current, stale and diverged, without any I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from engine.model import ReplicaState


class Outcome(Enum):
    """What to do with the content that was found."""

    MATCHES = auto()
    """It is a known version."""
    FIRST = auto()
    """It is the first version of its entry."""
    SUCCEEDS = auto()
    """It is the new current version; copies of the one before are stale."""
    REPLACES = auto()
    """It is newer than another content met first, of which nothing was known either: that one is diverged."""
    DIVERGES = auto()
    """It never was a version of this key."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known when a place turns out to hold some content.

    ``shared``: the name has no origin, so every node may write it. ``match_id`` is the version of the entry that
    this content is (None: never one), ``held_id`` the version that this place was last known to hold.
    ``provisional``: the current version is only the newest of the contents met first, and no copy was made of it.
    """

    shared: bool
    at_origin: bool
    current_id: int | None
    current_mtime: float
    provisional: bool
    match_id: int | None
    held_id: int | None
    mtime: float


def judge(evidence: Evidence) -> Outcome:
    """Return what the content is. The order of the rules is the contract's."""
    if evidence.match_id is not None:
        return Outcome.MATCHES
    if evidence.current_id is None:
        return Outcome.FIRST
    if evidence.at_origin or (evidence.shared and evidence.held_id == evidence.current_id):
        return Outcome.SUCCEEDS
    if evidence.provisional and evidence.mtime > evidence.current_mtime:
        return Outcome.REPLACES
    return Outcome.DIVERGES


def state_of(outcome: Outcome, match_id: int | None, current_id: int | None) -> ReplicaState:
    """Return the state of the copy that led to ``outcome``."""
    if outcome is Outcome.DIVERGES:
        return ReplicaState.DIVERGED
    if outcome is Outcome.MATCHES and match_id != current_id:
        return ReplicaState.STALE
    return ReplicaState.CURRENT
