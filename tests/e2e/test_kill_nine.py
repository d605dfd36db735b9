"""kill -9 of the engine at any moment of a run: a restart finishes the work and nothing is left over anywhere."""

from __future__ import annotations

import contextlib
import random
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.e2e.cluster import Cluster, Writer, cluster, integrity_of, kill, make_npz, rows_of

LONGEST_LIFE_SECONDS = 6.0


def _die_and_come_back(group: Cluster, chance: random.Random) -> None:
    engine = group.start("--no-ui", "--once")
    with contextlib.suppress(subprocess.TimeoutExpired):
        engine.wait(timeout=chance.uniform(0.2, LONGEST_LIFE_SECONDS))
    kill(engine)


def _children_of_ours(group: Cluster) -> list[str]:
    marks = (str(group.folder),)
    found = []
    for process in psutil.process_iter(["cmdline", "name"]):
        line = " ".join(process.info["cmdline"] or [])
        if process.info["name"] == "rsync" and any(mark in line for mark in marks):
            found.append(line)
    return found


def _storm(tmp_path: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    with cluster(tmp_path, nodes=3) as group:
        writer = Writer(group.fleet[1].games / "selfplay_hex8_2p.db")
        writer.start()
        try:
            for number in range(kills):
                make_npz(group.fleet[2].training / f"hex8_2p_{number}.npz", 2_000_000)
                (group.fleet[1].models / f"canonical_hex8_{number % 3 + 2}p_v{number}.pth").write_bytes(
                    chance.randbytes(1_000_000)
                )
                _die_and_come_back(group, chance)
            before = writer.committed()
        finally:
            writer.stop()
        done = group.run("--no-ui", "--once")
        assert done.returncode == 0, done.stderr
        assert group.temporaries() == []
        assert _children_of_ours(group) == []
        copies = [path for path in group.copies_of("selfplay_hex8_2p.db") if path != writer.database]
        assert copies
        for copy in copies:
            assert integrity_of(copy) == "ok"
            assert rows_of(copy) >= before
        for number in range(kills):
            held = group.copies_of(f"hex8_2p_{number}.npz")
            assert len(held) >= 2, (number, held, done.stderr)
            assert len({path.read_bytes() for path in held}) == 1


def test_an_engine_killed_at_random_moments_finishes_after_a_restart_and_leaves_nothing(tmp_path: Path) -> None:
    _storm(tmp_path, 4, seed=7)


@pytest.mark.storm
@pytest.mark.timeout(1800)
def test_twenty_kills_at_random_moments_lose_and_leave_nothing(tmp_path: Path) -> None:
    _storm(tmp_path, 20, seed=20)
