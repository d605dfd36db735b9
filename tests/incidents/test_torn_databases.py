"""Databases that were copied torn, without their moves, or under a lock that nobody had removed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import cluster, integrity_of
from tests.incidents.conftest import Story

NAME = "selfplay_hex8_2p.db"
HOURS = 3_600.0
GAMES = 40
MOVES = 30
SCHEMA = """
CREATE TABLE games (game_id TEXT PRIMARY KEY, game_status TEXT, total_moves INTEGER);
CREATE TABLE game_moves (game_id TEXT REFERENCES games(game_id), move_number INTEGER, move_json TEXT,
    PRIMARY KEY (game_id, move_number));
CREATE TABLE game_players (game_id TEXT REFERENCES games(game_id), player INTEGER, PRIMARY KEY (game_id, player));
CREATE TRIGGER few_moves BEFORE INSERT ON games WHEN NEW.total_moves < 5 BEGIN SELECT RAISE(ABORT, 'few'); END;
"""


def _open(path: Path) -> sqlite3.Connection:
    """A writer in rollback-journal mode, as on a network file system."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.executescript(SCHEMA)
    return connection


def _play(connection: sqlite3.Connection, first: int, games: int) -> None:
    for number in range(first, first + games):
        connection.execute("INSERT INTO games VALUES (?, 'completed', ?)", (str(number), MOVES))
        connection.executemany("INSERT INTO game_moves VALUES (?, ?, 'm')", [(str(number), n) for n in range(MOVES)])
        connection.executemany("INSERT INTO game_players VALUES (?, ?)", [(str(number), n) for n in (1, 2)])


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """One round while a transaction is open and its first pages have gone to the file already."""
    with cluster(tmp_path_factory.mktemp("torn"), nodes=3) as group:
        told = Story(group)
        database = group.fleet[1].games / NAME
        with contextlib.closing(_open(database)) as writer:
            writer.execute("BEGIN")
            _play(writer, 0, GAMES)
            writer.execute("COMMIT")
            lock = database.with_name(NAME + ".writing")
            lock.write_text("1")
            os.utime(lock, (time.time() - 8 * HOURS,) * 2)
            told.facts["bytes before"] = database.read_bytes()
            writer.execute("BEGIN IMMEDIATE")
            _play(writer, GAMES, 3)
            told.round()
            writer.execute("COMMIT")
        told.facts["copies"] = told.copies(NAME, database)
        yield told


def _count(path: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_a_lock_that_is_hours_old_never_keeps_games_from_being_saved(story: Story) -> None:
    assert story.rounds[0].returncode == 0, story.rounds[0].stdout
    assert len(story.facts["copies"]) >= 2


def test_a_copy_holds_what_was_committed_and_nothing_of_an_open_transaction(story: Story) -> None:
    for copy in story.facts["copies"]:
        assert integrity_of(copy) == "ok"
        assert _count(copy, "games") == GAMES


def test_every_game_arrives_with_all_its_moves_and_players(story: Story) -> None:
    for copy in story.facts["copies"]:
        assert _count(copy, "game_moves") == GAMES * MOVES
        assert _count(copy, "game_players") == GAMES * 2
        with contextlib.closing(sqlite3.connect(f"file:{copy}?immutable=1", uri=True)) as connection:
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_database_of_the_writer_is_not_touched(story: Story) -> None:
    with contextlib.closing(sqlite3.connect(story.group.fleet[1].games / NAME)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT count(*) FROM games").fetchone() == (GAMES + 3,)
    assert not (story.group.fleet[1].games / (NAME + "-journal")).exists()


def test_nothing_lies_beside_a_copy_that_a_reader_would_apply_to_it(story: Story) -> None:
    for copy in story.facts["copies"]:
        assert [path.name for path in copy.parent.iterdir() if path.name.startswith(NAME)] == [NAME]
