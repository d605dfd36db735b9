"""kill -9 at any moment leaves the original or a verified archive, and after the next start both are known."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.archive.world import games
from tests.execution.data import make_database
from tests.execution.world import write_hosts
from tests.fleet import Fleet

NAMES = ("one.db", "two.db", "three.db")
LONGEST_SECONDS = 2.5


async def start(
    fleet: Fleet, state: Path, number: int, hosts: Path | None = None, **more: object
) -> asyncio.subprocess.Process:
    """Start an engine; it is ready when this returns. ``more`` goes into its job: see ``driver``."""
    job: dict[str, object] = {
        "control": str(fleet.options().control_dir),
        "known_hosts": str(fleet.known_hosts),
        "hosts": str(hosts or write_hosts(fleet)),
        "state": str(state),
        "run_id": f"{number:08x}",
        "keys": [str(games(name, "node-2")) for name in NAMES],
        "location": "node-2",
    }
    job |= more
    words = (sys.executable, "-m", "tests.archive.driver", json.dumps(job))
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def end_after(process: asyncio.subprocess.Process, seconds: float) -> None:
    """Kill an engine after some seconds, unless it has come to its end before."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(seconds):
            await process.stdout.readline()
    except TimeoutError:
        process.send_signal(signal.SIGKILL)
    await process.wait()


async def killed_and_taken_over(fleet: Fleet, state: Path, seconds: list[float]) -> list[list[Any]]:
    for name in NAMES:
        make_database(fleet["node-2"].games / name, 3000, "delete")
    for number, moment in enumerate(seconds):
        process = await start(fleet, state, number + 1)
        await end_after(process, moment)
        for name in NAMES:
            packed = list((fleet["node-1"].root / "archives" / "node-2").glob(f"{name}.*.zst"))
            assert packed or (fleet["node-2"].games / name).exists()
    last = await start(fleet, state, len(seconds) + 1)
    assert last.stdout is not None
    known: list[list[Any]] = json.loads(await last.stdout.readline())
    assert await last.wait() == 0
    return known


def check(fleet: Fleet, known: list[list[Any]]) -> None:
    done = {key: (state, original) for key, state, original, _ in known if state == "verified"}
    assert set(done) == {str(games(name, "node-2")) for name in NAMES}
    for name in NAMES:
        assert done[str(games(name, "node-2"))][1] == "deleted", "what was asked for goes on after a kill"
        assert not (fleet["node-2"].games / name).exists()
    assert all(Path(path).exists() for _, state, _, path in known if state == "verified")
    assert [path for node in fleet.nodes for path in node.root.rglob(".*syncdeck-*")] == []


async def test_an_archiving_engine_may_be_killed_at_any_moment(fleet: Fleet, tmp_path: Path) -> None:
    chance = random.Random(11)
    moments = [chance.uniform(0.0, LONGEST_SECONDS) for _ in range(4)]
    check(fleet, await killed_and_taken_over(fleet, tmp_path / "state.db", moments))


@pytest.mark.storm
async def test_an_archiving_engine_may_be_killed_twenty_times(fleet: Fleet, tmp_path: Path) -> None:
    chance = random.Random()
    moments = [chance.uniform(0.0, LONGEST_SECONDS / 4) for _ in range(20)]
    check(fleet, await killed_and_taken_over(fleet, tmp_path / "state.db", moments))
