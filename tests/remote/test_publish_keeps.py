"""What a new version lacks of the one before it stays beside it: publishing takes nothing out of the world."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ErrorClass, SyncdeckError
from engine.remote.session import AgentSession
from engine.remote.types import PublishRequest, PublishResult
from tests.remote.test_publish import request_for, stat_of

KEPT = "games.kept-0123456789ab.db"
REAL = "game_id TEXT PRIMARY KEY, board_type TEXT, total_moves INTEGER"
NUMBERED = "id INTEGER PRIMARY KEY, board_type TEXT, started TEXT"
Games = Sequence[tuple[str, int]]


def real(path: Path, games: Games) -> Path:
    """Write (id, moves that are there) of games that say they have two moves each."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE games ({REAL})")
        connection.execute(
            "CREATE TABLE game_moves (game_id TEXT, move_number INT, PRIMARY KEY (game_id, move_number))"
        )
        connection.executemany("INSERT INTO games VALUES (?, 'hex8', 2)", [(name,) for name, _ in games])
        moves = [(name, number) for name, count in games for number in range(count)]
        connection.executemany("INSERT INTO game_moves VALUES (?, ?)", moves)
        connection.commit()
    return path


def numbered(path: Path, started: Sequence[str]) -> Path:
    """Write games that are numbered from one, each with when it was started."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE games ({NUMBERED})")
        connection.executemany("INSERT INTO games (board_type, started) VALUES ('hex8', ?)", [(at,) for at in started])
        connection.commit()
    return path


async def put(agent: AgentSession, new: bytes, final: Path) -> PublishResult:
    """Publish a content over the file that is there."""
    request = request_for(final.parent, new, final.name)
    return await agent.publish(asks(request, final))


def asks(request: PublishRequest, final: Path) -> PublishRequest:
    return replace(request, expected=stat_of(final), kept_path=str(final.parent / KEPT))


TWO = (("a", 2), ("b", 2))


@pytest.mark.parametrize(
    ("old", "new", "stays"),
    [
        (TWO, (*TWO, ("c", 2)), False),
        (TWO, (("b", 2), ("a", 2)), False),
        (TWO, (("c", 2), ("d", 2), ("e", 2)), True),
        (TWO, (("a", 2), ("c", 2), ("d", 2)), True),
        (TWO, (("a", 2), ("b", 0), ("c", 1)), True),
        ((("a", 2), ("torn", 0)), (("a", 2), ("b", 2)), False),
        ((("torn", 1),), (("a", 2), ("b", 2)), False),
        ((), (("a", 2),), False),
    ],
)
async def test_a_database_stays_where_the_new_one_lacks_a_whole_game_of_it(
    agent: AgentSession, tmp_path: Path, old: Games, new: Games, stays: bool
) -> None:
    final, wanted = real(tmp_path / "games.db", old), real(tmp_path / "new", new).read_bytes()
    before, stat = final.read_bytes(), stat_of(final)
    result = await put(agent, wanted, final)
    assert (result.outcome, final.read_bytes()) == ("published", wanted)
    kept = tmp_path / KEPT
    assert kept.exists() is stays and result.kept == (stat if stays else None)
    assert not stays or kept.read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(("-wal", "-shm", "-journal"))]


async def test_a_database_without_moves_is_known_by_its_games(agent: AgentSession, tmp_path: Path) -> None:
    for number, (names, stays) in enumerate(((("x", "y", "z"), False), (("y", "z", "w"), True))):
        final = tmp_path / str(number) / "games.db"
        final.parent.mkdir()
        contents = []
        for path, rows in ((final, ("x", "y")), (tmp_path / f"new-{number}", names)):
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("CREATE TABLE games (game_id TEXT, moves TEXT)")
                connection.executemany("INSERT INTO games VALUES (?, 'm')", [(name,) for name in rows])
                connection.commit()
            contents.append(path.read_bytes())
        result = await put(agent, contents[1], final)
        assert (result.kept is not None) is stays


async def test_numbers_alone_name_no_game(agent: AgentSession, tmp_path: Path) -> None:
    final = numbered(tmp_path / "games.db", ["mon", "tue", "wed"])
    grown = numbered(tmp_path / "grown", ["mon", "tue", "wed, ended", "thu"]).read_bytes()
    assert (await put(agent, grown, final)).kept is None
    other = numbered(tmp_path / "other", ["oct", "nov", "dec", "jan", "feb"]).read_bytes()
    assert (await put(agent, other, final)).kept is not None
    assert (tmp_path / KEPT).read_bytes() == grown


async def test_a_log_stays_unless_the_new_one_begins_with_it(agent: AgentSession, tmp_path: Path) -> None:
    final = tmp_path / "games.jsonl"
    final.write_bytes(b"one\ntwo\n")
    assert (await put(agent, b"one\ntwo\nthree\n", final)).kept is None
    assert (await put(agent, b"another\nbeginning\n", final)).kept is not None
    assert (tmp_path / KEPT).read_bytes() == b"one\ntwo\nthree\n"


async def test_what_is_made_anew_each_time_replaces_the_old(agent: AgentSession, tmp_path: Path) -> None:
    final = tmp_path / "model.pth"
    final.write_bytes(b"weights")
    assert (await put(agent, b"heavier", final)).kept is None
    assert not (tmp_path / KEPT).exists()


async def test_killed_before_the_rename_it_ends_well_when_asked_again(agent: AgentSession, tmp_path: Path) -> None:
    final = real(tmp_path / "games.db", TWO)
    before = final.read_bytes()
    os.link(final, tmp_path / KEPT)
    wanted = real(tmp_path / "new", (("c", 2), ("d", 2))).read_bytes()
    assert (await put(agent, wanted, final)).kept is not None
    assert ((tmp_path / KEPT).read_bytes(), final.read_bytes()) == (before, wanted)


async def test_another_copy_of_what_stays_serves_as_well(agent: AgentSession, tmp_path: Path) -> None:
    final = real(tmp_path / "games.db", TWO)
    (tmp_path / KEPT).write_bytes(final.read_bytes())
    wanted = real(tmp_path / "new", (("c", 2), ("d", 2))).read_bytes()
    assert (await put(agent, wanted, final)).kept == stat_of(tmp_path / KEPT)


async def test_where_another_content_has_that_name_nothing_is_replaced(agent: AgentSession, tmp_path: Path) -> None:
    final = real(tmp_path / "games.db", TWO)
    before = final.read_bytes()
    (tmp_path / KEPT).write_bytes(b"somebody else's")
    with pytest.raises(SyncdeckError) as failure:
        await put(agent, real(tmp_path / "new", (("c", 2), ("d", 2))).read_bytes(), final)
    assert failure.value.error_class is ErrorClass.CONFIG
    assert (final.read_bytes(), (tmp_path / KEPT).read_bytes()) == (before, b"somebody else's")


async def test_what_stays_lies_beside_the_file_and_nowhere_else(agent: AgentSession, tmp_path: Path) -> None:
    final = real(tmp_path / "games.db", TWO)
    wanted = real(tmp_path / "new", (("c", 2),)).read_bytes()
    request = asks(request_for(tmp_path, wanted, final.name), final)
    for path in (str(tmp_path.parent / KEPT), f"{tmp_path}/../{KEPT}"):
        with pytest.raises(SyncdeckError):
            await agent.publish(replace(request, kept_path=path))
    assert final.read_bytes() != wanted


async def test_many_at_once_keep_what_they_must(agent: AgentSession, tmp_path: Path) -> None:
    requests = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        final = real(folder / "games.db", TWO)
        games = (*TWO, ("c", 2)) if name == "one" else (("c", 2), ("d", 2))
        requests.append(asks(request_for(folder, real(folder / "new", games).read_bytes(), "games.db"), final))
    results = await agent.publish_many(requests)
    assert [one.kept is not None for one in results if isinstance(one, PublishResult)] == [False, True]
