"""A running engine's archive, asked over its control socket by a client and by the command line."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.api.client import SocketClient
from engine.api.lock import HolderKind, StateLock
from engine.api.paths import socket_path
from engine.api.served import ServedEngine
from engine.clock import SystemClock
from engine.data_plane import UnifiedDataPlane
from engine.errors import SyncdeckError
from engine.views_archive import ArchiveRequest, ArchiveRow
from tests.archive.world import games
from tests.execution.data import make_database, read_copy
from tests.fleet import Fleet

OLD, KEPT = str(games("old.db", "node-2")), str(games("kept.db", "node-2"))
PATIENCE_SECONDS = 25.0
EXTRA = {
    "data_plane": {"archive": {"location": "node-1"}},
    "sync_routing": {
        "max_disk_usage_percent": 99,
        "target_disk_usage_percent": 98,
        "min_free_disk_percent": 1,
        "replication_target": 1,
        # Nothing moves by the rules: what is read here is read by the archive.
        "excluded_hosts": ["node-0", "node-1", "node-3"],
    },
}


@dataclass
class Served:
    """A client of the engine, its state directory and its store."""

    client: SocketClient
    engine: UnifiedDataPlane
    state: Path

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        """Return once a condition holds, looking again whenever the engine has something new."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await true():
                await self.client.wait_for_change((await self.client.status()).revision, 0.2)

    async def rows(self) -> tuple[ArchiveRow, ...]:
        return (await self.client.archives(0, 10)).rows

    async def row(self) -> ArchiveRow:
        return (await self.client.archives(0, 1)).rows[0]

    async def syncdeck(self, *words: str, code: int = 0) -> Any:
        """Return what a command prints with --json; it must end with ``code``."""
        command = (sys.executable, "-m", "syncdeck", "--state", str(self.state), *words, "--json")
        process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1)
        out, errors = await process.communicate()
        assert process.returncode == code, errors.decode()
        return json.loads(out)

    async def audit(self, *actions: str) -> list[tuple[str, str, str]]:
        log = await self.engine._need().catalog.audit_log()
        return [(line.action, line.subject, line.detail) for line in log if line.action in actions]


@asynccontextmanager
async def serving(hosts: Path, state: Path) -> AsyncIterator[Served]:
    clock = SystemClock()
    with StateLock.acquire(state, clock, HolderKind.COMMAND) as lock:
        engine = UnifiedDataPlane(hosts, lock.state_dir, clock)
        served = ServedEngine.of(engine, socket_path(lock.state_dir))
        await served.start()
        client = SocketClient(socket_path(lock.state_dir))
        try:
            yield Served(client, engine, state)
        finally:
            await client.close()
            await served.close()


@pytest.fixture
async def served(fleet: Fleet, tmp_path: Path) -> AsyncIterator[Served]:
    for name in ("old.db", "kept.db"):
        make_database(fleet["node-2"].games / name, 500, "delete")
    async with serving(fleet.write_hosts(extra=EXTRA), tmp_path / "state") as opened:

        async def known() -> bool:
            nodes = (await opened.client.status()).nodes
            entries = [await opened.client.entry(key) for key in (OLD, KEPT)]
            return all(node.state == "up" for node in nodes) and all(entries)

        await opened.until(known)
        yield opened


async def test_what_the_command_line_archives_it_drills_and_undoes_once(served: Served, fleet: Fleet) -> None:
    file = fleet["node-2"].games / "old.db"
    ran = await served.syncdeck("archive", "run", OLD, "--location", "node-2", "--yes")
    assert (ran["accepted"], ran["refused"]) == (1, [])

    async def gone() -> bool:
        return (await served.row()).original == "deleted"

    await served.until(gone)
    assert not file.exists()
    drilled = await served.syncdeck("archive", "drill", "--count", "5")
    assert drilled["message"] == "1 of 1 archives were restored into scratch space and compared"
    assert (await served.syncdeck("archive", "undo"))["message"] == "1 restore queued"

    async def back() -> bool:
        return file.exists() and (await served.row()).original == "kept"

    await served.until(back)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == (await served.row()).sha256
    assert read_copy(file) == ("ok", 500)
    (listed,) = [row for row in await served.syncdeck("archive", "list") if row["state"] != "cancelled"]
    assert (listed["key"], listed["state"], listed["original"]) == (OLD, "verified", "kept")
    assert "nothing to undo" in (await served.syncdeck("archive", "undo"))["message"]
    # The archive that is still there takes its original's place once more: none is written anew.
    preview = await served.client.archive_preview(ArchiveRequest((OLD,), "node-2"))
    assert [(step.copies_before, step.copies_after) for step in preview.steps] == [(1, 1)]
    assert (await served.syncdeck("archive", "run", OLD, "--location", "node-2", "--yes"))["accepted"] == 1

    async def gone_again() -> bool:
        return not file.exists() and not [row for row in (await served.rows()) if row.original == "deleting"]

    await served.until(gone_again)
    states = [(row.id, row.state, row.original) for row in await served.rows()]
    assert states == [(2, "cancelled", "kept"), (1, "verified", "deleted")]
    assert (await served.syncdeck("archive", "undo"))["message"] == "1 restore queued"

    async def back_again() -> bool:
        return file.exists() and read_copy(file) == ("ok", 500)

    await served.until(back_again)


