"""What an older syncdeck wrote is still there, and complete, after an upgrade."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from sqlalchemy import text

from engine.clock import ManualClock
from engine.codes import TransferCode
from engine.queue.queue import TransferQueue
from engine.store.connections import opening_engine
from engine.store.migrating import configuration, upgrade
from engine.store.opening import prepare
from engine.store.store import Store

TRANSFER = (
    "INSERT INTO transfers (id, key, data_type, path, origin, source, target, source_node, target_node, state, reason,"
    " priority, due, bytes_total, bytes_done, bytes_on_wire, attempts, transport_preference, rule, emergency,"
    " created_at, updated_at) VALUES (7, 'npz:a', 'npz', 'a', '', 'vast-1', 'mac:/drive', 'vast-1', 'mac', 'done', '',"
    " 50, 9e15, 100, 100, 100, 1, '', '', 0, 1, 1)"
)
ATTEMPT = (
    "INSERT INTO attempts (transfer_id, number, started_at, finished_at, transport, success, bytes_done,"
    " bytes_on_wire, steps) VALUES (7, 1, 10.0, 12.5, 'rsync', 1, 100, 90, '[]')"
)


def test_attempts_of_the_first_schema_learn_their_link_from_their_transfer(tmp_path: Path) -> None:
    engine = opening_engine(tmp_path / "old.db")
    with engine.begin() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text(TRANSFER))
        connection.execute(text(ATTEMPT))
        upgrade(connection)
        kept = connection.execute(
            text("SELECT source_node, target_node, duration_seconds, bytes_resent, bytes_on_wire FROM attempts")
        ).one()
        orphans = connection.execute(text("PRAGMA foreign_key_check")).all()
    engine.dispose()
    assert tuple(kept) == ("vast-1", "mac", 2.5, 0, 90)
    assert orphans == []


TRANSFER_OF_0005 = (
    "INSERT INTO transfers (key, data_type, path, origin, source, target, source_node, target_node, state, reason,"
    " priority, due, not_before, bytes_total, bytes_done, bytes_on_wire, attempts, transport_preference, rule,"
    " emergency, created_at, updated_at) VALUES (:key, 'npz', :key, '', 'vast-1', 'mac', 'vast-1', 'mac', :state,"
    " :reason, 50, 9e15, :not_before, 100, 0, 0, 1, '', '', 0, 1, 1)"
)
ENTRY_OF_0005 = (
    "INSERT INTO entries (id, key, data_type, path, origin, provisional, size_bytes, mtime, sequence, created_at,"
    " updated_at) VALUES (1, 'npz:a', 'npz', 'a', '', 0, 100, 1, 1, 1, 1)"
)
LOCATION_OF_0005 = "INSERT INTO locations (id, name, node_id) VALUES (1, 'mac', 'mac')"
ARCHIVE_OF_0005 = (
    "INSERT INTO archives (entry_id, location_id, path, root, codec, state, reason, original_location, original_path,"
    " original, delete_original, size_bytes, archive_bytes, mtime_ns, inode, temporaries, run, who, created_at)"
    " VALUES (1, 1, :reason, '/', 'zstd', :state, :reason, 'vast-1', '/a', 'kept', 1, 9, 5, 1, 1, '[]', 'r', 'me', 1)"
)
TRANSFERS = [
    ("waiting", "paused by the operator", "paused"),
    ("waiting", "vast-1 is paused", "node-closed"),
    ("waiting", "vast-1: every transport fails (timed out); tried again at 12:00:00", "node-closed"),
    ("waiting", "makes way for an emergency", None),
    ("cancelled", "cancelled by the operator", "cancelled-by-operator"),
    ("cancelled", "the drain of vast-1 was cancelled", None),
    ("blocked", "the source is damaged: it is no zip file", "source-damaged"),
    ("blocked", "The source is damaged, says somebody else", None),
    ("blocked", "smaller: the new version has 10 bytes, the copy there 20", "smaller"),
    ("blocked", "diverged: the copy there never was a version of this file", "diverged"),
    ("blocked", "smaller than that", None),
    ("retry_at", "the source is damaged: tried again", None),
    ("failed", "cancelled by the operator", None),
    ("queued", "fewer copies than wanted", None),
]
ARCHIVES = [
    ("verified", "read back in full; the original goes next", "awaits-deletion"),
    ("verified", "read back in full", None),
    ("verified", "the original stays: it is pinned", None),
    ("failed", "it holds another content than was archived", None),
]


async def test_the_words_of_old_reasons_become_codes_once(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    engine = opening_engine(path)
    with engine.begin() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        connection.execute(text(ENTRY_OF_0005))
        connection.execute(text(LOCATION_OF_0005))
        for number, (state, reason, code) in enumerate(TRANSFERS):
            values = {"key": f"npz:{number}", "state": state, "reason": reason}
            connection.execute(text(TRANSFER_OF_0005), values | {"not_before": 9e15 if code == "paused" else None})
        for state, reason, _ in ARCHIVES:
            connection.execute(text(ARCHIVE_OF_0005), {"state": state, "reason": reason})
    engine.dispose()
    prepare(path)
    with closing(sqlite3.connect(path)) as connection:
        moved = connection.execute("SELECT state, reason, code FROM transfers ORDER BY id").fetchall()
        kept = connection.execute("SELECT state, reason, code FROM archives ORDER BY id").fetchall()
    assert moved == TRANSFERS
    assert kept == ARCHIVES
    store = await Store.open(path)
    queue = TransferQueue(store, ManualClock())
    assert await queue.resume(list(range(1, len(TRANSFERS) + 1))) == 1
    (damaged,) = await queue.blocked_as(TransferCode.SOURCE_DAMAGED)
    assert damaged.reason == "the source is damaged: it is no zip file"
    await store.close()
