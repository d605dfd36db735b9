"""Which copies an operator may have kept beside the new version that they stand in the way of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.model import DataEntry, DataType, Replica, ReplicaState
from engine.planner.keeping import BEGUN_ANEW, NOTHING, Aside, aside, coming_bytes
from engine.planner.obstacles import Obstacle
from tests.planner.worlds import entry, replica

NEW, OLD, OTHER = "b" * 64, "a" * 64, "c" * 64


def _begun_anew(there: Replica, changed: bool = True) -> DataEntry:
    """Return games of a box that began anew with 100 bytes; what was saved is the current version still."""
    return entry("x.db", replica("vast-1", size=100, changed=changed), there, origin="vast-1", sha=OLD)


def _refused(found: Aside | Obstacle) -> str:
    assert isinstance(found, Obstacle) and found.reason and found.remedy
    return found.code


def test_a_saved_copy_that_is_larger_than_the_new_beginning_is_kept_under_the_name_of_its_content() -> None:
    found = aside(_begun_anew(replica("nebius-1")), "nebius-1")
    assert isinstance(found, Aside)
    assert (found.code, found.coming_bytes) == ("smaller", 100)
    assert str(found.key) == f"games:x.kept-{OLD[:12]}.db@vast-1"
    assert found.path == f"/nebius-1/file.kept-{OLD[:12]}"


def test_an_earlier_version_that_is_larger_than_the_newest_is_kept() -> None:
    made = entry(
        "a.npz", replica("vast-1", sha=NEW, size=10), replica("nebius-1", ReplicaState.STALE), sha=NEW, size=10
    )
    found = aside(made, "nebius-1")
    assert isinstance(found, Aside) and found.code == "smaller" and found.replica.sha256 == OLD


def test_an_earlier_version_from_before_a_new_beginning_is_kept_though_the_newest_could_take_its_place() -> None:
    old = replica("nebius-1", ReplicaState.STALE, size=10)
    made = entry("x.db", replica("vast-1", sha=NEW, size=100), old, origin="vast-1", sha=NEW, size=100)
    assert _refused(aside(made, "nebius-1")) == NOTHING
    found = aside(made, "nebius-1", BEGUN_ANEW)
    assert isinstance(found, Aside) and (found.code, found.coming_bytes) == (BEGUN_ANEW, 100)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_copy_that_never_was_a_version_is_kept_whether_or_not_anything_is_to_come(wanted: bool) -> None:
    others = [replica("vast-1")] if wanted else []
    made = entry("m.pth", *others, replica("nebius-1", ReplicaState.DIVERGED, sha=OTHER), data_type=DataType.MODELS)
    found = aside(made, "nebius-1")
    assert isinstance(found, Aside)
    assert (found.code, found.coming_bytes) == ("diverged", 1000 if wanted else None)
    assert str(found.key) == f"models:m.kept-{OTHER[:12]}.pth"


def test_what_an_executor_found_smaller_is_kept_though_a_log_beside_it_makes_it_look_larger() -> None:
    made = _begun_anew(replica("nebius-1"))
    larger = replace(made, replicas=(replica("vast-1", size=100, wal=5000, changed=True), *made.replicas[1:]))
    assert _refused(aside(larger, "nebius-1")) == NOTHING
    found = aside(larger, "nebius-1", "smaller")
    assert isinstance(found, Aside) and found.code == "smaller"


@pytest.mark.parametrize("blocked_as", ["", "smaller", "diverged", BEGUN_ANEW])
def test_a_copy_that_is_in_nobodys_way_keeps_its_name(blocked_as: str) -> None:
    for made in (
        _begun_anew(replica("nebius-1"), changed=False),
        _begun_anew(replica("lambda-1")),
        entry("x.db", replica("nebius-1"), origin="vast-1"),
        entry("x.db", replica("nebius-1", ReplicaState.QUARANTINED), origin="vast-1"),
    ):
        assert _refused(aside(made, "nebius-1", blocked_as)) == NOTHING


@pytest.mark.parametrize(
    ("there", "code"),
    [
        (replica("nebius-1", ReplicaState.BAD), "bad"),
        (replica("nebius-1", ReplicaState.DELETING), "deleting"),
        (replica("nebius-1", ReplicaState.UNHASHED), "unhashed"),
        (replica("nebius-1", ReplicaState.DIVERGED, changed=True), "changed"),
        (replica("nebius-1", ReplicaState.DIVERGED, sha=None), "changed"),
        (replica("nebius-1", ReplicaState.DIVERGED, wal=7), "written"),
        (replica("nebius-1", changed=True), "changed"),
    ],
)
def test_a_copy_that_is_damaged_unknown_or_written_to_is_refused_with_what_to_do(there: Replica, code: str) -> None:
    assert _refused(aside(_begun_anew(there), "nebius-1", "smaller")) == code


def test_the_file_of_its_own_origin_is_never_renamed() -> None:
    own = replica("vast-1", ReplicaState.STALE)
    made = entry("x.db", own, replica("nebius-1", size=10, sha=NEW), origin="vast-1", sha=NEW, size=10)
    assert _refused(aside(made, "vast-1")) == "origin"
    prefixed = replace(
        made,
        key=replace(made.key, path="_nfs/x.db"),
        replicas=(replica("vast-1:/nfs", ReplicaState.STALE), *made.replicas[1:]),
    )
    assert _refused(aside(prefixed, "vast-1:/nfs")) == "origin"
    on_its_drive = replace(made, replicas=prefixed.replicas)
    assert isinstance(aside(on_its_drive, "vast-1:/nfs"), Aside)


def test_what_comes_is_the_origins_newest_file_with_its_log_or_the_current_version_from_elsewhere() -> None:
    made = entry("x.db", replica("vast-1", size=100, wal=20, changed=True), replica("nebius-1"), origin="vast-1")
    assert coming_bytes(made, "nebius-1") == 120
    assert coming_bytes(entry("a.npz", replica("vast-1"), size=7), "nebius-1") == 7
    assert coming_bytes(entry("a.npz", replica("nebius-1")), "nebius-1") is None
