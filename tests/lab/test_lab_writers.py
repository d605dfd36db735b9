"""What the lab's writers leave on disk is what the users' own programs leave: real databases, training sets, models."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.lab.artifacts import model_bytes, npz_bytes, place
from engine.lab.games import GameDatabase, json_line, play
from engine.lab.writers import GAMES_AT_START, WriterSpec, dump, parse, run, tasks_of

NOW = 1_767_225_600.0
GAMES_COLUMNS = {
    "game_id", "board_type", "num_players", "rng_seed", "created_at", "completed_at", "game_status", "winner",
    "termination_reason", "total_moves", "total_turns", "duration_ms", "source", "schema_version", "time_control_type",
    "initial_time_ms", "time_increment_ms", "metadata_json", "quality_score", "quality_category", "engine_mode",
    "parity_status", "parity_checked_at", "parity_divergence_move", "opponent_type", "opponent_model_id",
}  # fmt: skip
TABLES = {
    "schema_metadata", "games", "game_players", "game_initial_state", "game_moves", "game_state_snapshots",
    "game_choices", "game_history_entries", "game_nnue_features", "orphaned_games",
}  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    """Return a database with ten games whose writer still has it open."""
    path = tmp_path / "selfplay_hex8_2p.db"
    games = GameDatabase(path)
    chance = random.Random(1)
    for number in range(10):
        games.add(play("hex8_2p", number, "vast-1", chance, NOW))
    yield path
    games.close()


def test_a_games_database_has_the_users_schema(database: Path) -> None:
    with sqlite3.connect(database) as reader:
        tables = {row[0] for row in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        columns = {row[1] for row in reader.execute("PRAGMA table_info(games)")}
        version = reader.execute("SELECT value FROM schema_metadata WHERE key = 'schema_version'").fetchone()
        mode = reader.execute("PRAGMA journal_mode").fetchone()
    reader.close()
    assert tables == TABLES
    assert columns == GAMES_COLUMNS
    assert (version, mode) == (("18",), ("wal",))


def test_every_game_has_all_its_moves_and_the_database_is_sound(database: Path) -> None:
    with sqlite3.connect(database) as reader:
        orphans = reader.execute(
            "SELECT count(*) FROM games WHERE total_moves !="
            " (SELECT count(*) FROM game_moves WHERE game_moves.game_id = games.game_id)"
        ).fetchone()
        sound = reader.execute("PRAGMA integrity_check").fetchone()
        broken_keys = reader.execute("PRAGMA foreign_key_check").fetchall()
    reader.close()
    assert (orphans, sound, broken_keys) == ((0,), ("ok",), [])


def test_a_completed_game_with_fewer_than_five_moves_is_rejected_whole(tmp_path: Path) -> None:
    games = GameDatabase(tmp_path / "games.db")
    whole = play("hex8_2p", 0, "vast-1", random.Random(1), NOW)
    short = type(whole)(whole.game_id, whole.board, whole.players, whole.seed, NOW, whole.moves[:4])
    with pytest.raises(sqlite3.IntegrityError, match="at least 5 moves"):
        games.add(short)
    games.add(whole)
    assert games.count == 1
    games.close()


def test_equal_seeds_play_equal_games() -> None:
    first, second = (play("square8_3p", 4, "n", random.Random(9), NOW) for _ in range(2))
    assert first == second
    assert json.loads(json_line(first))["num_players"] == 3


def test_a_training_set_is_a_zip_of_npy_arrays_with_matching_shapes(tmp_path: Path) -> None:
    path = tmp_path / "hex8_2p.npz"
    place(path, npz_bytes(32, random.Random(2)))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        members = {name: archive.read(name) for name in archive.namelist()}
    assert {"features.npy", "values.npy", "globals.npy"} <= set(members)
    for data in members.values():
        assert data[:8] == b"\x93NUMPY\x01\x00"
        length = int.from_bytes(data[8:10], "little")
        assert (10 + length) % 64 == 0
        assert b"'shape': (32," in data[10 : 10 + length]


def test_a_model_is_a_sound_zip_and_names_are_never_seen_half_written(tmp_path: Path) -> None:
    place(tmp_path / "canonical_hex8_2p.pth", model_bytes(100_000, 3, random.Random(3)))
    with zipfile.ZipFile(tmp_path / "canonical_hex8_2p.pth") as archive:
        assert archive.testzip() is None
    assert [path.name for path in tmp_path.iterdir()] == ["canonical_hex8_2p.pth"]


def test_descriptions_survive_their_way_to_the_process() -> None:
    specs = [WriterSpec("n", Path("/r"), ("hex8_2p",), (), True, 5)]
    assert parse(dump(specs)) == specs


def test_everything_a_node_writes_appears_and_the_writing_ends_with_its_pipe(
    tmp_path: Path, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    spec = WriterSpec("n1", tmp_path, ("hex8_2p",), ("square8_2p",), True, 5)
    read, write = os.pipe()
    writer = threading.Thread(target=run, args=([spec], read, lambda: NOW, _Hurry().monotonic))
    writer.start()
    try:
        wait_until(lambda: not writer.is_alive() or games_in(tmp_path) >= GAMES_AT_START + 20)
    finally:
        os.close(write)
        writer.join(30)
        os.close(read)
    assert not writer.is_alive()
    assert games_in(tmp_path) >= GAMES_AT_START + 20
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {"selfplay_hex8_2p.db", "square8_2p.npz", "canonical_square8_2p.pth"} <= names
    assert (tmp_path / "models" / "ringrift_best_square8_2p.pth").is_symlink()
    assert list((tmp_path / "data" / "selfplay" / "p2p_gpu" / "hex8_2p").glob("pull-*/games_hex8_2p_*.jsonl"))
    with pytest.raises(zipfile.BadZipFile), zipfile.ZipFile(tmp_path / "data/training/hexagonal_2p_20260101.npz"):
        pass


def test_a_writer_goes_on_where_a_killed_one_stopped(tmp_path: Path) -> None:
    spec = WriterSpec("n1", tmp_path, ("hex8_2p",), (), False, 5)
    for _ in range(2):
        for task in tasks_of(spec, 0.0, lambda: NOW):
            task.act()
    assert games_in(tmp_path) == GAMES_AT_START + 2


class _Hurry:
    """A monotonic clock on which waiting is short: each look at it is a second later."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def monotonic(self) -> float:
        self._seconds += 1.0
        return self._seconds


def games_in(root: Path) -> int:
    """Return how many games the node's database holds, 0 before it is there."""
    try:
        reader = sqlite3.connect(f"file:{root}/data/games/selfplay_hex8_2p.db?mode=ro", uri=True, timeout=10)
        try:
            return int(reader.execute("SELECT count(*) FROM games").fetchone()[0])
        finally:
            reader.close()
    except sqlite3.OperationalError:
        return 0
