"""The ids of a database's complete games, as 64-bit hashes, in one ordered pass over games and moves.

Complete: at least as many moves are there as the game says it has, and one at the least. Nothing is held but a block
of hashes: both tables are read in the order of the ids, side by side.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from typing import Any, Dict, Iterable, Iterator, Optional, Tuple
from urllib.parse import quote

from engine.remote.agent.failures import Failure
from engine.remote.agent.gameids_schema import NotGames, readings
from engine.remote.agent.hashing import be_polite
from engine.remote.agent.pages_talk import Talk
from engine.remote.agent.paths import checked, existing
from engine.remote.agent.stats import reading_mode, same_content, stat_file, usage, wal_of

HASH_BYTES = 8
BLOCK_IDS = 8_192
CACHE_KIB = 16_384
BUSY_SECONDS = 10.0
STEPS_BETWEEN_LOOKS = 1_000_000
# A reader holds up checkpoints of a live database: never for long, and never until the disk is full.
LIVE_SECONDS = 300.0
WAL_GROWTH_BYTES = 256 << 20
JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"

Row = Tuple[bytes, int]


class Tally:
    """What was found so far. ``orphan_moves``: ids that have moves and no row of a game."""

    def __init__(self) -> None:
        self.complete = 0
        self.incomplete = 0
        self.orphan_moves = 0


def hash_of(game_id: bytes) -> bytes:
    """Return the 64-bit name of a game. Of ten million, two share one with a chance of 3 in a million."""
    return hashlib.blake2b(game_id, digest_size=HASH_BYTES).digest()


def complete_ids(games: Iterable[Row], moves: Iterable[Row], tally: Tally) -> Iterator[bytes]:
    """Walk two readings in the order of their ids; yield the id of each complete game."""
    rows = iter(moves)
    held: Optional[Row] = next(rows, None)
    for game_id, told in games:
        while held is not None and held[0] < game_id:
            tally.orphan_moves += 1
            held = next(rows, None)
        there = 0
        if held is not None and held[0] == game_id:
            there = held[1]
            held = next(rows, None)
        if there >= max(1, told):
            tally.complete += 1
            yield game_id
        else:
            tally.incomplete += 1
    while held is not None:
        tally.orphan_moves += 1
        held = next(rows, None)


def in_order(rows: Iterable[Any], what: str) -> Iterator[Row]:
    """Yield rows as they come; raises Failure where an id does not follow the one before it."""
    before = None
    for game_id, number in rows:
        if not isinstance(game_id, bytes) or (before is not None and game_id <= before):
            raise Failure(
                "unsupported", "the game ids of %s are of several kinds" % what, "store all of them as text, then again"
            )
        before = game_id
        yield game_id, number


class Blocks:
    """Sends hashes in blocks of bounded size, no faster than it was told to."""

    def __init__(self, talk: Talk, ids_per_second: float) -> None:
        self._talk = talk
        self._rate = ids_per_second
        self._started = time.monotonic()
        self._block = bytearray()
        self._sent = 0

    def take(self, game_id: bytes) -> None:
        """Add one game."""
        self._block += hash_of(game_id)
        if len(self._block) >= BLOCK_IDS * HASH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is gathered."""
        if not self._block:
            return
        self._sent += len(self._block) // HASH_BYTES
        self._talk.say({"ids": base64.b64encode(self._block).decode("ascii")})
        self._block = bytearray()
        time.sleep(max(0.0, self._started + self._sent / self._rate - time.monotonic()))


