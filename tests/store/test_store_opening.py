"""Opening: private, and clear about every database that cannot be used."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

import engine.store.opening
from engine.store.errors import StoreCorrupt, StoreError, StoreLocked, StoreTooNew
from engine.store.store import Store


async def opened(path: Path) -> None:
    await (await Store.open(path)).close()


async def test_a_new_database_is_private_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.db"
    await opened(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_file_that_is_no_database_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreCorrupt) as caught:
        await opened(path)
    assert str(path) in str(caught.value) and "aside" in caught.value.remedy


async def test_a_damaged_database_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    await opened(path)
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(bytes(content))
    with pytest.raises(StoreCorrupt):
        await opened(path)


async def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE games (id INTEGER)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="another program"):
        await opened(path)
    assert path.read_bytes() == before


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    await opened(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreTooNew) as caught:
        await opened(path)
    assert "update" in caught.value.remedy


async def test_a_locked_database_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.store.opening, "BUSY_TIMEOUT_MS", 20)
    path = tmp_path / "state.db"
    await opened(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    holder.execute("INSERT INTO meta VALUES ('held', '')")
    try:
        with pytest.raises(StoreLocked):
            await opened(path)
    finally:
        holder.close()


async def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        await opened(tmp_path / "file" / "state.db")
    assert "--state" in caught.value.remedy
