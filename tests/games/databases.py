"""Games databases for the tests of their sets: the users' schema, older and odd ones, many games at once."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from engine.lab.schema import DDL

MOVES = 5


def ids(start: int, count: int) -> list[str]:
    """Return the ids of some games."""
    return [f"hex8_2p-node-{number:08d}" for number in range(start, start + count)]


def hash_of(game_id: str) -> int:
    """Return the 64-bit name of a game, computed as the documents say."""
    return int.from_bytes(hashlib.blake2b(game_id.encode(), digest_size=8).digest(), "little")


def hashes(names: Iterable[str]) -> set[int]:
    """Return the 64-bit names of games."""
    return {hash_of(name) for name in names}


def add_games(path: Path, games: Iterable[str], moves: int = MOVES, wal: bool = False) -> Path:
    """Add games to a database of the users' schema (made where there is none); all have ``moves`` of MOVES moves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(games)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
        connection.executescript(DDL)
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO games (game_id, board_type, num_players, created_at, game_status, total_moves, total_turns,"
            f" schema_version) VALUES (?, 'hex8', 2, 'then', 'completed', {MOVES}, 3, 18)",
            ((name,) for name in names),
        )
        add_moves(connection, names, moves)
        connection.execute("COMMIT")
    finally:
        connection.close()
    return path


def add_moves(connection: sqlite3.Connection, games: Iterable[str], moves: int) -> None:
    """Add moves to games, whether or not these are there."""
    connection.executemany(
        "INSERT INTO game_moves (game_id, move_number, turn_number, player, phase, move_type, move_json)"
        " VALUES (?, ?, 0, 1, 'movement', 'place_ring', '{}')",
        ((name, number) for name in games for number in range(moves)),
    )


def run_script(path: Path, script: str) -> Path:
    """Make a database by a script."""
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path
