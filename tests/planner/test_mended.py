"""What was blocked because its source was damaged goes on once there is something sound to read, and not before."""

from __future__ import annotations

import pytest

from engine.model import EntryKey, Replica, ReplicaState, SyncPriority, Transfer, TransferState
from engine.planner.mended import mended
from tests.planner.worlds import entry, replica

BAD = replica("nebius-1", ReplicaState.BAD)


def blocked(number: int, key: EntryKey) -> Transfer:
    return Transfer(number, key, "nebius-1", "lambda-1", TransferState.BLOCKED, "damaged", SyncPriority.NORMAL, 10)


@pytest.mark.parametrize(
    ("copies", "goes_on"),
    [
        ([BAD], False),
        ([BAD, replica("lambda-1")], False),
        ([BAD, replica("nebius-2", ReplicaState.DIVERGED)], False),
        ([BAD, replica("nebius-2")], True),
        ([replica("nebius-1", ReplicaState.UNHASHED)], True),
        ([replica("nebius-1")], True),
        ([], True),
    ],
    ids=["still damaged", "good at the target only", "never a version", "good elsewhere", "new", "read", "gone"],
)
def test_it_goes_on_once_there_is_something_to_read(copies: list[Replica], goes_on: bool) -> None:
    made = entry("a.npz", *copies)
    assert mended([blocked(7, made.key)], [made]) == ([7] if goes_on else [])


def test_what_was_not_looked_at_stays_as_it_is() -> None:
    made, other = entry("a.npz", replica("nebius-1")), entry("b.npz", replica("nebius-1"))
    assert mended([blocked(2, other.key), blocked(3, made.key)], [made]) == [3]
