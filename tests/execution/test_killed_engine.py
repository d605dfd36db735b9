"""Kill -9 at every edge of a transfer: after a restart everything is there, and nothing is left over."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.integrity.deltas import is_delta_part
from tests.execution.data import MIB, add_rows, make_database, read_copy, temporaries
from tests.execution.world import write_hosts
from tests.fleet import Fleet
from tests.processes import command_lines

REPOSITORY = Path(__file__).parents[2]
MOMENTS = ["claimed", "snapshotting", "transferring", "moving", "verifying", "publishing", "published", "done"]


async def drive(
    fleet: Fleet,
    state: Path,
    run_id: str,
    moment: str,
    wanted: list[Any],
    kill_after_seconds: float | None = None,
    again: bool = False,
) -> tuple[int, str]:
    """Run the driver, to its end or until it is killed; return its exit code and what it printed."""
    job = {
        "hosts": str(write_hosts(fleet)),
        "control": str(fleet.options().control_dir),
        "known_hosts": str(fleet.known_hosts),
        "state": str(state),
        "run_id": run_id,
        "moment": moment,
        "wanted": wanted,
        "again": again,
        "roots": [str(node.root) for node in fleet.nodes],
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.execution.driver", json.dumps(job)),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    if kill_after_seconds is not None:
        asyncio.get_running_loop().call_later(kill_after_seconds, kill_if_running, process)
    output, errors = await asyncio.wait_for(process.communicate(), 120)
    code = process.returncode
    assert code in (0, -signal.SIGKILL), errors.decode()
    return code, output.decode()


def kill_if_running(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


def engine_children(mark: str) -> list[str]:
    """Return the command lines of processes that still work on a transfer's files."""
    return [line for line in command_lines(mark) if "tests.execution.driver" not in line]


WANTED = [
    ["games:selfplay.db@node-1", "node-1", "node-0", ["rsync"]],
    ["games:selfplay.db@node-1", "node-1", "node-2", ["agent"]],
    ["games:games_hex8.jsonl@node-2", "node-2", "node-0", ["rsync"]],
]


def fill(fleet: Fleet) -> None:
    make_database(fleet["node-1"].games / "selfplay.db", 2000)
    fleet["node-2"].games.joinpath("games_hex8.jsonl").write_bytes(os.urandom(12 * MIB).hex().encode() + b"\n")


def check_all_is_there_and_nothing_else(fleet: Fleet) -> None:
    for node in ("node-0", "node-2"):
        assert read_copy(fleet[node].games / "synced" / "node-1" / "selfplay.db") == ("ok", 2000)
    copy = fleet["node-0"].games / "synced" / "node-2" / "games_hex8.jsonl"
    same = copy.read_bytes() == (fleet["node-2"].games / "games_hex8.jsonl").read_bytes()
    assert same, "the copy differs"  # not compared in the assertion: its explanation of 24 MiB takes minutes
    assert temporaries(*(node.root for node in fleet.nodes)) == []


@pytest.mark.parametrize("moment", MOMENTS)
async def test_killed_at_any_edge_a_restart_finishes_the_work_and_leaves_nothing(
    fleet: Fleet, tmp_path: Path, moment: str
) -> None:
    fill(fleet)
    state = tmp_path / "state.db"
    code, _ = await drive(fleet, state, "00000001", moment, WANTED)
    assert code == -signal.SIGKILL
    # What the killed engine had started ends by itself: its pipe is gone.
    while engine_children("syncdeck-0123abcd-00000001"):  # noqa: ASYNC110 - other processes send no event
        await asyncio.sleep(0.05)
    code, output = await drive(fleet, state, "00000002", "never", WANTED)
    assert code == 0
    assert set(json.loads(output)) == {"done"}, output
    check_all_is_there_and_nothing_else(fleet)


@pytest.mark.parametrize("moment", ["delta written", "rebuilding"])
async def test_killed_amid_a_delta_a_restart_finishes_it_and_leaves_nothing(
    fleet: Fleet, tmp_path: Path, moment: str
) -> None:
    database = fleet["node-1"].games / "grown.db"
    make_database(database, 30_000)
    wanted = [["games:grown.db@node-1", "node-1", "node-2", ["agent"]]]
    state = tmp_path / "state.db"
    assert (await drive(fleet, state, "00000001", "never", wanted))[0] == 0
    add_rows(database, 300)
    code, _ = await drive(fleet, state, "00000002", moment, wanted, again=True)
    assert code == -signal.SIGKILL
    assert any(is_delta_part(path) for path in temporaries(*(node.root for node in fleet.nodes)))
    while engine_children("syncdeck-0123abcd-00000002"):  # noqa: ASYNC110 - other processes send no event
        await asyncio.sleep(0.05)
    code, output = await drive(fleet, state, "00000003", "never", wanted)
    assert code == 0
    assert set(json.loads(output)) == {"done"}, output
    assert read_copy(fleet["node-2"].games / "synced" / "node-1" / "grown.db") == ("ok", 30_300)
    assert temporaries(*(node.root for node in fleet.nodes)) == []


@pytest.mark.storm
@pytest.mark.parametrize("seed", range(20))
async def test_killed_again_and_again_at_random_moments_it_finishes_in_the_end(
    fleet: Fleet, tmp_path: Path, seed: int
) -> None:
    """The restart does not wait for what the killed engine had started: orphans may still be at work."""
    fill(fleet)
    chance = random.Random(seed)
    state = tmp_path / "state.db"
    for run in range(1, 4):
        await drive(fleet, state, f"{run:08x}", "never", WANTED, kill_after_seconds=chance.uniform(0.2, 3.0))
    code, output = await drive(fleet, state, "000000ff", "never", WANTED)
    assert code == 0
    assert set(json.loads(output)) == {"done"}, output
    check_all_is_there_and_nothing_else(fleet)
