"""Archives of files that are unlike most: odd names, nothing in them, a dead writer's -wal; and a node without zstd."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.archive.values import ArchiveState, Original
from engine.model import EntryKey, TransferState
from engine.remote.agent import programs
from engine.remote.agent.archiving_codecs import compressor
from engine.remote.agent.failures import Failure
from engine.views_archive import ArchiveRequest
from tests.archive.world import ArchiveWorld, games
from tests.execution.data import make_database, read_copy

ROWS = 500
DYING = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode=wal")
connection.execute("CREATE TABLE games (game_id INTEGER PRIMARY KEY, moves TEXT)")
connection.commit()
connection.execute("INSERT INTO games (moves) VALUES ('committed, and in the -wal alone')")
connection.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""


async def there_and_back(world: ArchiveWorld, key: EntryKey, original: Path) -> str:
    """Archive a copy at node-2, have the original deleted, restore it; return the name of the archive."""
    record = await world.archive(key, "node-2")
    assert (record.state, record.original) == (ArchiveState.VERIFIED, Original.DELETED), record.reason
    assert not original.exists()
    (number,) = await world.parts.restoring.queue([record], None)
    done = await world.world.carry_out(number)
    assert done.state is TransferState.DONE, done.reason
    assert hashlib.sha256(original.read_bytes()).hexdigest() == record.sha256
    assert world.leftovers() == []
    return Path(record.path).name


@pytest.mark.parametrize(
    "name", ["two words.db", "Spiele Österreich – 棋譜.db", "a/b c/$HOME;'\"`x`.db", "-rf.db", "emoji 🎲.db"]
)
async def test_a_name_may_be_of_any_kind(world: ArchiveWorld, name: str) -> None:
    original = world.fleet["node-2"].games / name
    make_database(original, ROWS, "delete")
    await world.look()
    archive = await there_and_back(world, games(name, "node-2"), original)
    assert archive.startswith(Path(name).name)
    assert read_copy(original) == ("ok", ROWS)


async def test_a_database_with_nothing_in_it_stays_for_its_snapshot_is_another_content(world: ArchiveWorld) -> None:
    original = world.fleet["node-2"].games / "empty.db"
    original.touch()
    await world.look()
    record = await world.archive(games("empty.db", "node-2"), "node-2")
    assert (record.state, record.original) == (ArchiveState.VERIFIED, Original.KEPT)
    assert "the original stays" in record.reason and "holds another content" in record.reason
    assert original.read_bytes() == b"" and world.leftovers() == []


async def test_a_database_whose_writer_died_stays_until_its_commits_are_in_it(world: ArchiveWorld) -> None:
    original = world.fleet["node-2"].games / "died.db"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", DYING, str(original))
    assert await process.wait() == -signal.SIGKILL
    wal = original.with_name("died.db-wal")
    assert wal.stat().st_size > 0
    await world.look()
    key = games("died.db", "node-2")
    preview = await world.parts.desk.preview(ArchiveRequest((str(key),), "node-2"))
    assert ["its writer died" in why for _, why, _ in preview.refused] == [True]
    assert original.exists() and wal.stat().st_size > 0
    with closing(sqlite3.connect(original)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    await world.look()
    await there_and_back(world, key, original)
    assert read_copy(original) == ("ok", 1)


async def test_what_two_requests_ask_for_at_once_is_archived_once(world: ArchiveWorld) -> None:
    names = ("one.db", "two.db")
    for name in names:
        make_database(world.fleet["node-2"].games / name, ROWS, "delete")
    await world.look()
    request = ArchiveRequest(tuple(str(games(name, "node-2")) for name in names), "node-2")
    results = await asyncio.gather(*(world.parts.desk.run(request) for _ in range(3)))
    assert sum(result.accepted for result in results) == len(names)
    await world.parts.worker.drain()
    _, rows = await world.parts.records.page(0, 10, "")
    assert [(row.state, row.original) for row in rows] == [(ArchiveState.VERIFIED, Original.DELETED)] * 2
    assert len(list((world.fleet["node-1"].root / "archives").rglob("*.zst"))) == len(names)


async def test_a_file_that_is_being_restored_is_not_archived_meanwhile(world: ArchiveWorld) -> None:
    original = world.fleet["node-2"].games / "old.db"
    make_database(original, ROWS, "delete")
    await world.look()
    key = games("old.db", "node-2")
    record = await world.archive(key, "node-2")
    (number,) = await world.parts.restoring.queue([record], None)
    request = ArchiveRequest((str(key),), "node-2")
    preview = await world.parts.desk.preview(request)
    assert ["no file of it" in why for _, why, _ in preview.refused] == [True]
    assert (await world.parts.desk.run(request)).accepted == 0
    assert (await world.world.carry_out(number)).state is TransferState.DONE
    again = await world.archive(key, "node-2")
    assert again.state is ArchiveState.CANCELLED and "holds it already" in again.reason
    found = await world.parts.records.get(record.id)
    assert found is not None and (found.state, found.original) == (ArchiveState.VERIFIED, Original.DELETED)
    assert not original.exists()


def test_a_node_without_zstd_says_so_and_packs_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "EXTRA_PATHS", ())
    out = tmp_path / "out"
    with out.open("wb") as file, pytest.raises(Failure, match="no zstd"):
        compressor(file.fileno(), "zstd")
    packing_by_python = compressor(os.open(out, os.O_WRONLY), "gzip")
    packing_by_python.feed(b"moves")
    packing_by_python.finish(lambda: None)
    assert gzip.decompress(out.read_bytes()) == b"moves"
