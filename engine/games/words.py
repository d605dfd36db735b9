"""What is known of games, in sentences for an operator. Pure."""

from __future__ import annotations

from engine.views_archive import GamesView
from engine.words import counted


def games_sentence(name: str, view: GamesView | None) -> str:
    """Return what is known of a database's games: whether they are elsewhere, and what does not count."""
    if view is None:
        return f"{name}: its games are not counted: it waits its turn, is damaged, or has no tables of games"
    if view.complete == 0:
        return f"{name}: no complete games{_others(view)}"
    total = f"{view.complete:,}"
    if view.canonical == view.complete:
        known = f"{total} of {total} games are also in canonical databases"
    elif view.only_here == 0:
        known = f"{total} of {total} games are also in other databases"
    else:
        known = f"{view.elsewhere:,} of {total} games are also in other databases; {nowhere_else(view.only_here)}"
    return f"{name}: {known}{_others(view)}"


def nowhere_else(games: int | None) -> str:
    """Return how many games are nowhere else."""
    if games is None:
        return "how many games are nowhere else is not counted yet"
    if games == 0:
        return "no games are only there"
    return f"{games:,} {'game is' if games == 1 else 'games are'} nowhere else"


def _others(view: GamesView) -> str:
    parts = []
    if view.incomplete:
        parts.append(f"{counted(view.incomplete, 'game')} without all moves {'is' if view.incomplete == 1 else 'are'}")
    if view.orphan_moves:
        parts.append(f"the moves of {counted(view.orphan_moves, 'unknown game')} are")
    return f" ({' and '.join(parts)} not counted)" if parts else ""
