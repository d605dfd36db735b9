"""Data that was lost or overwritten once: two rounds of one fleet, between them everything that went wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import cluster, integrity_of, make_npz, rows_of
from tests.execution.data import add_rows, make_database, make_named_games
from tests.incidents.conftest import Story

MODEL = "canonical_hex8_2p.pth"
SHRUNK = "hex8_2p.npz"
DELETED = "hex8_3p.npz"
DAMAGED = "square8_2p.npz"
PRIVATE = "square8_3p.npz"
GAMES = "selfplay_hex8_2p.db"
RECYCLED = "selfplay_square8_2p.db"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with cluster(tmp_path_factory.mktemp("loss"), nodes=3) as group:
        told = Story(group)
        source, trainer = group.fleet[1], group.fleet[2]
        (source.models / MODEL).write_bytes(os.urandom(50_000))
        make_npz(source.training / SHRUNK, 80_000)
        for name in (DELETED, DAMAGED, PRIVATE):
            make_npz(source.training / name, 20_000)
        (source.training / PRIVATE).chmod(0o600)
        make_database(source.games / GAMES, 500)
        make_named_games(source.games / RECYCLED, "lost", 300)
        told.facts["first large"] = (source.training / SHRUNK).read_bytes()
        assert told.round().returncode == 0, told.rounds[-1].stdout
        copy = told.copies(GAMES, source.games / GAMES)[0]
        with copy.open("rb") as reader:
            told.facts["old games"] = copy.read_bytes()
            _recycle(source.games)
            _go_wrong(source.models, source.training, source.games, trainer.training)
            told.round()
            told.facts["read on"] = reader.read()
        told.facts["findings"] = told.findings()
        told.facts["transfers"] = len(group.json("transfers"))
        told.round()
        told.facts["third"] = told.round().stdout
        yield told


def _go_wrong(models: Path, training: Path, games: Path, trainers: Path) -> None:
    (models / MODEL).write_bytes(os.urandom(50_000))
    make_npz(training / SHRUNK, 8_000)
    (training / DELETED).unlink()
    held = bytearray((trainers / DAMAGED).read_bytes())
    held[5_000:5_100] = bytes(100)
    (trainers / DAMAGED).write_bytes(held)
    add_rows(games / GAMES, 250)


def _recycle(games: Path) -> None:
    """Another box has come up under the name of one that was lost with its disk, and has played more by now."""
    for path in games.glob(f"{RECYCLED}*"):
        path.unlink()
    make_named_games(games / RECYCLED, "new", 900)


def test_a_new_model_of_the_same_size_replaces_the_old_one_everywhere(story: Story) -> None:
    origin = story.group.fleet[1].models / MODEL
    copies = story.copies(MODEL, origin)
    assert len(copies) >= 2
    assert {path.read_bytes() for path in copies} == {origin.read_bytes()}


def test_a_training_set_that_shrank_replaces_no_larger_copy_and_is_shown(story: Story) -> None:
    copies = story.copies(SHRUNK, story.group.fleet[1].training / SHRUNK)
    assert len(copies) >= 2
    assert {path.read_bytes() for path in copies} == {story.facts["first large"]}
    assert "larger than the new version, not replaced" in story.rounds[1].stdout


def test_what_its_origin_deleted_stays_everywhere_else(story: Story) -> None:
    assert len(story.group.copies_of(DELETED)) >= 2
    assert story.entry(f"npz:{DELETED}")["copies"] >= 2


def test_a_damaged_copy_is_shown_never_spread_and_never_overwritten_in_silence(story: Story) -> None:
    trainer = story.group.fleet[2]
    good = (story.group.fleet[1].training / DAMAGED).read_bytes()
    assert (trainer.training / DAMAGED).read_bytes() != good
    elsewhere = [path for path in story.group.copies_of(DAMAGED) if path != trainer.training / DAMAGED]
    assert {path.read_bytes() for path in elsewhere} == {good}
    states = {r["node"]: r["state"] for r in story.entry(f"npz:{DAMAGED}")["replicas"]}
    assert states["node-2"] in ("diverged", "bad")
    assert any("not replaced" in finding["message"] for finding in story.facts["findings"])


def test_a_damaged_copy_that_was_moved_away_is_fetched_again(story: Story) -> None:
    held = story.group.fleet[2].training / DAMAGED
    held.rename(held.with_suffix(".aside"))
    story.round()
    assert held.read_bytes() == (story.group.fleet[1].training / DAMAGED).read_bytes()


def test_a_copy_may_be_read_by_those_who_train_on_it_whatever_the_sources_mode(story: Story) -> None:
    for copy in story.copies(PRIVATE, story.group.fleet[1].training / PRIVATE):
        assert copy.stat().st_mode & 0o777 == 0o644


def test_who_reads_the_old_copy_while_a_new_one_is_published_reads_it_to_its_end(story: Story) -> None:
    assert story.facts["read on"] == story.facts["old games"]
    for copy in story.copies(GAMES, story.group.fleet[1].games / GAMES):
        assert (integrity_of(copy), rows_of(copy)) == ("ok", 750)


def test_the_games_of_a_lost_box_stay_when_another_one_under_its_name_begins_anew(story: Story) -> None:
    copies = story.copies(RECYCLED, story.group.fleet[1].games / RECYCLED)
    assert copies and all(rows_of(copy) == 900 for copy in copies)
    kept = story.group.copies_of(RECYCLED.replace(".db", ".kept-*.db"))
    assert len(kept) >= len(copies) and all((integrity_of(path), rows_of(path)) == ("ok", 300) for path in kept)
    assert any("began anew" in finding["message"] for finding in story.facts["findings"])
    key = f"games:{RECYCLED.replace('.db', '.kept-')}"
    (entry,) = [e for e in story.group.json("catalog", "ls") if e["key"].startswith(key)]
    assert entry["origin"] == "node-1" and entry["copies"] == len(kept)


def test_with_nothing_to_do_nothing_moves(story: Story) -> None:
    assert story.facts["third"].startswith("0 transfers done"), story.facts["third"]
    assert len(story.group.json("transfers")) >= story.facts["transfers"]
