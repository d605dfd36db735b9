"""Snapshots are not flushed: where the system fails to store one, nothing that was read of it may be believed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.errors import ErrorClass, SyncdeckError
from engine.execution.snapshots import SnapshotShare
from engine.remote.agent.durable import begin_sync
from engine.remote.session import AgentSession
from tests.remote.test_agent_files import SNAPSHOT

MIB = 1 << 20
BELIEVED_BYTES = 400 * MIB
REAL_BYTES = 32 * MIB
DATABASE_BYTES = 64 * MIB


@pytest.fixture
def lying_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A file system that takes more than its medium holds: writing succeeds, storing fails later. None where this user
    may not make one."""
    medium, disk = tmp_path / "medium", tmp_path / "disk"
    medium.mkdir()
    disk.mkdir()
    with ExitStack() as undo:
        yield disk if _made(undo, medium, disk) else None


def _made(undo: ExitStack, medium: Path, disk: Path) -> bool:
    def run(*command: str) -> str | None:
        if shutil.which(command[0]) is None:
            return None
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    def mount(what: str, where: Path, *options: str) -> bool:
        mounted = run("mount", *options, what, str(where)) is not None
        if mounted:
            undo.callback(subprocess.run, ["umount", str(where)], check=True)
        return mounted

    image = medium / "image"
    if not mount("none", medium, "-t", "tmpfs", "-o", f"size={REAL_BYTES}"):
        return False
    with image.open("wb") as file:
        file.truncate(BELIEVED_BYTES)
    made = run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", str(image)) is not None
    device = run("losetup", "-f", "--show", str(image)) if made else None
    if device is None:
        return False
    undo.callback(subprocess.run, ["losetup", "-d", device], check=True)
    return mount(device, disk)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "games.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE games (game_id TEXT, moves BLOB)")
    connection.execute("INSERT INTO games VALUES ('one', randomblob(?))", (DATABASE_BYTES,))
    connection.commit()
    connection.close()
    return path


def _let_the_system_store(path: Path) -> None:
    """What it does by itself after a while, or when memory gets short."""
    with path.open("rb") as file:
        begin_sync(file.fileno())


async def test_a_snapshot_that_the_system_failed_to_store_is_told(
    agent: AgentSession, lying_disk: Path | None, database: Path
) -> None:
    if lying_disk is None:  # What can be seen of it without one: what the system answers with an error is told.
        with pytest.raises(SyncdeckError, match="Illegal seek"):
            await agent.ensure_stored(os.devnull)
        return
    snapshot = lying_disk / SNAPSHOT
    await agent.snapshot(str(database), str(snapshot))
    await agent.ensure_stored(str(snapshot))  # All of it is in memory, and right.
    _let_the_system_store(snapshot)
    with pytest.raises(SyncdeckError) as failure:
        await agent.ensure_stored(str(snapshot))
    assert failure.value.error_class is ErrorClass.NO_SPACE and SNAPSHOT in failure.value.cause


async def test_every_user_of_a_shared_snapshot_is_told(
    agent: AgentSession, lying_disk: Path | None, tmp_path: Path, database: Path
) -> None:
    share, snapshot = SnapshotShare(), (lying_disk or tmp_path) / SNAPSHOT
    stat = await agent.stat(str(database))
    assert stat is not None
    first = share.use(agent, "a", str(database), stat, str(snapshot))
    second = share.use(agent, "a", str(database), stat, "another name, not needed")
    await first.__aenter__()
    await second.__aenter__()
    if lying_disk is not None:
        _let_the_system_store(snapshot)
    else:
        snapshot.unlink()  # Nor can what is gone be vouched for.
    for user in (first, second):
        with pytest.raises(SyncdeckError):
            await user.__aexit__(None, None, None)
    assert not snapshot.exists() and not share.paths()


async def test_a_snapshot_that_is_whole_in_memory_is_believed(
    agent: AgentSession, tmp_path: Path, database: Path
) -> None:
    snapshot = tmp_path / SNAPSHOT
    await agent.snapshot(str(database), str(snapshot))
    _let_the_system_store(snapshot)
    await agent.ensure_stored(str(snapshot))
