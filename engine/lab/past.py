"""What a fleet has from before: old databases on the coordinator's drive, some of whose games are nowhere else."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

from engine.lab.games import Game, GameDatabase, play

CONFIG_KEY = "hex8_2p"
DAY_SECONDS = 86_400.0
_FORMER_BOX = "vast-3090-7"
"""The rented box that played them; it is long gone."""


def write_past(root: Path, drive: Path, seed: int, now: float) -> None:
    """Write what the Archive screen is for, once: a canonical database in ``root`` and two old ones on ``drive``.

    Every game of the raw database is also in the canonical one; of the merged one the last quarter is not.
    """
    chance = random.Random(seed)
    games = [play(CONFIG_KEY, number, _FORMER_BOX, chance, now - 60 * DAY_SECONDS) for number in range(120)]
    raw, merged = (time.strftime("%Y%m%d", time.gmtime(now - days * DAY_SECONDS)) for days in (60, 45))
    repository = drive / "selfplay_repository"
    _write(root / "data" / "games" / f"canonical_{CONFIG_KEY}.db", games[:90], now - 2 * DAY_SECONDS)
    _write(repository / f"raw_{raw}" / f"selfplay_{CONFIG_KEY}.db", games[:60], now - 60 * DAY_SECONDS)
    _write(repository / f"merged_all_{merged}.db", games, now - 45 * DAY_SECONDS)


def _write(path: Path, games: Sequence[Game], written_at: float) -> None:
    """Write a database, unless it is there: a lab that starts again has what it had."""
    if path.exists():
        return
    database = GameDatabase(path)
    for game in games:
        database.add(game)
    database.close()
    os.utime(path, (written_at, written_at))
