"""Whether a new version holds all that the one before it holds; if not, both are kept.

A rented box that is lost and comes back empty under its name begins its files anew. Size cannot tell that from
growth: only the content can.
"""

from __future__ import annotations

import os
from typing import Any, Iterator, Tuple
from urllib.parse import quote

from engine.remote.agent import gameids
from engine.remote.agent.checks import SQLITE_MAGIC
from engine.remote.agent.failures import Failure
from engine.remote.agent.gameids_schema import Named, NotGames, named, readings
from engine.remote.agent.growing import is_growing

CHUNK_BYTES = 1 << 20
CACHE_KIB = 16_384
_RANK = {int: 0, float: 0}
"""SQLite puts numbers before text; the two do not compare here."""

Row = Tuple[Any, ...]


def holds_all(old: str, new: str) -> bool:
    """Return whether nothing is lost when the file ``new`` takes the place of ``old``, which has the final name.

    A log that is appended to begins with what it was; a games database has all games, those without moves aside, and
    not fewer moves in all: counting them game by game would take longer than to move it. Of other contents nothing can
    be told: the word of their origin counts. Raises Failure (unsupported, checksum-mismatch) or
    OSError.
    """
    if is_growing(old):
        return _begins_with(new, old)
    if not _is_database(old):
        return True
    return _has_games_of(old, new)


def _begins_with(new: str, old: str) -> bool:
    with open(old, "rb") as before, open(new, "rb") as after:
        while True:
            wanted = before.read(CHUNK_BYTES)
            if not wanted:
                return True
            if after.read(len(wanted)) != wanted:
                return False


def same_bytes(one: str, other: str) -> bool:
    """Return whether two files hold the same."""
    return os.path.getsize(one) == os.path.getsize(other) and _begins_with(one, other)


def _is_database(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC


def _has_games_of(old: str, new: str) -> bool:
    try:
        import sqlite3
    except ImportError:
        cause = "this python3 has no sqlite3 module: whether %s still has all its games cannot be told" % old
        raise Failure("unsupported", cause, "install python3's sqlite3") from None
    try:
        before = _open(sqlite3, old)
        try:
            after = _open(sqlite3, new)
            try:
                return _compare(before, after)
            finally:
                after.close()
        finally:
            before.close()
    except sqlite3.DatabaseError as error:
        cause = "whether %s still has all its games cannot be told: %s" % (old, error)
        raise Failure("checksum-mismatch", cause, "see whether it is damaged, and move it away if it is") from error


def _compare(before: Any, after: Any) -> bool:
    wanted, there = named(before), named(after)
    if wanted is None:
        return True
    if there is None:
        return before.execute(wanted.rows).fetchone() is None
    if not wanted.by_name:
        return not there.by_name and _goes_on(_rows(before, wanted), _rows(after, there))
    if _moves(before, wanted) <= _moves(after, there) and _within(_rows(before, wanted), _rows(after, there)):
        return True
    if wanted.moves_count is None:
        return False
    # Ids and the number of moves do not say it yet: games without moves may go.
    return _within(_complete(before), _complete(after))


def _within(some: "Iterator[Row]", all_of: "Iterator[Row]") -> bool:
    """Return whether each of the first is among the second; both come in the order of their first column."""
    return all(_found(some, all_of))


def _goes_on(some: "Iterator[Row]", all_of: "Iterator[Row]") -> bool:
    """Return whether at least half of the rows are as they were: numbers name no game, and rows are written to."""
    same = total = 0
    for is_there in _found(some, all_of):
        same += is_there
        total += 1
    return 2 * same >= total


def _found(some: "Iterator[Row]", all_of: "Iterator[Row]") -> "Iterator[bool]":
    """Yield of each of the first whether it is among the second; both come in the order of their first column."""
    held = next(all_of, None)
    for one in some:
        while held is not None and held[0] < one[0]:
            held = next(all_of, None)
        yield held == one


def _rows(connection: Any, found: Named) -> "Iterator[Row]":
    """The ids of all games: an index serves mostly, so that little of a large database is read."""
    rows: Iterator[Row] = iter(connection.execute(found.rows))
    return rows if found.by_name else (((_RANK.get(type(row[0]), 2), row[0]), *row[1:]) for row in rows)


def _moves(connection: Any, found: Named) -> int:
    return int(connection.execute(found.moves_count).fetchone()[0]) if found.moves_count is not None else 0


def _complete(connection: Any) -> "Iterator[Row]":
    try:
        found = readings(connection)
    except NotGames:
        return iter(())
    games = gameids.in_order(connection.execute(found.games), "a version")
    moves = gameids.in_order(connection.execute(found.moves), "a version")
    return ((game_id,) for game_id in gameids.complete_ids(games, moves, gameids.Tally()))


def _open(sqlite3: Any, path: str) -> Any:
    """Open a database that nobody writes, without leaving anything beside it."""
    connection = sqlite3.connect("file:%s?immutable=1" % quote(path), uri=True, isolation_level=None)
    connection.text_factory = bytes
    connection.execute("PRAGMA cache_size = -%d" % CACHE_KIB)
    return connection
