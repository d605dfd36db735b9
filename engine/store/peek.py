"""Reading a state directory without opening its store, so that a running engine is not disturbed: whose it is, and
what was done."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from engine.store.connections import BUSY_TIMEOUT_MS
from engine.store.errors import explain

STORE_NAME = "syncdeck.db"
ENGINE_ID = "engine-id"
"""The remembered value that holds it: 8 hex digits."""


def engine_id_of(state_dir: Path) -> str | None:
    """Return the id of the engine that keeps its state here, None where none ever ran; raises StoreError."""
    rows = _ask(state_dir, "SELECT value FROM meta WHERE name = ?", (ENGINE_ID,))
    return str(rows[0][0]) if rows else None


def acts_of(state_dir: Path, limit: int) -> list[tuple[float, str, str, str, str]]:
    """Return the newest acts that engines wrote down here, newest first: (at, who, action, subject, detail).

    Raises StoreError.
    """
    return _ask(state_dir, "SELECT at, who, action, subject, detail FROM audit ORDER BY id DESC LIMIT ?", (limit,))


def _ask(state_dir: Path, statement: str, values: tuple[object, ...]) -> list[Any]:
    """Return the rows of a question; none where no engine ever ran."""
    path = state_dir / STORE_NAME
    if not path.exists():
        return []
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_MS / 1000)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise explain("read the state database", path, error) from error
