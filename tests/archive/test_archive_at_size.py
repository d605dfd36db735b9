"""A database of a gibibyte: archived, deleted by proof, restored, damaged, killed over. ``-s`` shows the figures."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from config.archive_settings import ArchiveSettings
from engine.archive.values import ArchiveError, ArchiveState, Original
from engine.model import TransferState
from tests.archive.test_archive_trouble import flip
from tests.archive.test_killed_archiving import start
from tests.archive.test_killed_restoring import finish
from tests.archive.world import ArchiveWorld, games
from tests.execution.data import read_copy
from tests.fleet import Fleet

GIB = 1 << 30
KILLED_BYTES = 96 << 20
KEY = games("large.db", "node-2")
MOVES = [os.urandom(96).hex() for _ in range(2_000)]

pytestmark = [pytest.mark.storm, pytest.mark.timeout(3500)]


def make_large(path: Path, size_bytes: int) -> int:
    """Write a database whose games repeat openings, as played ones do; return the number of games."""
    chance = random.Random(3)
    rows = size_bytes // 820
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE games (game_id INTEGER PRIMARY KEY, moves TEXT)")
        lines = ("".join(chance.choices(MOVES, k=3)) + chance.randbytes(110).hex() for _ in range(rows))
        connection.executemany("INSERT INTO games (moves) VALUES (?)", ((line,) for line in lines))
        connection.commit()
    return rows


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def test_a_gibibyte_goes_and_comes_back_as_the_same_snapshot(world: ArchiveWorld) -> None:
    original = world.fleet["node-2"].games / KEY.path
    rows = await asyncio.to_thread(make_large, original, GIB)
    size = original.stat().st_size
    assert size >= GIB * 0.97
    await world.look()
    began = time.monotonic()
    record = await world.archive(KEY, "node-2")
    took = time.monotonic() - began
    assert (record.state, record.original, original.exists()) == (ArchiveState.VERIFIED, Original.DELETED, False)
    ratio = record.archive_bytes / record.size_bytes
    print(f"\narchived {size / GIB:.2f} GiB in {took:.1f} s ({size / took / 1e6:.0f} MB/s), to {ratio:.2f} of its size")
    began = time.monotonic()
    (number,) = await world.parts.restoring.queue([record], None)
    assert (await world.world.carry_out(number)).state is TransferState.DONE
    took = time.monotonic() - began
    print(f"restored in {took:.1f} s ({size / took / 1e6:.0f} MB/s)")
    assert await asyncio.to_thread(sha256_of, original) == record.sha256
    assert await asyncio.to_thread(read_copy, original) == ("ok", rows)
    assert world.leftovers() == []

    before = Path(record.path).stat()
    flip(Path(record.path))
    os.utime(record.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    world.world.limit(archive=ArchiveSettings(location="node-1", fresh_verification_seconds=0.0))
    again = await world.parts.records.get(record.id)
    assert again is not None
    with pytest.raises(ArchiveError, match="does not hold it"):
        await world.parts.deleter.replace(again, "test")
    assert await asyncio.to_thread(sha256_of, original) == record.sha256
    found = await world.parts.records.get(record.id)
    assert found is not None and found.state is ArchiveState.FAILED
    assert (await world.world.entry(KEY)).locations == {"node-2"}


@pytest.mark.parametrize("restoring", [False, True], ids=["archiving", "restoring"])
async def test_twenty_kills_at_random_moments_lose_nothing_and_leave_nothing(
    fleet: Fleet, tmp_path: Path, restoring: bool
) -> None:
    original, state = fleet["node-2"].games / KEY.path, tmp_path / "state.db"
    rows = await asyncio.to_thread(make_large, original, KILLED_BYTES)
    if restoring:
        await finish(await start(fleet, state, 1, keys=[str(KEY)]))
        assert not original.exists()
    began = time.monotonic()
    longest, chance, killed = 20.0, random.Random(), 0
    for number in range(2, 22):
        process = await start(fleet, state, number, keys=[str(KEY)], restore=restoring)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(chance.uniform(0.0, longest / 5)):
                await process.stdout.readline()
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            killed += 1
        await process.wait()
        packed = list((fleet["node-1"].root / "archives").rglob("large.db.*.zst"))
        assert original.exists() or packed
    (known,) = await finish(await start(fleet, state, 22, keys=[str(KEY)], restore=restoring))
    took = time.monotonic() - began
    print(f"\n{killed} kills while {'restoring' if restoring else 'archiving'} {KILLED_BYTES >> 20} MiB: {took:.0f} s")
    assert known[1:3] == ["verified", "kept" if restoring else "deleted"]
    assert original.exists() is restoring
    if restoring:
        assert await asyncio.to_thread(read_copy, original) == ("ok", rows)
    assert [path for node in fleet.nodes for path in node.root.rglob(".*syncdeck-*")] == []
