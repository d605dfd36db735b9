"""Selfplay as it reaches the disk: games into a WAL-mode database, or as JSON lines where the GPU plays."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.lab.schema import DDL, SCHEMA_VERSION

# Shortest complete games (2, 3, 4 players) by board, from the users' own rules.
_MINIMUM_MOVES = {
    "hex8": (20, 30, 40),
    "square8": (20, 30, 40),
    "square19": (50, 80, 100),
    "hexagonal": (50, 80, 100),
}
_BUSY_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Game:
    """One finished game: its rows' values, of which the moves are the bulk. ``ended_at`` in seconds since the epoch."""

    game_id: str
    board: str
    players: int
    seed: int
    ended_at: float
    moves: tuple[str, ...]


def split_config_key(config_key: str) -> tuple[str, int]:
    """Return board and number of players of a config key such as ``hex8_2p``."""
    board, players = config_key.rsplit("_", 1)
    return board, int(players.removesuffix("p"))


def play(config_key: str, number: int, node_id: str, chance: random.Random, now: float) -> Game:
    """Return a made-up but complete game; equal arguments give equal games."""
    board, players = split_config_key(config_key)
    length = _MINIMUM_MOVES[board][players - 2] + chance.randrange(12)
    seed = chance.getrandbits(48)
    moves = tuple(
        json.dumps({"type": "place_ring", "to": {"x": chance.randrange(19), "y": chance.randrange(19)}, "n": at})
        for at in range(length)
    )
    return Game(f"{config_key}-{node_id}-{number:07d}-{seed:012x}", board, players, seed, now, moves)


class GameDatabase:
    """An open games database that games are added to, one transaction each, as selfplay does."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(DDL)

    @property
    def count(self) -> int:
        """How many games it holds."""
        return int(self._connection.execute("SELECT count(*) FROM games").fetchone()[0])

    def add(self, game: Game) -> None:
        """Commit one game with all its rows; raises sqlite3.Error, and then none of them is there."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._insert(connection, game)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @staticmethod
    def _insert(connection: sqlite3.Connection, game: Game) -> None:
        ended = _iso(game.ended_at)
        connection.execute(
            "INSERT INTO games (game_id, board_type, num_players, rng_seed, created_at, completed_at, game_status,"
            " winner, termination_reason, total_moves, total_turns, duration_ms, source, schema_version, engine_mode,"
            " quality_score, quality_category, metadata_json)"
            " VALUES (?,?,?,?,?,?,'completed',?,'elimination',?,?,?,'selfplay',?,'gumbel-mcts',?,'high','{}')",
            (
                game.game_id,
                game.board,
                game.players,
                game.seed,
                ended,
                ended,
                1 + game.seed % game.players,
                len(game.moves),
                len(game.moves) // game.players,
                120 * len(game.moves),
                SCHEMA_VERSION,
                0.5 + (game.seed % 50) / 100,
            ),
        )
        connection.executemany(
            "INSERT INTO game_players (game_id, player_number, player_type, ai_type) VALUES (?,?,'ai','gumbel_mcts')",
            [(game.game_id, player) for player in range(1, game.players + 1)],
        )
        connection.execute(
            "INSERT INTO game_initial_state (game_id, initial_state_json) VALUES (?, ?)",
            (game.game_id, json.dumps({"board": game.board, "players": game.players})),
        )
        connection.executemany(
            "INSERT INTO game_moves (game_id, move_number, turn_number, player, phase, move_type, move_json, timestamp)"
            " VALUES (?,?,?,?,'movement','place_ring',?,?)",
            [
                (game.game_id, at, at // game.players, 1 + at % game.players, move, ended)
                for at, move in enumerate(game.moves)
            ],
        )

    def close(self) -> None:
        """Close it; SQLite then folds the -wal into the database."""
        self._connection.close()


def json_line(game: Game) -> str:
    """Return the line that GPU selfplay writes for a game."""
    return (
        json.dumps(
            {
                "game_id": game.game_id,
                "board_type": game.board,
                "num_players": game.players,
                "completed_at": _iso(game.ended_at),
                "moves": [json.loads(move) for move in game.moves],
            },
            separators=(",", ":"),
        )
        + "\n"
    )


def pull_paths(root: Path, config_key: str, chance: random.Random) -> Iterator[Path]:
    """Yield the paths of successive JSONL files under a node's data root, each in a pull folder of its own."""
    pull = 0
    while True:
        pull += 1
        name = f"games_{config_key}_{chance.getrandbits(32):08x}.jsonl"
        path = root / "data" / "selfplay" / "p2p_gpu" / config_key / f"pull-{pull:04d}" / name
        if not path.parent.exists():
            yield path


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
