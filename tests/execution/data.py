"""Databases as selfplay writes them, and looks at what became of their copies."""

from __future__ import annotations

import sqlite3
from pathlib import Path

MIB = 1 << 20


def make_database(path: Path, rows: int = 1000, journal_mode: str = "wal") -> None:
    """A small games database as selfplay writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode={journal_mode}")
    connection.execute("CREATE TABLE games (game_id INTEGER PRIMARY KEY, moves TEXT)")
    connection.executemany("INSERT INTO games (moves) VALUES (?)", [("m" * 200,) for _ in range(rows)])
    connection.commit()
    connection.close()


def make_named_games(path: Path, name: str, games: int) -> None:
    """Games with ids of their own and two moves each, as every box names its own."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=wal")
    connection.execute("CREATE TABLE games (game_id TEXT PRIMARY KEY, moves TEXT)")
    connection.execute("CREATE TABLE game_moves (game_id TEXT, move_number INT, PRIMARY KEY (game_id, move_number))")
    ids = [f"{name}-{number}" for number in range(games)]
    connection.executemany("INSERT INTO games VALUES (?, ?)", [(one, "m" * 200) for one in ids])
    connection.executemany("INSERT INTO game_moves VALUES (?, ?)", [(one, n) for one in ids for n in range(2)])
    connection.commit()
    connection.close()


def add_rows(path: Path, rows: int) -> None:
    connection = sqlite3.connect(path)
    connection.executemany("INSERT INTO games (moves) VALUES (?)", [("n" * 200,) for _ in range(rows)])
    connection.commit()
    connection.close()


def read_copy(path: Path) -> tuple[str, int]:
    """Return what integrity_check says and the number of games, leaving nothing beside the copy."""
    connection = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    try:
        check = connection.execute("PRAGMA integrity_check").fetchone()[0]
        return check, connection.execute("SELECT count(*) FROM games").fetchone()[0]
    finally:
        connection.close()


def temporaries(*folders: Path) -> list[str]:
    """Return every temporary file of ours below some folders."""
    return sorted(str(path) for folder in folders for path in folder.rglob(".*.syncdeck-*"))
