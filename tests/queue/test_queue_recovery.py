"""After a kill: what ran is queued again, what was about to be published keeps its intent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.model import RUNNING_STATES, TransferState
from engine.queue.queue import Recovered, TransferQueue
from engine.store.store import Store
from tests.queue.samples import TO_DONE, claimed, new

S = TransferState
DRIVER = """
import asyncio, sys
from pathlib import Path
from engine.clock import SystemClock
from engine.model import TransferState
from engine.queue.queue import Recovered, TransferQueue
from engine.store.store import Store
from tests.queue.samples import TO_DONE, claimed, new

async def main():
    queue = TransferQueue(await Store.open(Path(sys.argv[1])), SystemClock())
    (transfer,) = await claimed(queue, new(), run="killed")
    last = TransferState(sys.argv[2])
    for state in TO_DONE:
        if transfer.state is last:
            break
        fields = {}
        if state is TransferState.PUBLISHING:
            fields = dict(temp_path="/t/.a.part", final_path="/t/a.db", sha256="a" * 64)
        transfer = await queue.transition(transfer.id, state, "on its way", **fields)
    print(transfer.state.value, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def run_until(path: Path, repository: Path, state: TransferState) -> None:
    """Bring a transfer to a state in another process, and kill that."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(path), state.value],
        env={**os.environ, "PYTHONPATH": str(repository)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == state.value
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("state", [S.CLAIMED, *TO_DONE[:-1]])
async def test_a_killed_engine_loses_no_transfer(tmp_path: Path, repository: Path, state: TransferState) -> None:
    path = tmp_path / "state.db"
    await asyncio.to_thread(run_until, path, repository, state)
    store = await Store.open(path)
    queue = TransferQueue(store, SystemClock())
    recovered = await queue.void_leases("next")
    if state is S.PUBLISHING:
        (intent,) = recovered.intents
        assert (intent.temp_path, intent.final_path, intent.sha256) == ("/t/.a.part", "/t/a.db", "a" * 64)
        assert (intent.state, intent.run_id, recovered.requeued) == (S.PUBLISHING, "next", 0)
        assert (await queue.finish(intent.id, S.DONE, "in place")).state is S.DONE
    else:
        assert (recovered.requeued, recovered.intents) == (1, ())
        (again,) = await queue.claim("next")
        assert again.run_id == "next" and again.reason == "claimed"
    await store.close()


async def test_taking_over_leaves_the_runs_own_leases_alone(queue: TransferQueue) -> None:
    await claimed(queue, new("mine.db"), run="this")
    assert await queue.void_leases("this") == Recovered(0, ())
    assert (await queue.counts()) == {"claimed": 1}


async def test_taking_over_twice_changes_nothing_more(queue: TransferQueue) -> None:
    await claimed(queue, new("a.db"), new("b.db"), run="old")
    assert (await queue.void_leases("new")).requeued == 2
    assert (await queue.void_leases("new")).requeued == 0
    assert not {state.value for state in RUNNING_STATES} & set(await queue.counts())


async def test_publishing_without_a_whole_intent_starts_over(queue: TransferQueue) -> None:
    (transfer,) = await claimed(queue, new(), run="old")
    for state in TO_DONE[:-1]:
        await queue.transition(transfer.id, state, "on its way")
    assert (await queue.void_leases("new")).requeued == 1
