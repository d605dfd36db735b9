"""Ten million games: reading their ids on a node, gathering and indexing them, and judging a fleet."""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from engine.games.gathering import Gathering
from engine.games.index import GameIndex
from engine.games.judging import judge
from engine.games.setfile import HASH_TYPE, parts_of
from engine.games.values import ContentName, CountedSet, Placed
from engine.model import FileStat
from engine.remote.connect import open_session
from engine.remote.types import Endpoint, SshOptions
from tests.bench.memory import PeakMemory
from tests.bench.report import Row, figure

GAMES = 10_000_000
MOVES = 2
BLOCK_BYTES = 1 << 16


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the figures; one run, for it is long."""
    games = round(GAMES * scale)
    rows = await _on_the_node(folder, games)
    return rows + await asyncio.to_thread(_in_the_engine, folder, games)


async def _on_the_node(folder: Path, games: int) -> list[Row]:
    database = _make(folder / "games.db", games)
    session = await open_session(Endpoint("own", local=True), SshOptions(control_dir=folder))
    received = 0

    async def take(block: bytes) -> None:
        nonlocal received
        received += len(block) // HASH_TYPE.itemsize

    started = time.monotonic()
    with PeakMemory(descendants=True) as peak:
        counts = await session.game_ids(str(database), take, 1e9)
    seconds = time.monotonic() - started
    await session.close()
    assert received == counts.complete == games
    name = f"{games:,} games read on their node"
    return [figure(name, [seconds], "s"), figure(f"{name}: memory", [peak.bytes / 1e6], "MB")]


def _make(path: Path, games: int) -> Path:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("CREATE TABLE games (game_id TEXT PRIMARY KEY, total_moves INTEGER)")
    connection.execute(
        "CREATE TABLE game_moves (game_id TEXT, move_number INTEGER, PRIMARY KEY (game_id, move_number))"
    )
    connection.execute("BEGIN")
    names = (f"hex8_2p-node-{number:09d}" for number in range(games))
    connection.executemany(f"INSERT INTO games VALUES (?, {MOVES})", ((name,) for name in names))
    for move in range(MOVES):
        connection.execute(f"INSERT INTO game_moves SELECT game_id, {move} FROM games ORDER BY game_id")
    connection.execute("COMMIT")
    connection.close()
    return path


def _blocks(number: int, games: int, sets: list[CountedSet]) -> Iterator[bytes]:
    """Yield the hashes of a database as its node sends them; half of the second one's games are those of the first."""
    left = games
    at_once = BLOCK_BYTES // HASH_TYPE.itemsize
    if number == 1:
        for part in itertools.islice(parts_of(sets[0], at_once), games // 2 // at_once):
            left -= len(part)
            yield part.tobytes()
    rng = np.random.default_rng(number)
    while left > 0:
        some = min(left, at_once)
        left -= some
        yield rng.integers(0, 1 << 64, some, dtype=np.uint64).astype(HASH_TYPE).tobytes()


def _in_the_engine(folder: Path, games: int) -> list[Row]:
    before = psutil.Process().memory_info().rss
    rows: list[Row] = []
    with PeakMemory(descendants=False) as peak:
        sets: list[CountedSet] = []
        for number in range(2):
            gathering = Gathering(folder, "spool")
            seconds = 0.0
            for block in _blocks(number, games, sets):
                started = time.monotonic()
                gathering.add(block)
                seconds += time.monotonic() - started
            name = ContentName(f"games:{number}.db@node", "ab" * 32)
            counted = CountedSet(name, games, 0, 0, 0, 1.0, FileStat(1, 1), "", "")
            started = time.monotonic()
            sets.append(gathering.finish(counted, folder))
            seconds += time.monotonic() - started
            gathering.close()
            if number == 0:
                rows.append(figure(f"{games:,} ids gathered into a sorted set", [seconds], "s"))
        index = GameIndex(folder / "index")
        for number, counted in enumerate(sets, 1):
            started = time.monotonic()
            index.add(number, parts_of(counted), counted.unique)
            rows.append(
                figure(f"set {number} of {games:,} games taken into the index", [time.monotonic() - started], "s")
            )
    rows.append(figure("memory of both sets and the index", [(peak.bytes - before) / 1e6], "MB"))
    rows.append(figure("disk of both sets", [sum(os.stat(one.path).st_size for one in sets) / 1e6], "MB"))
    node = frozenset({"node"})
    placed = {n: Placed(f"games:{n}.db@node", False, True, node, node, node) for n in (1, 2)}
    started = time.monotonic()
    standing = judge(index.classes(), placed)
    rows.append(figure("what is elsewhere and at risk, judged again", [time.monotonic() - started], "s"))
    assert standing.at_risk["node"] == index.games
    return rows
