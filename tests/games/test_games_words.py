"""What is known of games reads as a sentence that says no more than is known."""

from __future__ import annotations

import pytest

from engine.games.words import games_sentence, nowhere_else
from engine.views_archive import GamesView


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        (None, "raw: its games are not counted: it waits its turn, is damaged, or has no tables of games"),
        (
            GamesView(1_204_331, 1_204_331, 0, 0, 1.0, 1_204_331),
            "raw: 1,204,331 of 1,204,331 games are also in canonical databases",
        ),
        (GamesView(20, 20, 0, 0, 1.0, 19), "raw: 20 of 20 games are also in other databases"),
        (
            GamesView(50_000, 3_207, 46_793, 2, 1.0),
            "raw: 3,207 of 50,000 games are also in other databases; 46,793 games are nowhere else"
            " (2 games without all moves are not counted)",
        ),
        (GamesView(0, 0, 0, 7, 1.0), "raw: no complete games (7 games without all moves are not counted)"),
    ],
)
def test_a_database_is_told_of_in_a_sentence(view: GamesView | None, sentence: str) -> None:
    assert games_sentence("raw", view) == sentence


def test_what_is_not_counted_is_said_not_to_be() -> None:
    assert nowhere_else(None) == "how many games are nowhere else is not counted yet"
    assert nowhere_else(46_793) == "46,793 games are nowhere else"
