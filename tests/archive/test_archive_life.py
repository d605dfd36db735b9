"""A database archived, deleted by proof, and restored: the same bytes, and every copy counted as what it is."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from engine.archive.values import ArchiveCode, ArchiveState, Original
from engine.model import ReplicaState, TransferState
from tests.archive.world import ArchiveWorld, games
from tests.execution.data import make_database

OLD = games("old.db", "node-2")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM games").fetchone()[0])


async def archived(world: ArchiveWorld, size_rows: int = 2000, journal_mode: str = "delete") -> Path:
    database = world.fleet["node-2"].games / "old.db"
    make_database(database, size_rows, journal_mode)
    await world.look()
    return database


async def test_a_database_is_archived_elsewhere_and_its_original_goes_only_then(world: ArchiveWorld) -> None:
    database = await archived(world)
    record = await world.archive(OLD, "node-2")
    assert (record.state, record.original, record.reason) == (ArchiveState.VERIFIED, Original.DELETED, "")
    assert not database.exists()
    assert record.path == str(world.fleet["node-1"].root / f"archives/node-2/old.db.{record.sha256[:12]}.zst")
    assert record.sha256 is not None and Path(record.path).stat().st_size == record.archive_bytes < record.size_bytes
    entry = await world.world.entry(OLD)
    assert [(r.location, r.state) for r in entry.replicas] == [("node-1", ReplicaState.ARCHIVED)]
    assert entry.locations == {"node-1"}
    assert world.leftovers() == []
    log = await world.world.catalog.audit_log()
    assert [(line.action, line.subject) for line in log] == [("delete", f"{OLD} at node-2")]

    await world.look()
    assert (await world.world.entry(OLD)).locations == {"node-1"}

    (number,) = await world.parts.restoring.queue([record], None)
    done = await world.world.carry_out(number)
    assert (done.state, done.reason) == (TransferState.DONE, "in place, verified by SHA-256")
    assert rows(database) == 2000
    assert digest(database) == record.sha256
    entry = await world.world.entry(OLD)
    assert {(r.location, r.state) for r in entry.replicas} == {
        ("node-1", ReplicaState.ARCHIVED),
        ("node-2", ReplicaState.CURRENT),
    }
    assert world.leftovers() == []


async def test_an_original_goes_for_the_code_of_its_archive_and_for_no_words(world: ArchiveWorld) -> None:
    database = await archived(world)
    record = await world.archive(OLD, "node-2", delete=False)
    await world.parts.records.change(record.id, reason="read back in full; the original goes next")
    await world.parts.worker.drain()
    assert database.exists()
    awaits = ArchiveCode.AWAITS_DELETION.value
    await world.parts.records.change(record.id, reason="worded anew", code=awaits)
    await world.parts.records.change(record.id, reason="the original stays: it is pinned")
    await world.parts.worker.drain()
    assert database.exists(), "another reason takes the code of the one before with it"
    await world.parts.records.change(record.id, reason="worded anew", code=awaits)
    again = await world.parts.records.get(record.id)
    assert again is not None and await world.parts.verifier.verify_one(again)
    read = await world.parts.records.get(record.id)
    assert read is not None and (read.code, read.reason) == (awaits, "worded anew"), "reading it settles nothing else"
    await world.parts.worker.drain()
    assert not database.exists()
    gone = await world.parts.records.get(record.id)
    assert gone is not None and (gone.original, gone.code, gone.reason) == (Original.DELETED, None, "")
