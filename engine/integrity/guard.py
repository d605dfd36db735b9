"""What a new version may replace: pure rules over what the catalog knows of the file that is there.

Smaller never replaces larger, a copy that never was a version is never replaced, and nothing is replaced
before its content is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.codes import TransferCode
from engine.model import FileStat, Replica, ReplicaState, Version

SMALLER, DIVERGED = TransferCode.SMALLER, TransferCode.DIVERGED
IN_THE_WAY = (SMALLER, DIVERGED)
"""The codes under which a sound copy is not replaced: an operator may have both kept."""


class Verdict(StrEnum):
    """What to do about the file at the target."""

    ALLOW = "allow"
    ALREADY = "already"
    HASH_FIRST = "hash-first"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict; ``expected`` is the stat of the file that may be replaced (None: nothing may be there).

    ``code`` is set where a sound copy is not replaced.
    """

    verdict: Verdict
    reason: str
    remedy: str = ""
    expected: FileStat | None = None
    code: TransferCode | None = None


def decide(found: FileStat | None, known: Replica | None, new: Version | None, new_size_bytes: int) -> Decision:
    """Return whether a new content may take the place of what is at the target.

    ``found`` is the file's stat as it is now, ``known`` what the catalog holds about it, ``new`` the version
    to place, given only once the catalog holds it as the current one (a CURRENT copy of another hash then holds
    the same rows in other bytes); ``new_size_bytes`` is always known.
    """
    if found is None:
        return Decision(Verdict.ALLOW, "nothing is there")
    if known is None or known.sha256 is None or known.changed or not known.stat.same_content_as(found):
        return Decision(Verdict.HASH_FIRST, "what is there was not hashed since it last changed", expected=found)
    if new is not None and (known.sha256 == new.sha256 or known.state is ReplicaState.CURRENT):
        return Decision(Verdict.ALREADY, "the target holds this content already", expected=found)
    return _decide_known(found, known, new_size_bytes)


def _decide_known(found: FileStat, known: Replica, new_size_bytes: int) -> Decision:
    path = known.path
    if known.state is ReplicaState.UNHASHED:
        return Decision(Verdict.HASH_FIRST, "what is there was never judged", expected=found)
    if known.state not in (ReplicaState.STALE, ReplicaState.CURRENT):
        code = in_the_way(known.state)
        return Decision(Verdict.REFUSE, _REASONS[known.state], _remedy(known.state, path), found, code)
    if new_size_bytes < found.size_bytes:
        return Decision(
            Verdict.REFUSE,
            f"{SMALLER}: the new version has {new_size_bytes} bytes, the copy there {found.size_bytes}",
            f"see why it shrank; if both are worth keeping, {keep_both(path)}",
            found,
            SMALLER,
        )
    return Decision(Verdict.ALLOW, f"replaces the {known.state.value} version there", expected=found)


def in_the_way(code: str | None) -> TransferCode | None:
    """Return a code under which a sound copy is not replaced, None for any other."""
    return TransferCode(code) if code in IN_THE_WAY else None


def keep_both(path: str) -> str:
    """Return the remedy that leaves a copy where it is, under another name."""
    return f"`syncdeck transfers keep-both` gives {path} a name of its own and lets the new version come"


_REASONS = {
    ReplicaState.DIVERGED: f"{DIVERGED}: the copy there never was a version of this file",
    ReplicaState.BAD: "the copy there is damaged and kept for inspection",
    ReplicaState.QUARANTINED: "the copy there is in quarantine",
    ReplicaState.ARCHIVED: "the copy there is archived",
    ReplicaState.DELETING: "the copy there is being deleted",
}


def _remedy(state: ReplicaState, path: str) -> str:
    if state is ReplicaState.DIVERGED:
        return f"{keep_both(path)}; or look at it and move it away"
    if state is ReplicaState.BAD:
        return f"inspect {path}, move it away on the target and retry"
    return f"wait until {path} is settled, then retry"