def tell_ids(job: Dict[str, Any], talk: Talk) -> Dict[str, Any]:
    """Send the hashes of a database's complete games; return the counts and the stat that the content had.

    ``not_games`` says in words why there is nothing to count. Raises Failure: source-changed, checksum-mismatch
    (damaged), config (no access), unsupported.
    """
    be_polite()
    try:
        import sqlite3
    except ImportError:
        raise Failure("unsupported", "this python3 has no sqlite3 module", "install python3's sqlite3") from None
    path = existing(checked(job["path"]))
    stat = stat_file(path)
    if stat is None:
        raise Failure("not-found", "%s is not there" % path, "the next scan finds what is there now")
    live = wal_of(path) is not None
    if not live:
        _ensure_no_writer(path)
    tally, blocks, not_games = Tally(), Blocks(talk, job["ids_per_second"]), ""
    watch = Watch(path, stat) if live else None
    try:
        connection = _connect(sqlite3, path, live, watch)
        try:
            found = readings(connection)
            games = in_order(connection.execute(found.games), path)
            for game_id in complete_ids(games, in_order(connection.execute(found.moves), path), tally):
                blocks.take(game_id)
        finally:
            connection.close()
    except NotGames as lack:
        not_games = "it is not a games database: %s" % lack
    except sqlite3.DatabaseError as error:
        raise (watch.failure if watch is not None and watch.failure else _explained(sqlite3, error, path)) from error
    if not live and (wal_of(path) is not None or not same_content(stat, stat_file(path) or [0] * len(stat))):
        raise _being_written(path)
    blocks.flush()
    return {
        "complete": tally.complete,
        "incomplete": tally.incomplete,
        "orphan_moves": tally.orphan_moves,
        "stat": stat,
        "not_games": not_games,
    }


class Watch:
    """Ends the reading of a live database that takes too long, or makes its -wal grow too far."""

    def __init__(self, path: str, stat: Any) -> None:
        self._path = path
        self._until = time.monotonic() + LIVE_SECONDS
        self._wal_limit = stat[3] + min(WAL_GROWTH_BYTES, usage(os.path.dirname(path))["free"] // 2)
        self.failure: Optional[Failure] = None

    def look(self) -> int:
        """Return 1, which makes SQLite stop, once a bound is passed."""
        wal = wal_of(self._path)
        why = None
        if time.monotonic() > self._until:
            why = "reading it took longer than %.0f s" % LIVE_SECONDS
        elif wal is not None and wal.st_size > self._wal_limit:
            why = "its -wal grew too far while it was read"
        if why is not None:
            cause = "%s is written while its games are counted: %s" % (self._path, why)
            self.failure = Failure("source-changed", cause, "a saved copy of it is counted instead")
        return 0 if why is None else 1


def _connect(sqlite3: Any, path: str, live: bool, watch: Optional[Watch]) -> Any:
    """Open it read-only: a live one in a read transaction, which holds one version still; a quiet one as it lies."""
    mode = "mode=%s" % reading_mode(path) if live else "immutable=1"
    uri = "file:%s?%s" % (quote(path), mode)
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    connection.text_factory = bytes
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA cache_size = -%d" % CACHE_KIB)
        if watch is not None:
            connection.set_progress_handler(watch.look, STEPS_BETWEEN_LOOKS)
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _ensure_no_writer(path: str) -> None:
    """Refuse a database in rollback mode in the middle of a transaction: what lies there is no version of it."""
    try:
        with open(path + "-journal", "rb") as journal:
            if journal.read(len(JOURNAL_MAGIC)) == JOURNAL_MAGIC:
                raise _being_written(path)
    except FileNotFoundError:
        return


def _being_written(path: str) -> Failure:
    return Failure("source-changed", "%s is written while its games are counted" % path, "it is tried again by itself")


def _explained(sqlite3: Any, error: Exception, path: str) -> Failure:
    words = str(error)
    if "malformed" in words or "not a database" in words or "corrupt" in words:
        cause = "%s is damaged: %s" % (path, words)
        return Failure("checksum-mismatch", cause, "restore it from a good copy, or move it aside")
    if "locked" in words or "busy" in words:
        return Failure("source-changed", "%s is locked by its writer" % path, "it is tried again by itself")
    if "full" in words:
        return Failure("no-space", "%s: sorting its games: %s" % (path, words), "free space for temporary files")
    if not isinstance(error, sqlite3.OperationalError):
        return Failure("checksum-mismatch", "%s: %s" % (path, words), "restore it from a good copy, or move it aside")
    return Failure("config", "%s: %s" % (path, words), "give the user of this connection access to it")
