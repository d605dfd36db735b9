"""Databases copied while selfplay writes to them: never torn, never without a row that was there before."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from config.types import DataType
from engine.model import EntryKey, ReplicaState, TransferState, Transport
from tests.execution.data import make_database, read_copy
from tests.execution.world import World

ROWS_BEFORE = 20_000
CYCLES = 5


class Writer:
    """A running writer and the number of rows that it said it committed."""

    def __init__(self) -> None:
        self.committed = 0
        self._news = asyncio.Condition()

    async def follow(self, output: asyncio.StreamReader) -> None:
        while line := await output.readline():
            self.committed = int(line)
            async with self._news:
                self._news.notify_all()

    async def until(self, rows: int) -> None:
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(lambda: self.committed >= rows)


@asynccontextmanager
async def writing(database: Path) -> AsyncIterator[Writer]:
    script = Path(__file__).with_name("writer.py")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(script), str(database)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    writer = Writer()
    following = asyncio.create_task(writer.follow(process.stdout))
    try:
        yield writer
    finally:
        process.kill()
        await process.wait()
        await following


@pytest.mark.parametrize(
    ("source", "target", "chain"),
    [
        ("node-0", "node-2", Transport.RSYNC),
        ("node-1", "node-0", Transport.RSYNC),
        ("node-1", "node-2", Transport.AGENT),
    ],
)
async def test_every_copy_is_whole_and_holds_every_row_committed_before(
    world: World, source: str, target: str, chain: Transport
) -> None:
    database = world.nodes[source].games / "live.db"
    make_database(database, ROWS_BEFORE)
    key = EntryKey(DataType.GAMES, "live.db", source)
    copy = world.nodes[target].games / "synced" / source / "live.db"
    async with writing(database) as writer:
        for cycle in range(1, CYCLES + 1):
            await writer.until(cycle * 40)
            before = ROWS_BEFORE + writer.committed
            await world.scan(source)
            ended = await world.carry_out(await world.ask(key, source, target, chain))
            assert ended.state is TransferState.DONE, ended.reason
            check, rows = read_copy(copy)
            assert check == "ok"
            assert rows >= before
            assert sorted(path.name for path in copy.parent.iterdir()) == ["live.db"]
    await world.scan()
    entry = await world.entry(key)
    states = {replica.location: (replica.state, replica.changed) for replica in entry.replicas}
    assert states[target] == (ReplicaState.CURRENT, False)
    assert states[source] == (ReplicaState.CURRENT, True)
