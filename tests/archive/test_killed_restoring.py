"""kill -9 at any moment of a restore: the archive stays, and the file comes back whole or is asked for again."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.archive.test_killed_archiving import NAMES, end_after, start
from tests.execution.data import make_database, read_copy
from tests.fleet import Fleet

ROWS = 3000
LONGEST_SECONDS = 2.5


def closed_hosts(fleet: Fleet) -> Path:
    """Write a configuration whose rules let node-2 receive no games any more."""
    routing = {"max_disk_usage_percent": 99, "target_disk_usage_percent": 98, "min_free_disk_percent": 1}
    return fleet.write_hosts(extra={"sync_routing": routing | {"excluded_hosts": ["node-2"]}})


async def finish(process: asyncio.subprocess.Process) -> list[list[str]]:
    """Let an engine come to its end; return what it knows of each archive."""
    assert process.stdout is not None
    said = await process.stdout.readline()
    assert await process.wait() == 0
    known: list[list[str]] = json.loads(said)
    return known


async def archived(fleet: Fleet, state: Path) -> None:
    """Archive all three databases, so that none is left at its place."""
    for name in NAMES:
        make_database(fleet["node-2"].games / name, ROWS, "delete")
    known = await finish(await start(fleet, state, 1))
    assert {(state, original) for _, state, original, _ in known} == {("verified", "deleted")}
    assert not any((fleet["node-2"].games / name).exists() for name in NAMES)


def check_all_is_back(fleet: Fleet, known: list[list[str]]) -> None:
    """The name of an archive holds the beginning of the hash of the snapshot that went into it."""
    assert {(state, original) for _, state, original, _ in known} == {("verified", "kept")}
    snapshots = {Path(path).name.rsplit(".", 2)[0]: path.rsplit(".", 2)[1] for _, _, _, path in known}
    assert set(snapshots) == set(NAMES)
    for name, snapshot in snapshots.items():
        file = fleet["node-2"].games / name
        assert hashlib.sha256(file.read_bytes()).hexdigest().startswith(snapshot)
        assert read_copy(file) == ("ok", ROWS)
    assert [path for node in fleet.nodes for path in node.root.rglob(".*syncdeck-*")] == []


def restores(state: Path) -> list[tuple[str, str]]:
    """Return (state, reason) of every restore that was ever asked for."""
    with closing(sqlite3.connect(state)) as connection:
        return list(connection.execute("SELECT state, reason FROM transfers WHERE rule = 'restore' ORDER BY id"))


async def test_a_restore_that_was_killed_after_the_rename_is_finished_where_no_rule_wants_the_file(
    fleet: Fleet, tmp_path: Path
) -> None:
    """It is finished as what it was, and nobody has to ask again."""
    state = tmp_path / "state.db"
    await archived(fleet, state)
    closed = closed_hosts(fleet)
    killed = await start(fleet, state, 2, closed, restore=True, moment="published")
    assert await killed.wait() == -signal.SIGKILL
    assert [name for name in NAMES if (fleet["node-2"].games / name).exists()]
    before = restores(state)
    assert "publishing" in [one for one, _ in before]
    known = await finish(await start(fleet, state, 3, closed, restore=True))
    check_all_is_back(fleet, known)
    after = restores(state)
    assert len(after) == len(before) == len(NAMES), after
    assert {one for one, _ in after} == {"done"}, after


async def kill_over_and_over(fleet: Fleet, state: Path, moments: list[float]) -> None:
    await archived(fleet, state)
    for number, moment in enumerate(moments, start=2):
        process = await start(fleet, state, number, restore=True)
        await end_after(process, moment)
        for name in NAMES:
            assert list((fleet["node-1"].root / "archives" / "node-2").glob(f"{name}.*.zst"))
    known = await finish(await start(fleet, state, len(moments) + 2, restore=True))
    check_all_is_back(fleet, known)


async def test_a_restoring_engine_may_be_killed_at_any_moment(fleet: Fleet, tmp_path: Path) -> None:
    chance = random.Random(5)
    await kill_over_and_over(fleet, tmp_path / "state.db", [chance.uniform(0.0, LONGEST_SECONDS) for _ in range(3)])


@pytest.mark.storm
async def test_a_restoring_engine_may_be_killed_twenty_times(fleet: Fleet, tmp_path: Path) -> None:
    chance = random.Random()
    moments = [chance.uniform(0.0, LONGEST_SECONDS / 4) for _ in range(20)]
    await kill_over_and_over(fleet, tmp_path / "state.db", moments)
