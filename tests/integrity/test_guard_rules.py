"""What may replace what: every state that a copy at the target can be in."""

from __future__ import annotations

import pytest

from engine.integrity.guard import Verdict, decide
from engine.model import FileStat, Replica, ReplicaState, Version

STAT = FileStat(1000, 5, 1)
NEW = Version("b" * 64, 2000, 9.0)


def replica(state: ReplicaState, sha: str | None = "a" * 64, stat: FileStat = STAT, changed: bool = False) -> Replica:
    return Replica("node-2", "/d/games.db", state, stat, sha, changed=changed)


def test_an_empty_place_takes_the_file_and_expects_nothing_there() -> None:
    decision = decide(None, None, None, 2000)
    assert (decision.verdict, decision.expected) == (Verdict.ALLOW, None)


def test_an_earlier_version_gives_way_to_a_larger_one() -> None:
    decision = decide(STAT, replica(ReplicaState.STALE), NEW, 2000)
    assert (decision.verdict, decision.expected) == (Verdict.ALLOW, STAT)


def test_a_smaller_file_never_replaces_a_larger_one() -> None:
    decision = decide(STAT, replica(ReplicaState.STALE), None, 999)
    assert decision.verdict is Verdict.REFUSE
    assert "smaller" in decision.reason
    assert "/d/games.db" in decision.remedy


@pytest.mark.parametrize(
    "state", [ReplicaState.DIVERGED, ReplicaState.BAD, ReplicaState.QUARANTINED, ReplicaState.DELETING]
)
def test_a_copy_that_is_no_version_is_never_replaced(state: ReplicaState) -> None:
    decision = decide(STAT, replica(state), NEW, 2000)
    assert decision.verdict is Verdict.REFUSE
    assert decision.reason and decision.remedy


@pytest.mark.parametrize(
    "known",
    [
        None,
        replica(ReplicaState.UNHASHED, None),
        replica(ReplicaState.STALE, changed=True),
        replica(ReplicaState.STALE, stat=FileStat(1000, 6, 1)),
    ],
)
def test_nothing_unknown_is_replaced_before_it_was_hashed(known: Replica | None) -> None:
    assert decide(STAT, known, NEW, 2000).verdict is Verdict.HASH_FIRST


def test_the_same_content_is_not_sent_again() -> None:
    assert decide(STAT, replica(ReplicaState.CURRENT, NEW.sha256), NEW, 2000).verdict is Verdict.ALREADY


def test_a_current_copy_of_other_bytes_holds_the_same_rows_and_stays() -> None:
    assert decide(STAT, replica(ReplicaState.CURRENT, "c" * 64), NEW, 2000).verdict is Verdict.ALREADY
