"""Hashing, snapshots and checks by the agent, on real files and a database that is being written."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import zipfile
from pathlib import Path

import psutil
import pytest

from engine.errors import ErrorClass, SyncdeckError
from engine.model import FileKind
from engine.remote.session import AgentSession
from tests.fleet_sshd import wait_for_the_end_of
from tests.remote.games import live_writer, make_games, read_copy

SNAPSHOT = ".games.db.syncdeck-01234567-89abcdef-12-0123456789ab.snap"


async def test_a_hash_is_the_files_own_and_is_remembered(agent: AgentSession, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"content")
    os.utime(path, (1, 1))
    for background in (False, True, False):
        content = await agent.hash(str(path), FileKind.ZIP, background)
        assert content.sha256 == hashlib.sha256(b"content").hexdigest()
        assert content.stat.size_bytes == content.size_bytes == 7


async def test_a_changed_file_is_hashed_again_even_when_its_times_are_put_back(
    agent: AgentSession, tmp_path: Path
) -> None:
    path = tmp_path / "a.npz"
    for text in (b"one", b"two"):
        path.write_bytes(text)
        os.utime(path, (1, 1))
        assert (await agent.hash(str(path), FileKind.ZIP)).sha256 == hashlib.sha256(text).hexdigest()


async def test_two_backups_of_one_content_share_a_fingerprint_but_not_a_hash(
    agent: AgentSession, tmp_path: Path
) -> None:
    path = make_games(tmp_path / "games.db", wal=False)
    other = tmp_path / "other.db"
    changed = bytearray(path.read_bytes())
    changed[24:28] = b"\x00\x00\x01\x00"
    other.write_bytes(changed)
    one, two = [await agent.hash(str(p), FileKind.SQLITE) for p in (path, other)]
    assert one.sha256 != two.sha256 and one.fingerprint == two.fingerprint


async def test_snapshots_of_a_live_database_hold_every_row_committed_before(
    agent: AgentSession, tmp_path: Path
) -> None:
    path = make_games(tmp_path / "games.db", rows=20_000)
    target = tmp_path / SNAPSHOT
    with live_writer(path) as writer:
        for _ in range(5):
            committed = await asyncio.to_thread(writer.committed)
            snapshot = await agent.snapshot(str(path), str(target))
            check, live = read_copy(target)
            assert check == "ok" and live >= committed
            assert snapshot.games_count == 20_000 + live
            assert snapshot.size_bytes == target.stat().st_size
            assert target.read_bytes()[18:20] == b"\x01\x01"
            assert sorted(p.name for p in tmp_path.glob(".games*")) == [SNAPSHOT]


async def test_a_snapshot_of_a_rollback_database_and_of_one_with_a_hot_journal_is_sound(
    agent: AgentSession, tmp_path: Path
) -> None:
    path = make_games(tmp_path / "games.db", wal=False)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size=1")
    connection.execute("BEGIN")
    connection.execute("UPDATE games SET board_type = board_type || 'changed'")
    (tmp_path / "hot").mkdir()
    for name in ("games.db", "games.db-journal"):  # what a crash would leave
        (tmp_path / "hot" / name).write_bytes((tmp_path / name).read_bytes())
    connection.execute("ROLLBACK")
    connection.close()
    for folder in (tmp_path, tmp_path / "hot"):
        await agent.snapshot(str(folder / "games.db"), str(folder / SNAPSHOT))
        assert read_copy(folder / SNAPSHOT)[0] == "ok"
        copy = sqlite3.connect(f"file:{folder / SNAPSHOT}?immutable=1", uri=True)
        assert copy.execute("SELECT count(*) FROM games WHERE board_type LIKE '%changed'").fetchone() == (0,)
        copy.close()


@pytest.mark.parametrize("waiting", [b"", None])
async def test_reading_a_quiet_database_in_wal_mode_leaves_nothing_beside_it(
    agent: AgentSession, tmp_path: Path, waiting: bytes | None
) -> None:
    path = make_games(tmp_path / "games.db")
    if waiting is not None:
        Path(f"{path}-wal").write_bytes(waiting)
    before = path.stat()
    await agent.snapshot(str(path), str(tmp_path / SNAPSHOT))
    await agent.game_ids(str(path), _nothing, 1e9)
    assert sorted(found.name for found in tmp_path.iterdir()) == [SNAPSHOT, "games.db"]
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


async def test_reading_a_database_whose_writer_died_does_its_owners_work_not(
    agent: AgentSession, tmp_path: Path
) -> None:
    """What waits in its -wal is read, and stays there."""
    path = make_games(tmp_path / "games.db", rows=10)
    with live_writer(path) as writer:
        committed = await asyncio.to_thread(writer.committed)
    before = path.read_bytes()
    await agent.snapshot(str(path), str(tmp_path / SNAPSHOT))
    assert read_copy(tmp_path / SNAPSHOT)[1] >= committed
    assert path.read_bytes() == before and Path(f"{path}-wal").stat().st_size


async def _nothing(block: bytes) -> None:
    assert block


async def test_a_database_without_games_has_no_games_count(agent: AgentSession, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    assert (await agent.snapshot(str(tmp_path / "a.db"), str(tmp_path / SNAPSHOT))).games_count is None


async def test_a_file_that_is_no_database_is_a_bad_source(agent: AgentSession, tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(SyncdeckError) as failure:
        await agent.snapshot(str(tmp_path / "a.db"), str(tmp_path / SNAPSHOT))
    assert failure.value.error_class is ErrorClass.CHECKSUM_MISMATCH
    assert not (tmp_path / SNAPSHOT).exists()


async def test_a_snapshot_never_lands_on_a_name_that_is_not_ours(agent: AgentSession, tmp_path: Path) -> None:
    path = make_games(tmp_path / "games.db")
    with pytest.raises(SyncdeckError):
        await agent.snapshot(str(path), str(tmp_path / "precious.db"))
    assert not (tmp_path / "precious.db").exists()


async def test_an_agent_killed_in_a_snapshot_leaves_no_process_and_an_unharmed_database(
    agent: AgentSession, tmp_path: Path
) -> None:
    path = make_games(tmp_path / "games.db", rows=200_000)
    running = asyncio.create_task(agent.snapshot(str(path), str(tmp_path / SNAPSHOT)))
    parent = psutil.Process(agent._child.pid)
    # There is no event for another process's child.
    while not (helpers := parent.children(recursive=True)) and not running.done():  # noqa: ASYNC110
        await asyncio.sleep(0)
    parent.kill()
    with pytest.raises(SyncdeckError):
        await running
    wait_for_the_end_of(helpers)
    assert read_copy(path)[0] == "ok"


async def test_sound_files_pass_and_damaged_ones_say_what_is_wrong(agent: AgentSession, tmp_path: Path) -> None:
    database = make_games(tmp_path / "good.db", wal=False)
    with zipfile.ZipFile(tmp_path / "good.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("features.npy", os.urandom(3_000_000))
    (tmp_path / "legacy.pth").write_bytes(b"\x80\x02}q\x00." * 100)
    (tmp_path / "plain.jsonl").write_text("{}\n")
    good = [
        ("good.db", FileKind.SQLITE),
        ("good.npz", FileKind.ZIP),
        ("legacy.pth", FileKind.ZIP),
        ("plain.jsonl", FileKind.PLAIN),
    ]
    for name, kind in good:
        assert await agent.check(str(tmp_path / name), kind) == await agent.check(str(tmp_path / name), kind)
        assert (await agent.check(str(tmp_path / name), kind)).ok, name
    archive_bytes = (tmp_path / "good.npz").read_bytes()
    flipped = bytearray(archive_bytes)
    flipped[1_000_000] ^= 1
    torn = bytearray(database.read_bytes())
    torn[4096:8192] = os.urandom(4096)
    bad = {
        "torn.db": bytes(torn),
        "short.db": database.read_bytes()[: 5 * 4096 + 100],
        "text.db": b"hello" * 100,
        "empty.db": b"",
        "flipped.npz": bytes(flipped),
        "short.npz": archive_bytes[:2_000_000],
        "text.npz": b"hello" * 100,
        "zeros.pth": bytes(1000),
        "short.pth": archive_bytes[:2_000_000],
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        kind = FileKind.SQLITE if name.endswith(".db") else FileKind.ZIP
        result = await agent.check(str(tmp_path / name), kind)
        assert not result.ok and result.detail, name
    assert not list(tmp_path.glob("*-wal")) and not list(tmp_path.glob("*-shm"))


async def test_processes_are_found_by_name_and_never_include_our_own(agent: AgentSession, tmp_path: Path) -> None:
    # What it waits for is built into the shell: a forked child bears its parent's command line for a moment.
    script = "read line; : unified_data_sync_under_test"
    daemon = await asyncio.create_subprocess_exec("sh", "-c", script, stdin=asyncio.subprocess.PIPE)
    try:
        found = await agent.processes(["unified_data_sync_under_test"])
        assert [pid for pid, _ in found] == [daemon.pid]
        assert agent._child.pid not in [pid for pid, _ in await agent.processes(["syncdeck-agent"])]
    finally:
        daemon.kill()
        await daemon.wait()
