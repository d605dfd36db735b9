"""Reading which engine a state directory belongs to, without opening its store: a running engine is not disturbed."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from engine.store.connections import BUSY_TIMEOUT_MS
from engine.store.errors import explain

STORE_NAME = "syncdeck.db"
ENGINE_ID = "engine-id"
"""The remembered value that holds it: 8 hex digits."""


def engine_id_of(state_dir: Path) -> str | None:
    """Return the id of the engine that keeps its state here, None where none ever ran; raises StoreError."""
    path = state_dir / STORE_NAME
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_MS / 1000)
        try:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (ENGINE_ID,)).fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise explain("read the state database", path, error) from error
    return None if row is None else str(row[0])
