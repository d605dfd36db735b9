"""Live databases read in place: every copy is one version, whatever their writers do meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ErrorClass, SyncdeckError
from engine.model import FileKind
from engine.remote.stream import run_stream
from engine.remote.types import Endpoint, SshOptions, StreamJob, StreamOutcome
from tests.fleet import openssh_fleet
from tests.remote.live_ledger import committed, ensure_consistent, make_ledger, writers

LOCAL = Endpoint("own", local=True)
TEMP = ".live.db.syncdeck-01234567-89abcdef-1-0123456789ab.part"


def live_job(database: Path, folder: Path, **changes: object) -> StreamJob:
    wal = Path(f"{database}-wal")
    job = StreamJob(
        source_path=str(database),
        temp_path=str(folder / TEMP),
        size_bytes=database.stat().st_size + (wal.stat().st_size if wal.exists() else 0),
        content_id="0123456789ab",
        kind=FileKind.SQLITE,
        live=True,
        stall_timeout_seconds=60.0,
    )
    return replace(job, **changes)  # type: ignore[arg-type]


async def send(database: Path, folder: Path, **changes: object) -> StreamOutcome:
    options = SshOptions(control_dir=folder)
    return await run_stream(LOCAL, LOCAL, live_job(database, folder, **changes), options, lambda done, wire: None)


async def send_and_check(database: Path, folder: Path, runs: int, page_bytes: int | None = None) -> None:
    for _ in range(runs):
        before = committed(database)
        outcome = await send(database, folder)
        copy = folder / TEMP
        assert outcome.sha256 == hashlib.sha256(copy.read_bytes()).hexdigest()
        assert outcome.size_bytes == copy.stat().st_size
        ensure_consistent(copy, before, page_bytes)


@pytest.mark.parametrize(("autocheckpoint", "seed"), [(1000, 1), (50, 2)])
async def test_copies_under_two_unthrottled_writers_are_consistent(
    tmp_path: Path, autocheckpoint: int, seed: int
) -> None:
    database = make_ledger(tmp_path / "live.db")
    with writers(database, seed, autocheckpoint):
        await send_and_check(database, tmp_path, 10)


@pytest.mark.storm
@pytest.mark.parametrize(("autocheckpoint", "seed"), [(1000, 3), (50, 4)])
async def test_five_hundred_copies_under_two_unthrottled_writers_are_consistent(
    tmp_path: Path, autocheckpoint: int, seed: int
) -> None:
    database = make_ledger(tmp_path / "live.db")
    for round_number in range(50):  # The writers begin anew, or reading would slow down with what they wrote.
        with writers(database, seed + 2 * round_number, autocheckpoint):
            await send_and_check(database, tmp_path, 10)
        for name in ("live.db", "live.db-wal", "live.db-shm", TEMP):
            (tmp_path / name).unlink(missing_ok=True)
        make_ledger(database)


@pytest.mark.parametrize("page_bytes", [512, 1024, 65536])
async def test_any_page_size_is_read(tmp_path: Path, page_bytes: int) -> None:
    database = make_ledger(tmp_path / "live.db", page_bytes)
    with writers(database, page_bytes, autocheckpoint=200):
        await send_and_check(database, tmp_path, 2, page_bytes)


async def test_a_writer_killed_in_the_middle_leaves_what_it_committed(tmp_path: Path) -> None:
    database = make_ledger(tmp_path / "live.db")
    with writers(database, 7, autocheckpoint=100_000) as running:
        for process in running:
            process.kill()
            process.wait()
        assert Path(f"{database}-wal").stat().st_size > 0
        await send_and_check(database, tmp_path, 2)


async def test_a_writer_killed_while_it_is_read_spoils_nothing(tmp_path: Path) -> None:
    database = make_ledger(tmp_path / "live.db", moves_bytes=2000)
    with writers(database, 8) as running:
        before = committed(database)

        def kill(done: int, wire: int) -> None:
            running[0].kill()

        job = live_job(database, tmp_path, bytes_per_second=20 << 20, compress=False)
        await run_stream(LOCAL, LOCAL, job, SshOptions(control_dir=tmp_path), kill)
        assert running[0].wait() == -9
    ensure_consistent(tmp_path / TEMP, before)


async def test_a_quiet_database_is_read_and_twice_the_same(tmp_path: Path) -> None:
    database = make_ledger(tmp_path / "live.db")
    connection = sqlite3.connect(database)
    try:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        first, second = await send(database, tmp_path), await send(database, tmp_path)
        assert first.sha256 == second.sha256 and first.games_count == 1
        ensure_consistent(tmp_path / TEMP, 1)
    finally:
        connection.close()


async def test_frames_that_are_copied_back_already_are_read_from_the_main_file(tmp_path: Path) -> None:
    database = make_ledger(tmp_path / "live.db")
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("UPDATE accounts SET filler = 'short'")
        assert connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[0] == 0
        await send(database, tmp_path)
        ensure_consistent(tmp_path / TEMP, 1)
        connection.execute("INSERT INTO games (moves) VALUES ('after the -wal was begun anew')")
        await send(database, tmp_path)
        ensure_consistent(tmp_path / TEMP, 2)
    finally:
        connection.close()


async def test_a_database_that_shrank_and_one_with_pages_never_written_are_whole(tmp_path: Path) -> None:
    database = make_ledger(tmp_path / "live.db")
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("CREATE TABLE big (content BLOB)")
        connection.execute("INSERT INTO big VALUES (zeroblob(3000000))")
        connection.execute("DELETE FROM big")
        await send(database, tmp_path)
        ensure_consistent(tmp_path / TEMP, 1)
        connection.execute("VACUUM")
        await send(database, tmp_path)
        ensure_consistent(tmp_path / TEMP, 1)
        assert (tmp_path / TEMP).stat().st_size < 3_500_000
    finally:
        connection.close()


@pytest.mark.parametrize("journal_mode", ["delete", "truncate", "persist"])
async def test_a_database_in_rollback_mode_is_held_still(tmp_path: Path, journal_mode: str) -> None:
    database = make_ledger(tmp_path / "live.db", journal_mode=journal_mode)
    with writers(database, 9, count=1):
        await send_and_check(database, tmp_path, 1)


HOT = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=5")
connection.execute("BEGIN")
connection.execute("UPDATE accounts SET amount = amount + 1, filler = 'torn'")
os._exit(0)
"""


