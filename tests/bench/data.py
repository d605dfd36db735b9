"""Data for the benchmarks: random files, and a live games database that a process of its own keeps writing."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MIB = 1024 * 1024

WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
rate = float(sys.argv[2])
number = 0
print("ready", flush=True)
while True:
    connection.execute("BEGIN IMMEDIATE")
    for _ in range(10):
        number += 1
        connection.execute("INSERT INTO games VALUES (?, 'hex8', 2, 'completed')", (f"live-{time.time_ns()}-{number}",))
    connection.execute("COMMIT")
    time.sleep(10 / rate)
"""


def random_file(path: Path, size_bytes: int, seed: int = 1) -> None:
    """Write incompressible bytes."""
    source = random.Random(seed)
    with path.open("wb") as file:
        for _ in range(size_bytes // MIB):
            file.write(source.randbytes(MIB))
        os.fsync(file.fileno())


def games_database(path: Path, size_bytes: int, seed: int = 1) -> None:
    """Write a WAL-mode database shaped like selfplay's: moves as JSON text, some of it repetitive."""
    source = random.Random(seed)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE games (game_id TEXT PRIMARY KEY, board_type TEXT, num_players INT, status TEXT)")
    connection.execute("CREATE TABLE game_moves (game_id TEXT, number INT, player INT, move_json TEXT, think_ms REAL)")
    game = 0
    while path.stat().st_size < size_bytes:
        connection.execute("BEGIN")
        for _ in range(500):
            game += 1
            name = f"{source.getrandbits(64):016x}"
            connection.execute("INSERT INTO games VALUES (?, 'hex8', 2, 'completed')", (name,))
            connection.executemany(
                "INSERT INTO game_moves VALUES (?, ?, ?, ?, ?)",
                [(name, move, move % 2, _move(source), source.random() * 100) for move in range(40)],
            )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _move(source: random.Random) -> str:
    x, y = source.randrange(-7, 8), source.randrange(-7, 8)
    return f'{{"type":"place_ring","to":{{"x":{x},"y":{y},"z":{-x - y}}},"value":{source.random():.6f}}}'


@contextlib.contextmanager
def live_writer(database: Path, rows_per_second: float = 200.0) -> Iterator[None]:
    """Keep a database growing from another process, as selfplay does."""
    command = [sys.executable, "-I", "-c", WRITER, str(database), str(rows_per_second)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
