"""The files of sets: sorted, each hash once, in bounded memory; nothing half-written is ever taken for one."""

from __future__ import annotations

import random
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from engine.games import gathering as gathering_module
from engine.games.gathering import Gathering
from engine.games.library import Library
from engine.games.setfile import HASH_TYPE, Hashes, parts_of, read_head
from engine.games.values import ContentName, CountedSet
from engine.model import FileStat

NAME = ContentName("games:g.db@node", "ab" * 32)


def counted(name: ContentName = NAME, complete: int = 0) -> CountedSet:
    return CountedSet(name, complete, 1, 2, 0, 5.0, FileStat(1, 2, 3, 4, 5), "", "")


def write(folder: Path, values: list[int], name: ContentName = NAME, block: int = 1000) -> CountedSet:
    gathering = Gathering(folder, "spool")
    for start in range(0, len(values), block):
        part = values[start : start + block]
        gathering.add(struct.pack(f"<{len(part)}Q", *part))
    done = gathering.finish(counted(name, len(values)), folder)
    gathering.close()
    return done


def hashes_in(done: CountedSet) -> Hashes:
    return np.concatenate([np.empty(0, HASH_TYPE), *parts_of(done, 1000)])


@pytest.mark.parametrize("run", [7, 1000, 1 << 20])
def test_hashes_are_sorted_and_each_is_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: int) -> None:
    monkeypatch.setattr(gathering_module, "RUN_IDS", run)
    chance = random.Random(run)
    values = [chance.getrandbits(64) for _ in range(3000)] + [0, 0, 2**64 - 1, 2**64 - 1]
    values += values[:500]
    done = write(tmp_path, values, block=13)
    assert hashes_in(done).tolist() == sorted(set(values))
    assert done.unique == len(set(values))
    assert read_head(Path(done.path)) == done
    assert [path.name for path in tmp_path.iterdir()] == [Path(done.path).name]


def test_a_set_of_nothing_is_a_set(tmp_path: Path) -> None:
    done = write(tmp_path, [])
    assert hashes_in(done).tolist() == [] and read_head(Path(done.path)) == done


def test_a_million_hashes_are_gathered_in_little_memory(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 1 << 64, 2_500_000, dtype=np.uint64)
    packed = values.tobytes()
    gathering = Gathering(tmp_path, "spool")
    tracemalloc.start()
    for start in range(0, len(packed), 1 << 16):
        gathering.add(packed[start : start + (1 << 16)])
    done = gathering.finish(counted(), tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    gathering.close()
    assert np.array_equal(hashes_in(done), np.sort(values.astype(HASH_TYPE)))
    assert peak < 40 << 20


def test_what_a_killed_engine_left_half_written_is_no_set(tmp_path: Path) -> None:
    done = write(tmp_path, list(range(100)))
    other = write(tmp_path, list(range(50)), ContentName("games:other.db@node", "cd" * 32))
    half = Path(done.path).read_bytes()[:-8]
    Path(done.path).write_bytes(half)
    (tmp_path / "x.spool.draft").write_bytes(b"1234")
    (tmp_path / "empty.games").write_bytes(b"")
    (tmp_path / "foreign.games").write_bytes(b"SYNCDECK GAMES 1" + struct.pack("<Q", 4) + b"[[[[")
    library = Library(tmp_path)
    settled = library.settle([], 0.0)
    assert settled.sets == {other.name: other}
    library.close()
    assert [path.name for path in tmp_path.iterdir()] == [Path(other.path).name]
