"""A transfer of the engine's own whose target holds an older version: what is recorded of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.types import DataType
from engine.model import EntryKey, TransferState, Transport
from tests.execution.world import open_world
from tests.fleet import Fleet, openssh_fleet

RUN = "00000001"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path, count=2) as running:
        yield running


def write(path: Path, first: int, count: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS games (id INTEGER PRIMARY KEY, moves TEXT)")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO games VALUES (?, ?)", ((n, f"{n * 7919:x}" * 40) for n in range(first, first + count))
    )
    connection.execute("COMMIT")
    connection.close()


async def test_a_database_that_grew_is_brought_up_to_date_by_what_it_grew(nodes: Fleet, tmp_path: Path) -> None:
    database = nodes[1].games / "games.db"
    write(database, 0, 15_000)
    key = EntryKey(DataType.GAMES, "games.db", "node-1")
    async with open_world(nodes, tmp_path / "state.db", RUN) as world:
        await world.scan()
        first = await world.carry_out(await world.ask(key, "node-1", "node-0", Transport.AGENT))
        assert first.state is TransferState.DONE, first
        write(database, 15_000, 300)
        await world.scan()
        second = await world.carry_out(await world.ask(key, "node-1", "node-0", Transport.AGENT))
        assert second.state is TransferState.DONE, second
        attempts = await world.queue.attempts(second.id)
        entry = await world.entry(key)
    copy = next(Path(replica.path) for replica in entry.replicas if replica.location == "node-0")
    copied = sqlite3.connect(f"file:{copy}?immutable=1", uri=True)
    assert copied.execute("SELECT count(*) FROM games").fetchone() == (15_300,)
    copied.close()
    assert [attempt.success for attempt in attempts] == [True]
    assert attempts[0].bytes_done == copy.stat().st_size
    assert 0 < attempts[0].bytes_on_wire < copy.stat().st_size / 20
    assert [path.name for root in (nodes[0].root, nodes[1].root) for path in root.rglob("*.syncdeck-*")] == []
