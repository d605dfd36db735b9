"""Reading the ids of complete games on their node: every schema, live and quiet, sound and damaged files."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import struct
from pathlib import Path

import psutil
import pytest

from engine.errors import ErrorClass, SyncdeckError
from engine.lab.games import GameDatabase, play
from engine.remote.agent.gameids import Tally, complete_ids
from engine.remote.game_counts import GameCounts
from engine.remote.session import AgentSession
from tests.fleet_sshd import wait_for_the_end_of
from tests.games.databases import MOVES, add_games, add_moves, hashes, ids, run_script

FAST = 1e9


async def read(agent: AgentSession, path: Path, rate: float = FAST) -> tuple[set[int], GameCounts]:
    blocks: list[bytes] = []

    async def take(block: bytes) -> None:
        blocks.append(block)

    counts = await agent.game_ids(str(path), take, rate)
    packed = b"".join(blocks)
    return {value for (value,) in struct.iter_unpack("<Q", packed)}, counts


def of(counts: GameCounts) -> tuple[int, int, int]:
    return counts.complete, counts.incomplete, counts.orphan_moves


async def test_games_as_the_lab_plays_them_are_complete(agent: AgentSession, tmp_path: Path) -> None:
    chance = random.Random(1)
    database = GameDatabase(tmp_path / "lab.db")
    played = [play("hex8_2p", number, "node", chance, 1e9) for number in range(20)]
    for game in played:
        database.add(game)
    database.close()
    found, counts = await read(agent, tmp_path / "lab.db")
    assert found == hashes(game.game_id for game in played)
    assert of(counts) == (20, 0, 0)


async def test_games_without_their_moves_are_incomplete_and_moves_without_a_game_are_told(
    agent: AgentSession, tmp_path: Path
) -> None:
    path = add_games(tmp_path / "g.db", ids(0, 10))
    add_games(path, ids(10, 5), moves=0)
    add_games(path, ids(15, 3), moves=MOVES - 1)
    connection = sqlite3.connect(path)
    add_moves(connection, ["aaa-before-all", "zzz-after-all"], MOVES)
    connection.commit()
    connection.close()
    found, counts = await read(agent, path)
    assert found == hashes(ids(0, 10))
    assert of(counts) == (10, 8, 2)


async def test_the_same_games_in_other_bytes_have_the_same_hashes(agent: AgentSession, tmp_path: Path) -> None:
    one = add_games(tmp_path / "one.db", ids(0, 50))
    other = add_games(tmp_path / "other.db", reversed(ids(0, 50)), wal=True)
    assert one.read_bytes() != other.read_bytes()
    assert (await read(agent, one))[0] == (await read(agent, other))[0] == hashes(ids(0, 50))


VARIANTS = {
    "old columns": "CREATE TABLE games (game_id TEXT PRIMARY KEY);"
    "CREATE TABLE game_moves (game_id TEXT, move_number INTEGER, position_q INTEGER, position_r INTEGER);",
    "other names": "CREATE TABLE Game (ID varchar(80), num_moves TEXT);"
    "CREATE TABLE moves (Game_Id VARCHAR(80), move_num INT, UNIQUE(game_id, move_num));",
    "no case": "CREATE TABLE games (game_id TEXT COLLATE NOCASE PRIMARY KEY, total_moves INTEGER);"
    "CREATE TABLE game_moves (game_id TEXT COLLATE NOCASE, move_number INTEGER, PRIMARY KEY (game_id, move_number));",
    "a word of SQL": 'CREATE TABLE games ("game_id" TEXT, "order" INT);'
    'CREATE TABLE game_moves ("game" TEXT, "select" TEXT);',
    "without rowid": "CREATE TABLE games (game_id TEXT PRIMARY KEY, total_moves) WITHOUT ROWID;"
    "CREATE TABLE game_moves (game_id TEXT, move_number, PRIMARY KEY (game_id, move_number)) WITHOUT ROWID;",
}


@pytest.mark.parametrize("variant", list(VARIANTS))
async def test_schema_variants_are_read(agent: AgentSession, tmp_path: Path, variant: str) -> None:
    path = run_script(tmp_path / "v.db", VARIANTS[variant])
    connection = sqlite3.connect(path)
    games, moves = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")][:2]
    names = ["b-game", "A-game", "a-game-2", "Ünïcode", "without moves"]
    told, places = ("", ", 0, 0") if variant == "old columns" else (", 2", "")
    connection.executemany(f"INSERT INTO {games} VALUES (?{told})", [(name,) for name in names])
    for number in (1, 2):
        connection.executemany(f"INSERT INTO {moves} VALUES (?, {number}{places})", [(name,) for name in names[:-1]])
    connection.commit()
    connection.close()
    found, counts = await read(agent, path)
    assert found == hashes(names[:-1])
    assert of(counts) == (4, 1, 0)


async def test_numbers_as_ids_are_named_as_their_text(agent: AgentSession, tmp_path: Path) -> None:
    script = "CREATE TABLE games (game_id INTEGER PRIMARY KEY); CREATE TABLE game_moves (game_id TEXT, ply INTEGER);"
    values = "INSERT INTO games VALUES (9), (10), (1); INSERT INTO game_moves VALUES ('9', 1), ('10', 1), ('2', 1);"
    found, counts = await read(agent, run_script(tmp_path / "n.db", script + values))
    assert found == hashes(["9", "10"])
    assert of(counts) == (2, 1, 1)


async def test_a_move_that_is_there_twice_counts_once(agent: AgentSession, tmp_path: Path) -> None:
    script = (
        "CREATE TABLE games (game_id TEXT, total_moves INTEGER); CREATE TABLE game_moves (game_id TEXT, move_number);"
        "INSERT INTO games VALUES ('a', 2), ('a', 1), ('b', 1);"
        "INSERT INTO game_moves VALUES ('a', 1), ('a', 1), ('b', 1);"
    )
    found, counts = await read(agent, run_script(tmp_path / "d.db", script))
    assert found == hashes(["b"])
    assert of(counts) == (1, 1, 0)


@pytest.mark.parametrize(
    ("script", "lack"),
    [
        ("CREATE TABLE ratings (name TEXT)", "no table of games"),
        ("CREATE TABLE games (game_id TEXT)", "no table of moves"),
        ("CREATE TABLE games (board TEXT); CREATE TABLE game_moves (game_id TEXT)", "games has no column of game ids"),
    ],
)
async def test_other_databases_are_said_to_be_no_games_databases(
    agent: AgentSession, tmp_path: Path, script: str, lack: str
) -> None:
    found, counts = await read(agent, run_script(tmp_path / "other.db", script))
    assert found == set()
    assert counts.not_games.startswith("it is not a games database: ") and lack in counts.not_games


async def test_a_database_with_a_wal_is_read_with_what_is_in_it_and_not_what_is_uncommitted(
    agent: AgentSession, tmp_path: Path
) -> None:
    path = add_games(tmp_path / "live.db", ids(0, 5), wal=True)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute("BEGIN")
    writer.execute(
        "INSERT INTO games (game_id, board_type, num_players, created_at, game_status, total_moves, total_turns,"
        " schema_version) VALUES ('in-the-wal', 'hex8', 2, 'then', 'completed', 5, 3, 18)"
    )
    add_moves(writer, ["in-the-wal"], MOVES)
    writer.execute("COMMIT")
    assert os.path.getsize(f"{path}-wal") > 0
    writer.execute("BEGIN")
    writer.execute("DELETE FROM game_moves")
    found, counts = await read(agent, path)
    writer.execute("ROLLBACK")
    writer.close()
    assert found == hashes([*ids(0, 5), "in-the-wal"])
    assert of(counts) == (6, 0, 0)


async def test_reading_leaves_nothing_beside_a_quiet_file_and_does_not_touch_it(
    agent: AgentSession, tmp_path: Path
) -> None:
    folder = tmp_path / "drive"
    path = add_games(folder / "quiet.db", ids(0, 3), wal=True)
    before = path.stat()
    await read(agent, path)
    assert os.listdir(folder) == ["quiet.db"]
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


async def test_a_transaction_under_way_in_rollback_mode_is_not_read(agent: AgentSession, tmp_path: Path) -> None:
    path = add_games(tmp_path / "busy.db", ids(0, 3))
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA cache_size=1")
    writer.execute("BEGIN IMMEDIATE")
    add_moves(writer, (f"spill-{n}" for n in range(5000)), 1)
    with pytest.raises(SyncdeckError) as refused:
        await read(agent, path)
    writer.execute("ROLLBACK")
    writer.close()
    assert refused.value.error_class is ErrorClass.SOURCE_CHANGED
    assert (await read(agent, path))[0] == hashes(ids(0, 3))


async def test_a_damaged_database_is_a_failure_and_never_a_small_count(agent: AgentSession, tmp_path: Path) -> None:
    path = add_games(tmp_path / "bad.db", ids(0, 3000))
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(2, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 64)
    with pytest.raises(SyncdeckError) as refused:
        await read(agent, path)
    assert refused.value.error_class is ErrorClass.CHECKSUM_MISMATCH
    (tmp_path / "text.db").write_bytes(b"not a database at all " * 100)
    with pytest.raises(SyncdeckError) as other:
        await read(agent, tmp_path / "text.db")
    assert other.value.error_class is ErrorClass.CHECKSUM_MISMATCH


async def test_ids_of_several_kinds_in_one_column_are_refused(agent: AgentSession, tmp_path: Path) -> None:
    script = (
        "CREATE TABLE games (game_id TEXT); CREATE TABLE game_moves (game_id TEXT);"
        "INSERT INTO games VALUES ('z'), (x'6161'); INSERT INTO game_moves VALUES ('z'), (x'6161');"
    )
    with pytest.raises(SyncdeckError) as refused:
        await read(agent, run_script(tmp_path / "mixed.db", script))
    assert "several kinds" in refused.value.cause


async def test_a_request_that_is_cancelled_ends_on_the_node(agent: AgentSession, tmp_path: Path) -> None:
    path = add_games(tmp_path / "many.db", ids(0, 20_000), moves=MOVES)
    first = asyncio.Event()

    async def take(block: bytes) -> None:
        first.set()

    task = asyncio.create_task(agent.game_ids(str(path), take, 1.0))
    await first.wait()
    helpers = [child for agent_process in psutil.Process().children() for child in agent_process.children()]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(helpers) == 1
    await asyncio.to_thread(wait_for_the_end_of, helpers)


@pytest.mark.parametrize("seed", range(30))
def test_merging_finds_just_the_complete_games(seed: int) -> None:
    chance = random.Random(seed)
    names = [b"%03d" % number for number in range(60)]
    games = {name: chance.randrange(4) for name in names if chance.random() < 0.6}
    moves = {name: chance.randrange(1, 5) for name in names if chance.random() < 0.6}
    tally = Tally()
    complete = list(complete_ids(sorted(games.items()), sorted(moves.items()), tally))
    assert complete == sorted(name for name, told in games.items() if moves.get(name, 0) >= max(1, told))
    assert tally.complete + tally.incomplete == len(games)
    assert tally.orphan_moves == len(set(moves) - set(games))
