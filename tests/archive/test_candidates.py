"""Which copies could be archived and why, which may not, and what an allowance for a time changes: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from config.archive_settings import ArchiveSettings
from config.types import DataType
from engine.archive.candidates import Sight, candidates_of, row_of
from engine.model import DataEntry, Replica, ReplicaState
from engine.routing.candidates import RoutingTable
from engine.views_archive import GamesView
from tests.planner.worlds import GB, NOW, entry, node, policy, replica, views

FLEET = policy([node("a-1"), node("b-1"), node("rented-1", ephemeral=True)])
DAY = 86_400.0
OLD = NOW - 40 * DAY
SAVED = GamesView(10, 10, 0, 0, NOW)


def sight(changes: Mapping[str, Mapping[str, object]] | None = None, **fields: object) -> Sight:
    made = Sight(FLEET, ArchiveSettings(), views(FLEET, **(changes or {})), NOW, "b-1", RoutingTable(FLEET))
    return replace(made, **fields)  # type: ignore[arg-type]


def old(*more: Replica, mtime: float = OLD, size: int = 1000, name: str = "old.db") -> DataEntry:
    return entry(name, replica("a-1", mtime=mtime, size=size), *more, origin="a-1", size=size, mtime=mtime)


def why(found: DataEntry, at: Sight) -> tuple[str, ...]:
    """Return the first words of the reasons that speak for archiving the copy at a-1."""
    return tuple(reason.split(":")[0] for row in candidates_of(1, found, at, "a-1") for reason in row.reasons)


def kept(found: DataEntry, at: Sight) -> str | None:
    return row_of(1, found, found.replicas[0], at).protected


@pytest.mark.parametrize(
    ("found", "reasons"),
    [
        (old(), ("age",)),
        (old(mtime=NOW - 29 * DAY), ()),
        (old(mtime=NOW, name="merged_all_20250131.db"), ("merged",)),
        (old(mtime=NOW, name="raw_20250131/x.db"), ("raw",)),
        (old(size=2 * GB), ("age", "size")),
        (old(mtime=NOW, size=2 * GB), ()),
    ],
)
def test_a_copy_is_a_candidate_for_what_is_known_of_it(found: DataEntry, reasons: tuple[str, ...]) -> None:
    assert why(found, sight()) == reasons


def test_pressure_speaks_for_a_candidate_and_makes_none() -> None:
    full = sight({"a-1": {"used_bytes": 950 * GB}})
    assert why(old(), full) == ("age", "disk pressure")
    assert why(old(mtime=NOW), full) == ()


@pytest.mark.parametrize(
    ("games", "reasons"),
    [
        (SAVED, ("superseded",)),
        (replace(SAVED, elsewhere=9, only_here=1), ()),
        (replace(SAVED, incomplete=1), ()),
        (GamesView(0, 0, 0, 0, NOW), ()),
        (None, ()),
    ],
)
def test_superseded_is_a_proof_about_games_and_nothing_less(games: GamesView | None, reasons: tuple[str, ...]) -> None:
    assert why(old(mtime=NOW), sight(games=lambda key: games)) == reasons


def test_an_old_database_with_one_copy_is_a_candidate_and_an_archive_is_none() -> None:
    assert kept(old(), sight()) is None
    packed = replace(old(), replicas=(replica("b-1", ReplicaState.ARCHIVED, mtime=OLD),))
    assert candidates_of(1, packed, sight()) == []


@pytest.mark.parametrize("name", ["canonical_hex8.db", "Unified_Elo.db", "work_queue.db", "x_backup_1.db"])
def test_protected_names_stay(name: str) -> None:
    assert "its name is protected" in (kept(old(name=name), sight()) or "")


def test_what_is_pinned_written_read_newest_or_shared_stays() -> None:
    key = str(old().key)
    assert kept(old(), sight(pinned=frozenset({key}))) == "it is pinned"
    assert kept(old(), sight(reading=frozenset({(key, "a-1")}))) == "a transfer reads it"
    assert kept(old(), sight(reading=frozenset({(key, "b-1")}))) is None
    assert "newest" in (kept(old(), sight(newest=frozenset({key}))) or "")
    written = replace(old(), replicas=(replica("a-1", mtime=OLD, changed=True),))
    assert kept(written, sight()) == "it is being written"
    wal = replace(old(), replicas=(replica("a-1", mtime=OLD, wal=10),))
    assert "it is being written, or its writer died" in (kept(wal, sight()) or "")
    stale = replace(old(), replicas=(replica("a-1", ReplicaState.STALE, mtime=OLD),))
    assert kept(stale, sight()) == "the copy is stale"
    shared = entry("best.pt", replica("a-1", mtime=OLD), data_type=DataType.MODELS, mtime=OLD)
    assert "all nodes share" in (kept(shared, sight()) or "")


def test_copies_are_counted_where_they_are_durable() -> None:
    found = old(replica("rented-1", mtime=OLD), replica("b-1", mtime=OLD))
    assert row_of(1, found, found.replicas[0], sight()).durable_copies == 2
