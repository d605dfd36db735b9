"""The index answers as a plain dictionary of sets would, whatever was added, taken out and merged before."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.games import index as index_module
from engine.games import segments as segments_module
from engine.games.index import GameIndex
from engine.games.setfile import HASH_TYPE


def plain(sets: dict[int, set[int]]) -> Counter[frozenset[int]]:
    """Count the games of each class by hand."""
    holders: dict[int, set[int]] = {}
    for content, games in sets.items():
        for game in games:
            holders.setdefault(game, set()).add(content)
    return Counter(frozenset(members) for members in holders.values())


def indexed(index: GameIndex) -> Counter[frozenset[int]]:
    """Count the games of each class as the index does."""
    found: Counter[frozenset[int]] = Counter()
    for members, count in index.classes():
        if members:
            found[members] += count
    return found


@pytest.mark.parametrize("seed", range(12))
def test_classes_are_those_of_plain_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(segments_module, "SPILL_GAMES", [1 << 20, 50, 7][seed % 3])
    monkeypatch.setattr(index_module, "CHUNK_GAMES", [1 << 19, 11][seed % 2])
    monkeypatch.setattr(index_module, "DEAD_BEFORE_TIDYING", 3)
    chance = random.Random(seed)
    universe = [0, 2**64 - 1, *(chance.getrandbits(64) for _ in range(300))]
    index, sets = GameIndex(tmp_path / "index"), dict[int, set[int]]()
    for number in range(1, 60):
        if sets and chance.random() < 0.4:
            gone = chance.choice(sorted(sets))
            del sets[gone]
            index.remove(gone)
        games = set(chance.sample(universe, chance.choice([0, 1, 5, 40, 200])))
        if sets and chance.random() < 0.3:
            games |= sets[chance.choice(sorted(sets))]
        sets[number] = games
        index.add(number, np.array(sorted(games), HASH_TYPE))
        assert indexed(index) == plain(sets)
    assert index.games == len(set().union(*sets.values()))


def test_what_large_segments_need_on_disk_goes_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_module, "SPILL_GAMES", 10)
    index = GameIndex(tmp_path / "index")
    for number in range(1, 20):
        index.add(number, np.arange(number * 100, number * 100 + 50, dtype=HASH_TYPE))
    on_disk = sum(path.stat().st_size for path in (tmp_path / "index").iterdir())
    assert on_disk == index.games * 8
