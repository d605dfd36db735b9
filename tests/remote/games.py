"""Databases as selfplay writes them, and a process that keeps writing one."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
start, number = time.monotonic(), 0
while True:
    number += 1
    connection.execute("INSERT INTO games VALUES (?, 'x')", ("live-%d" % number,))
    print(number, flush=True)
    time.sleep(max(0.0, start + number / 200 - time.monotonic()))
"""


def make_games(path: Path, rows: int = 1000, wal: bool = True) -> Path:
    """Write a games database and close it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
    connection.execute("CREATE TABLE games (game_id TEXT PRIMARY KEY, board_type TEXT)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO games VALUES (?, ?)", ((f"game-{n}", "hex8" * 50) for n in range(rows)))
    connection.execute("COMMIT")
    connection.close()
    return path


class Writer:
    """A running writer; ``committed`` waits for its next row and returns how many it has committed."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def committed(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@contextlib.contextmanager
def live_writer(path: Path) -> Iterator[Writer]:
    """Add 200 rows a second to a database from another process."""
    process = subprocess.Popen([sys.executable, "-I", "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    try:
        yield Writer(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def read_copy(path: Path) -> tuple[str, int]:
    """Return (integrity_check's answer, number of live rows) of a copy, opened so that nothing is created."""
    connection = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    try:
        check = connection.execute("PRAGMA integrity_check").fetchone()[0]
        live = connection.execute("SELECT count(*) FROM games WHERE game_id LIKE 'live-%'").fetchone()[0]
        return check, live
    finally:
        connection.close()
