"""A selfplay writer in a process of its own: ``python writer.py DATABASE``; commits 200 rows a second until killed.

Prints the number of rows committed after each commit, so that a reader knows what must be in a later copy.
"""

from __future__ import annotations

import sqlite3
import sys
import time

ROWS_PER_SECOND = 200


def main(path: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    started, written = time.monotonic(), 0
    while True:
        connection.execute("INSERT INTO games (moves) VALUES (?)", ("w" * 300,))
        written += 1
        print(written, flush=True)
        ahead = started + written / ROWS_PER_SECOND - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)


if __name__ == "__main__":
    main(sys.argv[1])
