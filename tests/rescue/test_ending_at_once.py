"""An engine that was woken a moment before it is closed ends all the same."""

from __future__ import annotations

import asyncio

from engine.board import StatusBoard
from engine.clock import SystemClock
from tests.api.scripted_engine import a_status


async def test_a_board_that_is_touched_and_cancelled_at_one_moment_ends() -> None:
    made = asyncio.Event()

    async def make(revision: int) -> object:
        made.set()
        return a_status()

    board = StatusBoard(make, SystemClock(), lambda _findings: None)  # type: ignore[arg-type]
    task = asyncio.create_task(board.run())
    await made.wait()
    while not board._touched._waiters:  # type: ignore[attr-defined]  # noqa: ASYNC110 - the event has no public word for it
        await asyncio.sleep(0)
    board.touch()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=10)
    assert task in done and task.cancelled()
