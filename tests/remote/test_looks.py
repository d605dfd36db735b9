"""A look for changes meets every file, tells only news, and builds on no look that the engine did not take whole."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from engine.remote.session import AgentSession
from engine.remote.types import ScanRoot
from tests.remote.test_scan import root_of, touch


async def scanned(agent: AgentSession, *roots: ScanRoot) -> int:
    """Scan and return the look's number."""
    numbers = [batch.look async for batch in agent.scan(roots) if batch.look is not None]
    assert len(numbers) == 1 and numbers[0] is not None
    return numbers[0]


async def changed(agent: AgentSession, taken: int, *roots: ScanRoot) -> tuple[set[str], int | None]:
    """Return the paths that are told since a look, and the number of the new look."""
    paths: set[str] = set()
    look = None
    async for batch in agent.changes(roots, taken):
        paths |= {file.path for file in batch.files}
        look = batch.look
    return paths, look


async def test_what_is_new_or_changed_is_told_and_nothing_else(agent: AgentSession, tmp_path: Path) -> None:
    for number in range(300):
        touch(tmp_path / "data" / "games" / f"{number}.db")
    look = await scanned(agent, root_of(tmp_path))
    assert await changed(agent, look, root_of(tmp_path)) == (set(), look + 1)
    touch(tmp_path / "data" / "games" / "new.db")
    (tmp_path / "data" / "games" / "7.db").write_text("longer than before")
    paths, after = await changed(agent, look + 1, root_of(tmp_path))
    assert {"data/games/new.db", "data/games/7.db"} <= paths and len(paths) < 10
    assert after is not None and await changed(agent, after, root_of(tmp_path)) == (set(), after + 1)


async def test_a_file_rewritten_with_its_old_time_and_size_is_told(agent: AgentSession, tmp_path: Path) -> None:
    path = tmp_path / "models" / "a.pth"
    touch(path, "old")
    look = await scanned(agent, root_of(tmp_path))
    stat = path.stat()
    other = tmp_path / "models" / "b.tmp"
    other.write_text("new")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert (await changed(agent, look, root_of(tmp_path)))[0] == {"models/a.pth"}


async def test_a_database_that_only_grew_its_log_is_told(agent: AgentSession, tmp_path: Path) -> None:
    touch(tmp_path / "data" / "a.db", "x")
    look = await scanned(agent, root_of(tmp_path))
    (tmp_path / "data" / "a.db-wal").write_text("frames")
    assert (await changed(agent, look, root_of(tmp_path)))[0] == {"data/a.db"}


async def test_what_was_told_but_not_taken_is_told_again(agent: AgentSession, tmp_path: Path) -> None:
    touch(tmp_path / "data" / "a.db")
    look = await scanned(agent, root_of(tmp_path))
    touch(tmp_path / "data" / "b.db")
    for _ in range(3):
        assert (await changed(agent, look, root_of(tmp_path)))[0] == {"data/b.db"}


async def test_nothing_is_built_on_an_unknown_look_or_on_one_at_other_folders(
    agent: AgentSession, tmp_path: Path
) -> None:
    touch(tmp_path / "data" / "a.db")
    look = await scanned(agent, root_of(tmp_path))
    assert await changed(agent, look + 5, root_of(tmp_path)) == (set(), None)
    assert await changed(agent, look, root_of(tmp_path, "models")) == (set(), None)
    assert await changed(agent, look, root_of(tmp_path), root_of(tmp_path / "data")) == (set(), None)
    assert await changed(agent, look, root_of(tmp_path)) == (set(), look + 1)


async def test_a_root_that_was_away_is_told_when_it_is_back(agent: AgentSession, tmp_path: Path) -> None:
    root = tmp_path / "node"
    touch(root / "data" / "a.db")
    look = await scanned(agent, root_of(root))
    root.rename(tmp_path / "aside")
    paths, away = await changed(agent, look, root_of(root))
    assert paths == set() and away is not None
    (tmp_path / "aside").rename(root)
    assert (await changed(agent, away, root_of(root)))[0] == {"data/a.db"}


async def test_looks_at_many_files_need_no_more_memory(agent: AgentSession, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(20_000):
        (folder / f"{number:05}.npz").touch()
    process = psutil.Process(agent._child.pid)
    look: int | None = await scanned(agent, root_of(tmp_path))
    before = process.memory_info().rss
    for number in range(3):
        (folder / f"{number:05}.npz").write_text("x")
        assert look is not None
        paths, look = await changed(agent, look, root_of(tmp_path))
        assert f"data/{number:05}.npz" in paths and len(paths) < 20
    assert process.memory_info().rss - before < 8 << 20
