"""What an older syncdeck wrote is still there, and complete, after an upgrade."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from sqlalchemy import text

from engine.store.connections import opening_engine
from engine.store.migrating import configuration, upgrade

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
