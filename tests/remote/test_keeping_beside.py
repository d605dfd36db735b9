"""A copy that stands in the way gets another name on its node: only what was looked at, whole, and over nothing."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ErrorClass, SyncdeckError
from engine.model import FileKind
from engine.remote.archive_types import Keeping
from engine.remote.session import AgentSession
from tests.execution import data
from tests.execution.data import read_copy
from tests.remote.test_publish import stat_of

KEPT = "games.kept-0123456789ab.db"


def make_database(path: Path, rows: int) -> Path:
    data.make_database(path, rows, "delete")
    return path


def asks(path: Path, root: Path | None = None) -> Keeping:
    """Ask for what is there now."""
    root = root or path.parent
    return Keeping(str(path), str(path.parent / KEPT), str(root), stat_of(path), FileKind.SQLITE, hash_of(path))


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def refused(agent: AgentSession, keeping: Keeping) -> ErrorClass:
    with pytest.raises(SyncdeckError) as error:
        await agent.keep_beside(keeping)
    assert error.value.remedy
    return error.value.error_class


async def test_a_copy_gets_its_new_name_and_is_the_same_file(agent: AgentSession, tmp_path: Path) -> None:
    path = make_database(tmp_path / "games.db", 20)
    asked, inode = asks(path), path.stat().st_ino
    kept = await agent.keep_beside(asked)
    assert os.listdir(tmp_path) == [KEPT]
    assert (kept.sha256, kept.stat.inode, kept.stat.size_bytes) == (asked.sha256, inode, asked.stat.size_bytes)
    assert kept.fingerprint is not None and read_copy(tmp_path / KEPT) == ("ok", 20)


async def test_the_same_request_made_again_ends_well_however_far_it_came(agent: AgentSession, tmp_path: Path) -> None:
    path = make_database(tmp_path / "games.db", 20)
    asked = asks(path)
    os.link(path, tmp_path / KEPT)  # Killed between the two halves of the move.
    first = await agent.keep_beside(asked)
    assert os.listdir(tmp_path) == [KEPT]
    assert await agent.keep_beside(asked) == first


async def test_what_was_kept_there_before_as_a_copy_becomes_one_with_it(agent: AgentSession, tmp_path: Path) -> None:
    path = make_database(tmp_path / "games.db", 20)
    (tmp_path / KEPT).write_bytes(path.read_bytes())
    asked, inode = asks(path), path.stat().st_ino
    kept = await agent.keep_beside(asked)
    assert (os.listdir(tmp_path), kept.stat.inode) == ([KEPT], inode)


async def test_another_content_under_the_new_name_is_not_touched(agent: AgentSession, tmp_path: Path) -> None:
    path, other = make_database(tmp_path / "games.db", 20), make_database(tmp_path / KEPT, 3)
    before = path.read_bytes(), other.read_bytes()
    assert await refused(agent, asks(path)) is ErrorClass.CONFIG
    assert (path.read_bytes(), other.read_bytes()) == before


async def test_a_file_that_changed_or_is_another_one_keeps_its_name(agent: AgentSession, tmp_path: Path) -> None:
    path = make_database(tmp_path / "games.db", 20)
    asked = asks(path)
    again = make_database(tmp_path / "again.db", 20)
    os.utime(again, ns=(asked.stat.mtime_ns, asked.stat.mtime_ns))
    for wrong in (
        replace(asked, stat=replace(asked.stat, mtime_ns=asked.stat.mtime_ns + 1)),
        replace(asked, stat=replace(asked.stat, inode=again.stat().st_ino)),
    ):
        assert await refused(agent, wrong) is ErrorClass.SOURCE_CHANGED
    assert await refused(agent, replace(asked, sha256="0" * 64)) is ErrorClass.CHECKSUM_MISMATCH
    assert path.exists() and not (tmp_path / KEPT).exists()


async def test_a_file_that_is_being_written_keeps_its_name(agent: AgentSession, tmp_path: Path) -> None:
    path = make_database(tmp_path / "games.db", 20)
    lock = tmp_path / "games.db.writing"
    lock.touch()
    assert await refused(agent, asks(path)) is ErrorClass.SOURCE_CHANGED
    lock.unlink()
    with closing(sqlite3.connect(path)) as changing:
        changing.execute("PRAGMA journal_mode = wal")
    asked = asks(path)  # Before the database is open: whoever closes it in this process drops its locks.
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("SELECT count(*) FROM games").fetchone()
        assert await refused(agent, asked) is ErrorClass.SOURCE_CHANGED
        writer.execute("DELETE FROM games WHERE rowid = 1")
        writer.commit()
        assert await refused(agent, asked) is ErrorClass.SOURCE_CHANGED
    await agent.keep_beside(asks(path))
    assert os.listdir(tmp_path) == [KEPT]


async def test_no_name_leads_out_of_its_folder(agent: AgentSession, tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    path = make_database(outside / "games.db", 5)
    assert await refused(agent, asks(path, root)) is ErrorClass.CONFIG
    elsewhere = replace(asks(path), kept_path=str(root / KEPT))
    assert await refused(agent, elsewhere) is ErrorClass.BUG
    link = root / "games.db"
    link.symlink_to(path)
    linked = replace(asks(path), path=str(link), kept_path=str(root / KEPT), root=str(root))
    with pytest.raises(SyncdeckError):
        await agent.keep_beside(linked)
    assert path.exists() and link.is_symlink() and not (root / KEPT).exists()