async def test_a_place_that_nobody_has_is_said_to_be_none(served: Served) -> None:
    with pytest.raises(SyncdeckError, match="no location of a host in use"):
        await served.client.candidates("nowhere", 0, 10)
    with pytest.raises(SyncdeckError, match="no location of a host in use"):
        await served.client.archive_preview(ArchiveRequest((), "nowhere"))


async def test_a_pinned_file_is_neither_archived_nor_a_surprise(served: Served) -> None:
    client, request = served.client, ArchiveRequest((KEPT,), "node-2")
    assert len((await client.archive_preview(request)).steps) == 1
    pinned = await served.syncdeck("catalog", "pin", KEPT, "--reason", "for the paper")
    assert pinned["accepted"] == 1
    assert (await client.pin(KEPT)).accepted == 0
    preview = await client.archive_preview(request)
    assert (preview.steps, [why for _, why, _ in preview.refused]) == ((), ["it is pinned"])
    assert (await client.archive_run(request)).accepted == 0
    assert (await served.syncdeck("catalog", "unpin", KEPT))["accepted"] == 1
    assert (await client.unpin(KEPT)).accepted == 0
    assert len((await client.archive_preview(request)).steps) == 1
    assert await served.audit("pin", "unpin") == [("unpin", KEPT, ""), ("pin", KEPT, "for the paper")]
    with pytest.raises(SyncdeckError, match="nothing has such a key"):
        await client.pin("games:nobody.db@node-2")


async def test_every_question_and_lever_of_the_archive_travels(served: Served) -> None:
    client = served.client
    usage = await client.usage("node-2")
    games_row = next(row for row in usage.rows if row.files >= 2)
    assert (usage.location, games_row.catalogued_bytes > 0) == ("node-2", True)
    with pytest.raises(SyncdeckError, match="no such folder"):
        await client.usage("node-2", "nowhere")
    assert (await client.candidates("node-2", 0, 5)).total == 0
    assert not (await client.archive_policy()).allowed
    assert (await client.set_archive_policy(True)).accepted == 1
    await client.disk_allow("node-3", 99.5, 3600.0)
    policy = await client.archive_policy()
    assert (policy.allowed, [row[:2] for row in policy.allowances]) == (True, [("node-3", 99.5)])
    assert (await client.set_archive_policy(False)).accepted == 1

    await client.pause(("node-2",))
    run = ArchiveRequest((KEPT,), "node-2", codec="gzip")
    assert (await client.archive_run(run)).accepted == 1
    waiting = await served.row()
    assert (waiting.state, waiting.original) == ("queued", "kept")
    assert (await served.syncdeck("archive", "cancel", str(waiting.id)))["accepted"] == 1
    assert (await served.row()).state == "cancelled"
    assert (await served.syncdeck("archive", "cancel", str(waiting.id), code=1))["accepted"] == 0
    await client.resume(("node-2",))

    assert (await client.archive_run(ArchiveRequest((KEPT,), "node-2", None, "gzip", False))).accepted == 1

    async def verified() -> bool:
        return (await served.row()).state == "verified"

    await served.until(verified)
    row = await served.row()
    assert (row.codec, row.original, row.path.endswith(".gz")) == ("gzip", "kept", True)
    assert Path(row.path).read_bytes()[:2] == b"\x1f\x8b"
    assert (await client.archive_verify((row.id,))).message == "1 of 1 archives hold what was archived"
    assert (await client.archive_drill(1)).accepted == 1
