"""Games as the model's files hold them: a line ``game N`` is a game with its moves, ``torn N`` one without."""

from __future__ import annotations

import re

from engine.remote.agent import gameids

_LINE = re.compile(rb"^(game|torn) (\d+)$")


def complete_games(data: bytes) -> frozenset[bytes]:
    """Return the ids of the games that a file holds with their moves, counted by hand."""
    return frozenset(number for kind, number in _lines(data) if kind == b"game")


def merged(data: bytes, torn: int) -> bytes:
    """Return the lines that a merge writes of a file's games; every ``torn``-th (0: none) comes without its moves."""
    games = sorted(complete_games(data))
    words = (b"torn" if torn and not number % torn else b"game" for number in range(1, len(games) + 1))
    return b"".join(b"%s %s\n" % pair for pair in zip(words, games, strict=True))


def holds_all(old: bytes, new: bytes) -> bool:
    """Return whether a content has all games of another one, as an agent finds it."""
    ids, moves = ({number for _, number in _lines(old)}, [number for word, number in _lines(old) if word == b"game"])
    there = _lines(new)
    if len(moves) <= sum(word == b"game" for word, _ in there) and ids <= {number for _, number in there}:
        return True
    return complete_games(old) <= complete_games(new)


def tell_ids(data: bytes) -> tuple[bytes, gameids.Tally]:
    """Return the packed hashes of a file's complete games, found as an agent finds them in its two tables."""
    lines = _lines(data)
    moves: dict[bytes, int] = {}
    for kind, number in lines:
        moves[number] = moves.get(number, 0) + (kind == b"game")
    rows = sorted((number, 1) for number in {number for _, number in lines})
    tally = gameids.Tally()
    held = sorted((number, count) for number, count in moves.items() if count)
    found = list(gameids.complete_ids(rows, held, tally))
    return b"".join(map(gameids.hash_of, found)), tally


def _lines(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(found[1], found[2]) for line in data.splitlines(keepends=False) if (found := _LINE.match(line))]
