"""A ledger that several processes write as fast as they can, and what must hold in every copy of it.

``python live_ledger.py DATABASE SLOT SEED AUTOCHECKPOINT`` is one writer: it moves amounts between accounts, whose sum
never changes, adds a row to ``games`` in the same transaction, and notes each row's id once it is committed.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ACCOUNTS = 5000
AMOUNT = 1000
SLOT = struct.Struct("q")
WRITERS = 2


def make_ledger(path: Path, page_bytes: int = 4096, journal_mode: str = "wal", moves_bytes: int = 400) -> Path:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size={page_bytes}")
    connection.execute(f"PRAGMA journal_mode={journal_mode}")
    connection.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount INTEGER, filler TEXT)")
    connection.execute("CREATE TABLE games (id INTEGER PRIMARY KEY, moves TEXT)")
    connection.execute("BEGIN")
    rows = ((number, AMOUNT, "f" * moves_bytes) for number in range(ACCOUNTS))
    connection.executemany("INSERT INTO accounts VALUES (?, ?, ?)", rows)
    connection.execute("INSERT INTO games (moves) VALUES ('first')")
    connection.execute("COMMIT")
    connection.close()
    return path


def write(path: str, slot: int, seed: int, autocheckpoint: int) -> None:
    chance = random.Random(seed)
    connection = sqlite3.connect(path, isolation_level=None, timeout=60)
    connection.execute(f"PRAGMA wal_autocheckpoint={autocheckpoint}")
    connection.execute("PRAGMA synchronous=NORMAL")
    notes = os.open(path + ".notes", os.O_RDWR | os.O_CREAT)
    while True:
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(chance.randrange(1, 6)):
            taken, given, amount = chance.randrange(ACCOUNTS), chance.randrange(ACCOUNTS), chance.randrange(50)
            connection.execute("UPDATE accounts SET amount = amount - ? WHERE id = ?", (amount, taken))
            connection.execute("UPDATE accounts SET amount = amount + ? WHERE id = ?", (amount, given))
        made = connection.execute("INSERT INTO games (moves) VALUES (?)", ("m" * chance.randrange(900),))
        connection.execute("COMMIT")
        os.pwrite(notes, SLOT.pack(made.lastrowid or 0), slot * SLOT.size)


def committed(path: Path) -> int:
    """Return the highest id that any writer said it committed."""
    notes = Path(f"{path}.notes")
    data = notes.read_bytes() if notes.exists() else b""
    return max((number for (number,) in SLOT.iter_unpack(data)), default=0)


@contextlib.contextmanager
def writers(
    path: Path, seed: int, autocheckpoint: int = 1000, count: int = WRITERS
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run the writers until the end; returns to the caller once each has committed."""
    Path(f"{path}.notes").write_bytes(bytes(SLOT.size * count))
    running = [
        subprocess.Popen([sys.executable, "-I", __file__, str(path), str(slot), str(seed + slot), str(autocheckpoint)])
        for slot in range(count)
    ]
    try:
        while True:
            data = Path(f"{path}.notes").read_bytes()
            if all(SLOT.unpack_from(data, slot * SLOT.size)[0] for slot in range(count)):
                break
            assert all(process.poll() is None for process in running)
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


def ensure_consistent(copy: Path, least_id: int, page_bytes: int | None = None) -> None:
    """Assert that a copy is one version of the ledger, not older than ``least_id``, and no file in WAL mode."""
    head = copy.read_bytes()[:100]
    assert head[18:20] == b"\x01\x01"
    assert head[24:28] == head[92:96]
    connection = sqlite3.connect(f"file:{copy}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        balance = connection.execute("SELECT count(*), sum(amount) FROM accounts").fetchone()
        assert balance == (ACCOUNTS, ACCOUNTS * AMOUNT)
        highest, count = connection.execute("SELECT max(id), count(*) FROM games").fetchone()
        assert highest == count
        assert highest >= least_id
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        assert page_bytes in (None, size)
        assert copy.stat().st_size == size * connection.execute("PRAGMA page_count").fetchone()[0]
    finally:
        connection.close()
    assert not Path(f"{copy}-wal").exists() and not Path(f"{copy}-shm").exists()


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
