"""Kill -9 at every edge of a batch: after a restart every file is there once, and nothing is left over."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.execution.data import temporaries
from tests.execution.test_killed_engine import drive, engine_children
from tests.fleet import Fleet

MOMENTS = ["claimed", "transferring", "moving", "arrived", "verifying", "publishing", "published", "done"]
WHILE_IT_MOVES = ["moving", "arrived"]
"""All that differs by transport."""
FILES = 60


def fill(fleet: Fleet, transport: str) -> list[Any]:
    """Write small models and logs on node-1; return what is wanted of them, by one transport."""
    chance = random.Random(5)
    wanted: list[Any] = []
    for number in range(FILES):
        (fleet["node-1"].models / f"m{number}.pth").write_bytes(chance.randbytes(4000 + 37 * number))
        wanted.append([f"models:m{number}.pth", "node-1", "node-2", [transport]])
        (fleet["node-1"].games / f"games_hex8_{number}.jsonl").write_bytes(b"{}\n" * (number + 1))
        wanted.append([f"games:games_hex8_{number}.jsonl@node-1", "node-1", "node-0", [transport]])
    return wanted


def check_all_is_there_and_nothing_else(fleet: Fleet) -> None:
    for number in range(FILES):
        name = f"m{number}.pth"
        same = (fleet["node-2"].models / name).read_bytes() == (fleet["node-1"].models / name).read_bytes()
        assert same, f"the copy of {name} differs"
        name = f"games_hex8_{number}.jsonl"
        assert (fleet["node-0"].games / "synced" / "node-1" / name).read_bytes() == b"{}\n" * (number + 1)
    assert len(os.listdir(fleet["node-2"].models)) == FILES
    assert len(os.listdir(fleet["node-0"].games / "synced" / "node-1")) == FILES
    assert temporaries(*(node.root for node in fleet.nodes)) == []


@pytest.mark.parametrize(
    ("transport", "moment"), [("agent", moment) for moment in MOMENTS] + [("http", moment) for moment in WHILE_IT_MOVES]
)
async def test_a_batch_killed_at_any_edge_is_finished_by_a_restart_that_leaves_nothing(
    fleet: Fleet, tmp_path: Path, transport: str, moment: str
) -> None:
    wanted = fill(fleet, transport)
    state = tmp_path / "state.db"
    code, _ = await drive(fleet, state, "00000001", moment, wanted)
    assert code == -signal.SIGKILL
    # What the killed engine had started ends by itself: its pipe is gone.
    while engine_children("syncdeck-0123abcd-00000001"):  # noqa: ASYNC110 - other processes send no event
        await asyncio.sleep(0.05)
    code, output = await drive(fleet, state, "00000002", "never", wanted)
    assert code == 0
    assert set(json.loads(output)) == {"done"}, output
    check_all_is_there_and_nothing_else(fleet)


@pytest.mark.storm
@pytest.mark.parametrize("transport", ["agent", "http"])
@pytest.mark.parametrize("seed", range(20))
async def test_batches_killed_again_and_again_at_random_moments_arrive_in_the_end(
    fleet: Fleet, tmp_path: Path, seed: int, transport: str
) -> None:
    wanted = fill(fleet, transport)
    chance = random.Random(seed)
    state = tmp_path / "state.db"
    for run in range(1, 5):
        await drive(fleet, state, f"{run:08x}", "never", wanted, kill_after_seconds=chance.uniform(0.2, 3.0))
    code, output = await drive(fleet, state, "000000ff", "never", wanted)
    assert code == 0
    assert set(json.loads(output)) == {"done"}, output
    check_all_is_there_and_nothing_else(fleet)
