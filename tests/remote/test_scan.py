"""A scan reports data files and nothing else, keeps to its root, and says what it could not see."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import psutil

from engine.model import FileKind, LocationState
from engine.remote.session import AgentSession
from engine.remote.types import RootStatus, ScannedFile, ScanRoot
from tests.remote.games import live_writer, make_games

TEMPORARY = ".a.db.syncdeck-01234567-89abcdef-12-0123456789ab.part"


def root_of(path: Path, *folders: str, mounted: bool = False) -> ScanRoot:
    return ScanRoot("node", str(path), folders or ("data", "models"), mounted)


async def scan(agent: AgentSession, *roots: ScanRoot) -> tuple[dict[str, ScannedFile], list[str], list[RootStatus]]:
    files: dict[str, ScannedFile] = {}
    temporaries: list[str] = []
    statuses: list[RootStatus] = []
    async for batch in agent.scan(roots):
        assert len(batch.files) <= 1000
        files.update({file.path: file for file in batch.files})
        temporaries += [one.path for one in batch.temporaries]
        statuses += batch.roots
    return files, temporaries, statuses


def touch(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


async def test_only_data_is_reported_with_its_kind(agent: AgentSession, tmp_path: Path) -> None:
    wanted = {
        "data/games/a.db": FileKind.SQLITE,
        "data/games/deep/er/b.jsonl": FileKind.PLAIN,
        "data/training/c.npz": FileKind.ZIP,
        "models/d.pth": FileKind.ZIP,
        "models/checkpoint_hex8_2p_epoch3.bin": FileKind.PLAIN,
    }
    unwanted = [
        "data/logs/a.db",
        "data/venv/a.pth",
        "data/.git/a.db",
        "data/games/__pycache__/a.db",
        "data/games/.hidden.db",
        "data/games/a.db-wal",
        "data/games/a.db.writing",
        "data/training/c.npz.torrent",
        "models/readme.md",
        "elsewhere/a.db",
    ]
    for path in (*wanted, *unwanted):
        touch(tmp_path / "root" / path)
    touch(tmp_path / "root" / "data" / "games" / TEMPORARY)
    files, temporaries, statuses = await scan(agent, root_of(tmp_path / "root"))
    assert {path: file.kind for path, file in files.items()} == wanted
    assert temporaries == [f"data/games/{TEMPORARY}"]
    assert files["data/games/a.db"].writing and not files["models/d.pth"].writing
    assert files["data/games/a.db"].stat.wal_size_bytes == 1
    (status,) = statuses
    assert status.state is LocationState.AVAILABLE and status.total_bytes and not status.unreadable


async def test_a_commit_that_only_the_log_holds_changes_the_stat(agent: AgentSession, tmp_path: Path) -> None:
    path = make_games(tmp_path / "data" / "a.db")
    with live_writer(path) as writer:
        writer.committed()
        before, _, _ = await scan(agent, root_of(tmp_path))
        seen = writer.committed()
        while writer.committed() < seen + 20:
            continue
        after, _, _ = await scan(agent, root_of(tmp_path))
    assert not before["data/a.db"].stat.same_content_as(after["data/a.db"].stat)


async def test_symbolic_links_never_lead_out_or_double_a_file(agent: AgentSession, tmp_path: Path) -> None:
    touch(tmp_path / "outside" / "secret.db")
    touch(tmp_path / "root" / "data" / "a.db")
    (tmp_path / "root" / "data" / "link.db").symlink_to(tmp_path / "root" / "data" / "a.db")
    (tmp_path / "root" / "data" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "data" / "loop").symlink_to(tmp_path / "root" / "data")
    (tmp_path / "root" / "models").symlink_to(tmp_path / "outside")
    files, _, (status,) = await scan(agent, root_of(tmp_path / "root"))
    assert set(files) == {"data/a.db"}
    assert set(status.unreadable) == {"models", "data/out"}


async def test_overlapping_folders_report_a_file_once(agent: AgentSession, tmp_path: Path) -> None:
    touch(tmp_path / "data" / "games" / "a.db")
    seen = []
    async for batch in agent.scan([root_of(tmp_path, "data", "data/games", "")]):
        seen += [file.path for file in batch.files]
    assert seen == ["data/games/a.db"]


async def test_names_come_composed_and_are_found_again_as_the_disk_spells_them(
    agent: AgentSession, tmp_path: Path
) -> None:
    decomposed = unicodedata.normalize("NFD", "größe.npz")
    touch(tmp_path / "data" / decomposed, "content")
    files, _, _ = await scan(agent, root_of(tmp_path))
    (path,) = files
    assert path == unicodedata.normalize("NFC", f"data/{decomposed}")
    assert (await agent.hash(str(tmp_path / path), FileKind.ZIP)).size_bytes == 7
    assert await agent.stat(str(tmp_path / path)) is not None


async def test_a_name_that_cannot_be_stored_is_reported_not_dropped(agent: AgentSession, tmp_path: Path) -> None:
    touch(tmp_path / "data" / "sub" / "a.db")
    (tmp_path / "data" / "sub" / os.fsdecode(b"\xff.db")).write_text("x")
    (tmp_path / "data" / "new\nline.db").write_text("x")
    touch(tmp_path / "models" / "in\tside" / "m.pth")
    files, _, (status,) = await scan(agent, root_of(tmp_path))
    assert set(files) == {"data/sub/a.db"}
    assert set(status.unreadable) == {"data/sub/\\udcff.db", "data/new\\x0aline.db", "models/in\\x09side"}


async def test_a_folder_whose_name_cannot_be_stored_is_reported_with_what_it_may_hold(
    agent: AgentSession, tmp_path: Path
) -> None:
    touch(tmp_path / "data" / "two\nlines" / "a.db")
    touch(tmp_path / "data" / "sub" / "no\tdata.txt")
    files, _, (status,) = await scan(agent, root_of(tmp_path))
    assert (set(files), status.unreadable) == (set(), ("data/two\\x0alines",))


async def test_of_two_names_that_differ_only_in_how_they_are_composed_one_is_taken_and_the_other_reported(
    agent: AgentSession, tmp_path: Path
) -> None:
    for folder in ("data/\u00fc.db", "data/u\u0308.db", "data/\u00e9/a.db", "data/e\u0301/b.db", "data/o\u0308.db"):
        touch(tmp_path / folder)
    files, _, (status,) = await scan(agent, root_of(tmp_path))
    assert set(files) == {"data/\u00fc.db", "data/\u00e9/a.db", "data/\u00f6.db"}
    assert len(status.unreadable) == 1, "of each folder one name is told"
    assert status.unreadable[0] in {"data/u\\u0308.db", "data/e\\u0301"}


async def test_a_root_without_data_gives_way_to_its_ai_service_folder(agent: AgentSession, tmp_path: Path) -> None:
    touch(tmp_path / "ringrift" / "ai-service" / "data" / "a.db")
    files, _, (status,) = await scan(agent, root_of(tmp_path / "ringrift"))
    assert set(files) == {"data/a.db"}
    assert status.path == str(tmp_path / "ringrift" / "ai-service")


async def test_missing_is_not_empty_and_not_mounted_is_not_missing(agent: AgentSession, tmp_path: Path) -> None:
    roots = [
        root_of(tmp_path / "absent"),
        root_of(tmp_path / "drive", mounted=True),
        root_of(Path("/mnt/no-such-drive/x")),
        root_of(tmp_path),
    ]
    states = [status.state for status in await agent.usage(roots)]
    assert states == [
        LocationState.MISSING,
        LocationState.NOT_MOUNTED,
        LocationState.NOT_MOUNTED,
        LocationState.AVAILABLE,
    ]


async def test_a_large_folder_is_scanned_without_the_agent_growing(agent: AgentSession, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(20_000):
        (folder / f"{number:05}.npz").touch()
    agent_process = psutil.Process(agent._child.pid)
    before = agent_process.memory_info().rss
    files, _, _ = await scan(agent, root_of(tmp_path))
    assert len(files) == 20_000
    assert agent_process.memory_info().rss - before < 16 << 20


async def test_a_scan_that_nobody_finishes_stops_and_leaves_the_session_usable(
    agent: AgentSession, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    for number in range(6_000):
        (tmp_path / "data" / f"{number}.npz").touch()
    async for batch in agent.scan([root_of(tmp_path)]):
        assert batch.files
        break
    assert await agent.stat(str(tmp_path / "data" / "1.npz")) is not None


def test_a_folder_that_cannot_be_read_is_named() -> None:
    """Run as an ordinary user: root reads everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        touch(folder / "data" / "open.db")
        touch(folder / "data" / "closed" / "a.db").parent.chmod(0)
        ran = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED_SCAN, name],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.stdout.split() == ["data/open.db", "available", "data/closed"], ran.stderr
        (folder / "data" / "closed").chmod(0o755)


UNPRIVILEGED_SCAN = """
import os, sys
from engine.remote.agent.looking import Looks
from engine.remote.wire import DATA_PATTERNS
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
def show(item):
    for file in item.get("files", ()):
        print(file[0])
    if "root_status" in item:
        print(item["root_status"]["state"], *item["root_status"]["unreadable"])
root = {"location": "node", "root": sys.argv[1], "folders": ["data"], "must_be_mounted": False}
Looks().scan([root], DATA_PATTERNS, show)
"""
