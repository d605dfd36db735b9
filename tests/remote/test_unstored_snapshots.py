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
def lying_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that takes more than its medium holds: writing succeeds, storing fails later."""
    if os.geteuid() != 0 or shutil.which("losetup") is None or shutil.which("mkfs.ext4") is None:
        pytest.skip("needs a loop device")
    medium, disk = tmp_path / "medium", tmp_path / "disk"
    medium.mkdir()
    disk.mkdir()
    with ExitStack() as undo:

        def run(*command: str) -> str:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"{command[0]}: {done.stderr.strip()}")
            return done.stdout.strip()

        def mount(what: str, where: Path, *options: str) -> None:
            run("mount", *options, what, str(where))
            undo.callback(subprocess.run, ["umount", str(where)], check=True)

        mount("none", medium, "-t", "tmpfs", "-o", f"size={REAL_BYTES}")
        image = medium / "image"
        with image.open("wb") as file:
            file.truncate(BELIEVED_BYTES)
        run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", str(image))
        device = run("losetup", "-f", "--show", str(image))
        undo.callback(subprocess.run, ["losetup", "-d", device], check=True)
        mount(device, disk)
        yield disk


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
    agent: AgentSession, lying_disk: Path, database: Path
) -> None:
    snapshot = lying_disk / SNAPSHOT
    await agent.snapshot(str(database), str(snapshot))
    await agent.ensure_stored(str(snapshot))  # All of it is in memory, and right.
    _let_the_system_store(snapshot)
    with pytest.raises(SyncdeckError) as failure:
        await agent.ensure_stored(str(snapshot))
    assert failure.value.error_class is ErrorClass.NO_SPACE and SNAPSHOT in failure.value.cause


async def test_every_user_of_a_shared_snapshot_is_told(agent: AgentSession, lying_disk: Path, database: Path) -> None:
    share, snapshot = SnapshotShare(), lying_disk / SNAPSHOT
    stat = await agent.stat(str(database))
    assert stat is not None
    first = share.use(agent, "a", str(database), stat, str(snapshot))
    second = share.use(agent, "a", str(database), stat, "another name, not needed")
    await first.__aenter__()
    await second.__aenter__()
    _let_the_system_store(snapshot)
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
