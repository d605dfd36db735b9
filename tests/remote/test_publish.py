"""Publishing shows the old file or the new one, overwrites only what was expected, and may be repeated."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ErrorClass, SyncdeckError
from engine.model import FileStat
from engine.remote.session import AgentSession
from engine.remote.types import PublishRequest
from tests.remote.games import make_games

TEMP = ".a.db.syncdeck-01234567-89abcdef-12-0123456789ab.part"
MTIME_NS = 1_700_000_000_123_456_789


def stat_of(path: Path) -> FileStat:
    found = path.stat()
    return FileStat(found.st_size, found.st_mtime_ns, found.st_ino)


def request_for(root: Path, content: bytes = b"new content", final: str = "a.db") -> PublishRequest:
    temp = root / TEMP
    temp.write_bytes(content)
    return PublishRequest(
        temp_path=str(temp),
        final_path=str(root / final),
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        mtime_ns=MTIME_NS,
        temp_stat=stat_of(temp),
        expected=None,
        root=str(root),
    )


async def test_a_new_file_appears_whole_with_its_time_and_mode(agent: AgentSession, tmp_path: Path) -> None:
    request = request_for(tmp_path, final="synced/node-1/deep/a.db")
    result = await agent.publish(request)
    final = Path(request.final_path)
    assert result.outcome == "published"
    assert final.read_bytes() == b"new content" and not Path(request.temp_path).exists()
    assert (final.stat().st_mtime_ns, final.stat().st_mode & 0o777) == (MTIME_NS, 0o644)
    assert result.stat == stat_of(final)


async def test_publishing_twice_is_publishing_once(agent: AgentSession, tmp_path: Path) -> None:
    request = request_for(tmp_path)
    assert (await agent.publish(request)).outcome == "published"
    assert (await agent.publish(request)).outcome == "already"
    request_for(tmp_path)
    assert (await agent.publish(request)).outcome == "already"
    assert not Path(request.temp_path).exists()


async def test_a_publish_that_was_cut_off_after_the_times_were_set_goes_on(agent: AgentSession, tmp_path: Path) -> None:
    request = request_for(tmp_path)
    os.utime(request.temp_path, ns=(MTIME_NS, MTIME_NS))
    assert (await agent.publish(request)).outcome == "published"


async def test_a_publish_that_was_cut_off_between_link_and_unlink_goes_on(agent: AgentSession, tmp_path: Path) -> None:
    request = request_for(tmp_path)
    os.link(request.temp_path, request.final_path)
    assert (await agent.publish(request)).outcome == "already"
    assert not Path(request.temp_path).exists() and Path(request.final_path).read_bytes() == b"new content"


async def test_something_unexpected_at_the_target_is_never_overwritten(agent: AgentSession, tmp_path: Path) -> None:
    request = request_for(tmp_path)
    Path(request.final_path).write_bytes(b"somebody else's")
    for expected in (None, FileStat(3, 3)):
        result = await agent.publish(replace(request, expected=expected))
        assert result.outcome == "conflict"
        assert result.found_sha256 == hashlib.sha256(b"somebody else's").hexdigest()
        assert result.found_size_bytes == len(b"somebody else's")
    assert Path(request.final_path).read_bytes() == b"somebody else's" and Path(request.temp_path).exists()


async def test_what_was_expected_is_replaced_and_its_old_log_goes_with_it(agent: AgentSession, tmp_path: Path) -> None:
    final = make_games(tmp_path / "a.db")
    (tmp_path / "a.db-wal").touch()
    (tmp_path / "a.db-shm").write_bytes(b"old index")
    request = replace(request_for(tmp_path), expected=stat_of(final))
    assert (await agent.publish(request)).outcome == "published"
    assert final.read_bytes() == b"new content"
    assert not (tmp_path / "a.db-wal").exists() and not (tmp_path / "a.db-shm").exists()


async def test_commits_that_only_a_log_holds_are_never_thrown_away(agent: AgentSession, tmp_path: Path) -> None:
    final = make_games(tmp_path / "a.db")
    (tmp_path / "a.db-wal").write_bytes(b"frames")
    log = (tmp_path / "a.db-wal").stat()
    expected = replace(stat_of(final), wal_size_bytes=log.st_size, wal_mtime_ns=log.st_mtime_ns)
    assert (await agent.publish(replace(request_for(tmp_path), expected=expected))).outcome == "conflict"
    assert (tmp_path / "a.db-wal").exists()


async def test_the_log_of_a_database_that_is_gone_never_meets_the_new_one(agent: AgentSession, tmp_path: Path) -> None:
    (tmp_path / "a.db-wal").write_bytes(b"frames of another life")
    assert (await agent.publish(request_for(tmp_path))).outcome == "published"
    assert not (tmp_path / "a.db-wal").exists()


async def test_a_temporary_file_that_is_not_what_was_verified_is_refused(agent: AgentSession, tmp_path: Path) -> None:
    request = request_for(tmp_path)
    Path(request.temp_path).write_bytes(b"bad content")
    for temp_stat in (request.temp_stat, None):
        with pytest.raises(SyncdeckError) as failure:
            await agent.publish(replace(request, temp_stat=temp_stat))
        assert failure.value.error_class is ErrorClass.CHECKSUM_MISMATCH
    assert not Path(request.final_path).exists()


async def test_no_path_leads_out_of_the_root(agent: AgentSession, tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    request = request_for(root)
    bad = [str(outside / "a.db"), str(root / "link" / "a.db"), str(root / "link" / "new" / "a.db")]
    bad += [f"{root}/../outside/a.db", "relative.db", f"{root}/new\nline.db", f"{root}/nul\0.db"]
    for path in bad:
        with pytest.raises(SyncdeckError) as failure:
            await agent.publish(replace(request, final_path=path))
        assert failure.value.error_class is ErrorClass.CONFIG, path
    assert not list(outside.iterdir()) and Path(request.temp_path).exists()


async def test_a_root_that_is_not_there_is_never_created(agent: AgentSession, tmp_path: Path) -> None:
    request = request_for(tmp_path)
    gone = tmp_path / "drive"
    with pytest.raises(SyncdeckError):
        await agent.publish(replace(request, root=str(gone), final_path=str(gone / "a.db")))
    assert not gone.exists()


async def test_only_temporary_files_of_ours_are_discarded(agent: AgentSession, tmp_path: Path) -> None:
    precious = tmp_path / "precious.db"
    precious.touch()
    for name in (TEMP, TEMP.replace(".part", ".snap"), TEMP.replace(".part", ".snap") + "-journal"):
        (tmp_path / name).touch()
    with pytest.raises(SyncdeckError):
        await agent.discard([str(tmp_path / TEMP), str(precious)])
    names = [TEMP, TEMP.replace(".part", ".snap"), TEMP.replace("-12-", "-13-")]
    assert await agent.discard([str(tmp_path / name) for name in names]) == 2
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["precious.db"]


async def test_quarantine_moves_a_file_with_its_log_and_overwrites_nothing(agent: AgentSession, tmp_path: Path) -> None:
    for name in ("a.db", "a.db-wal"):
        (tmp_path / name).write_text(name)
    await agent.quarantine(str(tmp_path / "a.db"), str(tmp_path / ".quarantine" / "a.db"))
    assert sorted(path.name for path in (tmp_path / ".quarantine").iterdir()) == ["a.db", "a.db-wal"]
    (tmp_path / "a.db").write_text("another")
    with pytest.raises(SyncdeckError):
        await agent.quarantine(str(tmp_path / "a.db"), str(tmp_path / ".quarantine" / "a.db"))
    assert (tmp_path / "a.db").read_text() == "another"
    assert (tmp_path / ".quarantine" / "a.db").read_text() == "a.db"
