"""Hashes already computed, kept outside every data root; losing this file loses only time."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, List, Optional

SCHEMA = """
CREATE TABLE IF NOT EXISTS hashes (
    path TEXT PRIMARY KEY, seen TEXT NOT NULL, sha256 TEXT NOT NULL, fingerprint TEXT, used_at REAL NOT NULL
) WITHOUT ROWID
"""
# A file touched this recently may change again within one tick of its file system's clock (2 s on FAT).
SETTLED_SECONDS = 2.0
KEPT_SECONDS = 90 * 86400.0
BUSY_SECONDS = 2.0


def cache_folder() -> str:
    """Return this user's cache folder for us."""
    base = os.environ.get("XDG_CACHE_HOME")
    if not base and sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    return os.path.join(base or os.path.expanduser("~/.cache"), "syncdeck")


def seen_as(found: os.stat_result) -> str:
    """Return what must be equal for a cached hash to hold; ctime shows a restored mtime."""
    return "%d:%d:%d:%d" % (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def is_settled(found: os.stat_result, now: float) -> bool:
    """Return whether the same stat will not soon mean other bytes; ``now`` is in seconds since the epoch."""
    return now - max(found.st_mtime, found.st_ctime) >= SETTLED_SECONDS


class CacheFile:
    """Opened for one look or one note at a time; where the folder cannot be written there is simply no cache."""

    def __init__(self, path: str, schema: str) -> None:
        self._path = path
        self._schema = schema

    def run(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        """Return the rows of a statement, none where the file cannot be used."""
        try:
            import sqlite3
        except ImportError:
            return []
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        except (OSError, sqlite3.Error):
            return []
        try:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute(self._schema)
            return connection.execute(statement, values).fetchall()
        except sqlite3.Error:
            return []
        finally:
            connection.close()


class HashCache:
    """SHA-256 and fingerprint by path and stat."""

    def __init__(self, folder: str) -> None:
        self._file = CacheFile(os.path.join(folder, "hashes.db"), SCHEMA)

    def find(self, path: str, found: os.stat_result) -> Optional[List[Any]]:
        """Return [sha256, fingerprint] taken of exactly this state of the file, or None."""
        rows = self._file.run(
            "SELECT sha256, fingerprint FROM hashes WHERE path = ? AND seen = ?", (path, seen_as(found))
        )
        return list(rows[0]) if rows else None

    def note(self, path: str, found: os.stat_result, sha256: str, fingerprint: str | None) -> None:
        """Keep a hash, unless the file was written to so recently that the same stat may soon mean other bytes."""
        now = time.time()
        if not is_settled(found, now):
            return
        row = (path, seen_as(found), sha256, fingerprint, now)
        self._file.run("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?)", row)
        if hash(path) % 1000 == 0:
            self._file.run("DELETE FROM hashes WHERE used_at < ?", (now - KEPT_SECONDS,))