async def test_a_hot_journal_is_refused_with_its_remedy(tmp_path: Path) -> None:
    database = make_ledger(tmp_path / "live.db", journal_mode="delete")
    subprocess.run([sys.executable, "-I", "-c", HOT, str(database)], check=True)  # noqa: ASYNC221
    assert Path(f"{database}-journal").stat().st_size > 0
    with pytest.raises(SyncdeckError) as caught:
        await send(database, tmp_path)
    assert caught.value.error_class is ErrorClass.CONFIG
    assert "hot journal" in caught.value.cause and "free room for a snapshot" in caught.value.remedy
    assert Path(f"{database}-journal").exists()


async def test_a_damaged_frame_is_never_sent(tmp_path: Path) -> None:
    database = make_ledger(tmp_path / "live.db")
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("UPDATE accounts SET filler = 'x'")
        wal = Path(f"{database}-wal")
        damaged = bytearray(wal.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        fd = os.open(wal, os.O_WRONLY)
        os.pwrite(fd, damaged, 0)
        os.close(fd)
        with pytest.raises(SyncdeckError, match="checksum") as caught:
            await send(database, tmp_path)
        assert caught.value.error_class is ErrorClass.SOURCE_CHANGED
        assert not (tmp_path / TEMP).stat().st_size
    finally:
        connection.close()


async def test_reading_that_takes_too_long_is_given_up_and_said_why(tmp_path: Path) -> None:
    database = make_ledger(tmp_path / "live.db", moves_bytes=3000)
    with writers(database, 10), pytest.raises(SyncdeckError) as caught:
        await send(database, tmp_path, live_seconds=0.5, bytes_per_second=2 << 20, compress=False)
    assert caught.value.error_class is ErrorClass.NO_SPACE
    assert "no room for a snapshot" in caught.value.cause and "free room" in caught.value.remedy


async def test_a_break_starts_over_and_never_mixes_two_versions(tmp_path: Path) -> None:
    database = make_ledger(tmp_path / "live.db")
    (tmp_path / TEMP).write_bytes(b"of an earlier version" * 100_000)
    outcome = await send(database, tmp_path)
    assert outcome.resumed_bytes == 0
    ensure_consistent(tmp_path / TEMP, 1)


@pytest.mark.parametrize("encoding", ["binary", "base64"])
async def test_between_two_nodes_it_is_compressed_and_counted(tmp_path: Path, encoding: str) -> None:
    database = make_ledger(tmp_path / "live.db")
    connection = sqlite3.connect(database, isolation_level=None)
    with contextlib.closing(connection), openssh_fleet(tmp_path, 2) as fleet:
        connection.execute("INSERT INTO games (moves) VALUES ('second')")
        ends = fleet[0].endpoint, fleet[1].endpoint
        job = live_job(database, tmp_path, encoding=encoding)
        outcome = await run_stream(*ends, job, fleet.options(), lambda done, wire: None)
    assert outcome.compressed and outcome.games_count == 2
    assert outcome.bytes_on_wire < outcome.size_bytes
    ensure_consistent(tmp_path / TEMP, 2)


@pytest.fixture(autouse=True)
def no_copy_is_left_beside_the_source(tmp_path: Path) -> Iterator[None]:
    yield
    assert not list(tmp_path.glob("*.snap"))
