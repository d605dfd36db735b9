"""A rented box was lost and another one came up under its name: what was saved blocks what it plays, until both are
kept. The real command on real nodes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import cluster, integrity_of, rows_of
from tests.execution.data import make_named_games
from tests.incidents.conftest import Story

GAMES = "selfplay_hex8_2p.db"
KEY = f"games:{GAMES}@node-1"
KEPT = GAMES.replace(".db", ".kept-*.db")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with cluster(tmp_path_factory.mktemp("anew"), nodes=3) as group:
        told = Story(group)
        box = group.fleet[1].games
        make_named_games(box / GAMES, "lost", 300)
        assert told.round().returncode == 0, told.rounds[-1].stdout
        saved = told.copies(GAMES, box / GAMES)
        told.facts["saved"] = {path: path.read_bytes() for path in saved}
        for path in box.glob(f"{GAMES}*"):
            path.unlink()
        make_named_games(box / GAMES, "new", 20)
        told.round()
        told.facts["blocked"] = group.json("transfers")
        told.facts["preview"] = group.json("transfers", "keep-both", "--all", "--dry-run")
        told.facts["untouched"] = {path: path.read_bytes() for path in told.copies(GAMES, box / GAMES)}
        told.facts["refused to ask"] = group.run("transfers", "keep-both", "--all")
        told.facts["kept"] = group.run("transfers", "keep-both", "--all", "--yes", "--json")
        told.facts["again"] = group.run("transfers", "keep-both", "--all", "--yes", "--json")
        told.round()
        told.round()
        yield told


def _result(story: Story, name: str) -> Any:
    done = story.facts[name]
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_until_both_are_kept_nothing_of_the_new_box_is_saved_and_the_lever_is_named(story: Story) -> None:
    saved = story.facts["saved"]
    assert len(saved) >= 2 and story.facts["untouched"] == saved
    blocked = [row for row in story.facts["blocked"] if row["state"] == "blocked"]
    assert {row["key"] for row in blocked} == {KEY} and len(blocked) == len(saved)
    assert all("syncdeck transfers keep-both" in row["hint"] for row in blocked)
    assert "larger than the new version, not replaced" in story.rounds[1].stdout


def test_the_dry_run_says_which_copies_get_which_names_and_touches_nothing(story: Story) -> None:
    preview, saved = story.facts["preview"], story.facts["saved"]
    assert {step["path"] for step in preview["steps"]} == {str(path) for path in saved}
    assert {step["code"] for step in preview["steps"]} == {"smaller"}
    assert all(step["coming_bytes"] < step["size_bytes"] for step in preview["steps"])
    assert preview["bytes"] == sum(map(len, saved.values()))
    assert preview["transfers"] == len(saved) and preview["refused"] == [] and preview["more"] == 0
    assert len({step["kept_key"] for step in preview["steps"]}) == 1


def test_without_yes_and_without_a_terminal_nothing_is_done(story: Story) -> None:
    done = story.facts["refused to ask"]
    assert done.returncode == 2 and "--yes" in done.stderr


def test_the_copies_have_their_new_names_and_nothing_is_left_for_a_second_call(story: Story) -> None:
    result = _result(story, "kept")
    assert story.facts["kept"].returncode == 0
    assert {step["path"] for step in result["kept"]} == {str(path) for path in story.facts["saved"]}
    assert result["accepted"] == result["transfers"] == len(story.facts["saved"])
    assert "no engine runs" in result["message"]
    again = _result(story, "again")
    assert (again["kept"], again["refused"], story.facts["again"].returncode) == ([], [], 0)


def test_the_old_games_and_the_new_ones_are_both_saved_verified_and_counted(story: Story) -> None:
    box, saved = story.group.fleet[1].games / GAMES, story.facts["saved"]
    for path, content in saved.items():
        (kept,) = path.parent.glob(KEPT)
        assert kept.read_bytes() == content and (integrity_of(kept), rows_of(kept)) == ("ok", 300)
        assert (integrity_of(path), rows_of(path)) == ("ok", 20)
    entries = {entry["key"]: entry for entry in story.group.json("catalog", "ls")}
    (old,) = [entry for key, entry in entries.items() if ".kept-" in key]
    assert old["origin"] == "node-1" and old["copies"] >= len(saved)
    assert entries[KEY]["copies"] >= len(saved)
    for entry in (old, entries[KEY]):
        others = [copy for copy in entry["replicas"] if copy["path"] != str(box)]
        assert len(others) >= len(saved) and all(copy["verified_at"] for copy in others)
        assert {copy["state"] for copy in entry["replicas"]} == {"current"}
    assert "not replaced" not in story.rounds[-1].stdout


def test_who_did_it_to_which_file_is_written_down(story: Story) -> None:
    acts = [line for line in story.group.json("audit") if line["action"] == "keep both"]
    assert len(acts) == len(story.facts["saved"]) and {line["subject"] for line in acts} == {KEY}
    assert all(any(str(path) in line["detail"] for line in acts) for path in story.facts["saved"])


def test_the_new_box_plays_on_and_is_saved_by_itself(story: Story) -> None:
    box = story.group.fleet[1].games / GAMES
    with closing(sqlite3.connect(box)) as connection:
        connection.executemany("INSERT INTO games VALUES (?, 'm')", [(f"more-{n}",) for n in range(5)])
        connection.commit()
    story.round()
    for path in story.facts["saved"]:
        assert rows_of(path) == 25
    assert len({path.parent for path in _kept(story)}) == len(_kept(story)) >= len(story.facts["saved"])


def _kept(story: Story) -> list[Path]:
    return story.group.copies_of(KEPT)
