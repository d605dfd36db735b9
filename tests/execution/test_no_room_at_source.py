"""A live database on a disk without room for a snapshot is read in place, and its copy counts like any other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from config.types import DataType
from engine.execution import space
from engine.model import EntryKey, ReplicaState, TransferState, Transport
from tests.execution.data import add_rows, make_database, read_copy, temporaries
from tests.execution.world import World


@pytest.fixture
def full_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """No disk of the machine under test is full, so what must stay free beside a snapshot is more than it has."""
    monkeypatch.setattr(space, "SNAPSHOT_MARGIN_BYTES", 1 << 60)


@pytest.mark.parametrize("chain", [Transport.RSYNC, Transport.AGENT, Transport.BASE64])
async def test_it_is_read_in_place_whatever_the_rule_prefers(world: World, full_source: None, chain: Transport) -> None:
    database = world.nodes["node-1"].games / "live.db"
    make_database(database, 5000)
    key = EntryKey(DataType.GAMES, "live.db", "node-1")
    copy = world.nodes["node-2"].games / "synced" / "node-1" / "live.db"
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("INSERT INTO games (moves) VALUES ('open')")
        writer.commit()
        await world.scan()
        ended = await world.carry_out(await world.ask(key, "node-1", "node-2", chain))
        assert ended.state is TransferState.DONE, ended.reason
        assert ended.transport is (Transport.BASE64 if chain is Transport.BASE64 else Transport.AGENT)
        assert read_copy(copy) == ("ok", 5001)
        edges = await world.queue.history(ended.id)
        assert any("read in place: no room for a snapshot" in edge.reason for edge in edges)
        await world.scan()
        entry = await world.entry(key)
        states = {replica.location: (replica.state, replica.changed) for replica in entry.replicas}
        assert states == {"node-1": (ReplicaState.CURRENT, False), "node-2": (ReplicaState.CURRENT, False)}
        add_rows(database, 10)
        await world.scan()
        ended = await world.carry_out(await world.ask(key, "node-1", "node-2", chain))
        assert ended.state is TransferState.DONE, ended.reason
        assert read_copy(copy) == ("ok", 5011)
    assert temporaries(Path(database.parent), copy.parent) == []


async def test_a_growing_log_without_room_is_blocked_with_its_remedy(world: World, full_source: None) -> None:
    log = world.nodes["node-1"].games / "games.jsonl"
    log.write_bytes(b'{"game": 1}\n' * 1000)
    await world.scan()
    key = EntryKey(DataType.GAMES, "games.jsonl", "node-1")
    ended = await world.carry_out(await world.ask(key, "node-1", "node-2", Transport.AGENT))
    assert ended.state is TransferState.BLOCKED
    assert "no space on source" in ended.reason and ended.hint and "free space" in ended.hint
