"""The index answers as a plain dictionary of sets would, whatever was added, taken out and merged before."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.games import index as index_module
from engine.games import segments as segments_module
from engine.games.index import GameIndex
from engine.games.segments import CLASS_TYPE
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
        hashes, at_once = np.array(sorted(games), HASH_TYPE), [1 << 19, 11][seed % 2]
        index.add(number, (hashes[at : at + at_once] for at in range(0, len(hashes), at_once)), len(hashes))
        assert indexed(index) == plain(sets)
    assert index.games == len(set().union(*sets.values()))


def test_what_large_segments_need_on_disk_goes_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_module, "SPILL_GAMES", 10)
    index = GameIndex(tmp_path / "index")
    for number in range(1, 20):
        index.add(number, [np.arange(number * 100, number * 100 + 50, dtype=HASH_TYPE)], 50)
    on_disk = sum(path.stat().st_size for path in (tmp_path / "index").iterdir())
    assert on_disk == index.games * (HASH_TYPE.itemsize + CLASS_TYPE.itemsize)


def test_memory_does_not_grow_with_the_games(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_module, "SPILL_GAMES", 1 << 16)
    games, at_once = 2_000_000, 1 << 14
    values = np.random.default_rng(1).integers(0, 1 << 64, games, dtype=np.uint64).astype(HASH_TYPE)
    sets = [np.unique(values[games // 4 * start :][: games // 2]) for start in (0, 1)]
    index = GameIndex(tmp_path / "index")
    tracemalloc.start()
    for number, hashes in enumerate(sets):
        index.add(number, (hashes[at : at + at_once] for at in range(0, len(hashes), at_once)), len(hashes))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    shared = len(np.intersect1d(*sets))
    assert indexed(index) == {
        frozenset({0}): len(sets[0]) - shared, frozenset({1}): len(sets[1]) - shared, frozenset({0, 1}): shared
    }  # fmt: skip
    assert peak < games * CLASS_TYPE.itemsize
