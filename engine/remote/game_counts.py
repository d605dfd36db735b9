"""What a database's games were counted to on their node."""

from __future__ import annotations

from dataclasses import dataclass

from engine.model import FileStat


@dataclass(frozen=True, slots=True)
class GameCounts:
    """What a database holds: games with all their moves, games without, and ids that have moves but no game.

    ``stat`` is what the file looked like before it was read. ``not_games``: why there is nothing to count, or "".
    """

    complete: int
    incomplete: int
    orphan_moves: int
    stat: FileStat
    not_games: str = ""
