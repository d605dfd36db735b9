"""A cold storage that is full, takes nothing more, cannot be written, or is not there: said, and the original stays."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from config.archive_settings import ArchiveSettings
from engine.archive.values import ArchiveRecord, ArchiveState, Original
from engine.model import EntryKey
from tests.archive.world import ArchiveWorld, games, open_archive
from tests.execution.data import make_database, read_copy
from tests.fleet import Fleet, openssh_fleet
from tests.fleet_sshd import LARGEST_FILE_BYTES

NAME = "old.db"


@pytest.fixture(scope="module")
def shared_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Nodes that write no file beyond some size, and that have a plain user's rights whoever runs these tests."""
    with openssh_fleet(tmp_path_factory.mktemp("limited"), count=4, limited=True) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where archives go."""
    made = tmp_path / "cold"
    made.mkdir()
    return made


@pytest.fixture
async def world(fleet: Fleet, folder: Path, tmp_path: Path) -> AsyncIterator[ArchiveWorld]:
    settings = ArchiveSettings(location="node-1", path=str(folder))
    async with open_archive(fleet, tmp_path / "state.db", "00000001", settings) as opened:
        yield opened


def make_dense(path: Path, size_bytes: int) -> None:
    """Write a database that no codec makes smaller."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE games (game_id INTEGER PRIMARY KEY, moves BLOB)")
        rows = ((os.urandom(1 << 20),) for _ in range(size_bytes >> 20))
        connection.executemany("INSERT INTO games (moves) VALUES (?)", rows)
        connection.commit()


async def an_old_one(world: ArchiveWorld) -> tuple[EntryKey, Path, str]:
    """Have a database at its origin; return its key, its path and its node."""
    original = world.fleet["node-2"].games / NAME
    make_database(original, 500, "delete")
    await world.look()
    return games(NAME, "node-2"), original, "node-2"


async def blocked(world: ArchiveWorld, key: EntryKey, original: Path, node: str) -> ArchiveRecord:
    """Have a copy archived in vain; return what is said. Neither the original nor anything else is touched."""
    before = original.read_bytes()
    record = await world.archive(key, node)
    assert (record.state, record.original) == (ArchiveState.BLOCKED, Original.KEPT)
    assert original.read_bytes() == before and read_copy(original)[0] == "ok"
    assert (await world.world.entry(key)).locations <= {node}
    assert world.leftovers() == []
    return record


async def test_a_cold_storage_that_is_full_down_to_its_floor_takes_nothing(world: ArchiveWorld, folder: Path) -> None:
    old = await an_old_one(world)
    usage = shutil.disk_usage(folder)
    most = 100.0 * usage.used / usage.total / 2
    policy = world.world.known.policy
    limits = replace(policy.thresholds, disk_max_percent=most, disk_min_free_percent=100.0 - most)
    world.world.use_policy(replace(policy, thresholds=limits))
    record = await blocked(world, *old)
    assert "free" in record.reason
    assert list(folder.rglob("*")) == []


@pytest.mark.parametrize("node", ["node-1", "node-2"], ids=["while it is packed", "while it is brought there"])
async def test_a_cold_storage_that_fills_up_under_the_archive_blocks_and_keeps_nothing_of_it(
    world: ArchiveWorld, folder: Path, node: str
) -> None:
    copy = world.fleet[node].games / "synced" / "node-0" / NAME
    copy.parent.mkdir(parents=True)
    make_dense(copy, LARGEST_FILE_BYTES + (4 << 20))
    await world.look()
    record = await blocked(world, games(NAME, "node-0"), copy, node)
    assert "too large" in record.reason and "free some space" in record.reason
    assert [path for path in folder.rglob("*") if path.is_file()] == []


async def test_a_cold_storage_that_cannot_be_written_blocks_until_it_can(world: ArchiveWorld, folder: Path) -> None:
    old = await an_old_one(world)
    folder.chmod(0o555)
    try:
        record = await blocked(world, *old)
        assert "ermission denied" in record.reason
    finally:
        folder.chmod(0o755)
    again = await world.archive(games(NAME, "node-2"), "node-2")
    assert (again.state, again.original) == (ArchiveState.VERIFIED, Original.DELETED)
    (before,) = await world.parts.records.of_ids((record.id,))
    assert (before.state, before.reason) == (ArchiveState.CANCELLED, "a later one was made")


async def test_a_cold_storage_that_is_not_there_blocks(world: ArchiveWorld, folder: Path) -> None:
    old = await an_old_one(world)
    folder.rmdir()
    record = await blocked(world, *old)
    assert "is not there" in record.reason
    assert not folder.exists()
