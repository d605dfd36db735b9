"""What a copy is: current, stale or diverged; what may replace what; and that a rescan invents nothing."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

from tests.contract.samples import below, make_games, replica_states
from tests.e2e.cluster import cluster, make_npz, rows_of

MODEL = "canonical_hex8_2p.pth"


def test_an_earlier_version_is_replaced_and_a_smaller_one_replaces_nothing(tmp_path: Path) -> None:
    with cluster(tmp_path, nodes=3) as group:
        model = group.fleet[2].models / MODEL
        model.write_bytes(b"A" * 1000)
        assert group.run("--no-ui", "--once").returncode == 0
        copies = [path for path in group.copies_of(MODEL) if path != model]
        assert len(copies) >= 2
        model.write_bytes(b"B" * 1000)
        assert group.run("--no-ui", "--once").returncode == 0
        assert {path.read_bytes() for path in copies} == {b"B" * 1000}

        model.write_bytes(b"C" * 400)
        done = group.run("--no-ui", "--once")
        assert done.returncode == 1, "a wanted file that may not be copied is blocked, and that is a bad answer"
        assert "smaller" not in done.stderr and "Traceback" not in done.stderr
        assert {path.read_bytes() for path in copies} == {b"B" * 1000}
        refused = group.json("plan")["refused"]
        assert {item["key"] for item in refused} == {f"models:{MODEL}"}
        assert all("smaller" in item["reason"] and item["remedy"] for item in refused)
        assert set(replica_states(group, f"models:{MODEL}").values()) == {"current", "stale"}
        blocked = [row for row in group.json("transfers") if row["state"] == "blocked"]
        assert {row["target"] for row in blocked} == {item["node"] for item in refused}
        assert all(row["key"] == f"models:{MODEL}" and "smaller" in row["reason"] for row in blocked)

        model.write_bytes(b"D" * 1200)
        assert group.run("--no-ui", "--once").returncode == 0
        assert {path.read_bytes() for path in copies} == {b"D" * 1200}
        assert not [row for row in group.json("transfers") if row["state"] == "blocked"]


def test_a_copy_that_never_was_a_version_is_kept_shown_and_not_counted(tmp_path: Path) -> None:
    with cluster(tmp_path, nodes=3) as group:
        other, newer = group.fleet[0].models / MODEL, group.fleet[1].models / MODEL
        other.write_bytes(b"X" * 500)
        newer.write_bytes(b"Y" * 600)
        for _ in range(2):
            group.run("--no-ui", "--once")
            assert other.read_bytes() == b"X" * 500 and newer.read_bytes() == b"Y" * 600
        states = replica_states(group, f"models:{MODEL}")
        assert sorted(states[node] for node in ("node-0", "node-1")) == ["current", "diverged"]
        (entry,) = group.json("catalog", "where", f"models:{MODEL}")
        assert entry["copies"] == sum(state == "current" for state in states.values())
        status = group.run("status")
        assert status.returncode == 1 and "differing" in status.stdout


def test_a_commit_that_only_the_log_holds_is_noticed_and_saved(tmp_path: Path) -> None:
    with cluster(tmp_path, nodes=2) as group:
        database = group.fleet[0].games / "selfplay_hex8_2p.db"
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as writer:
            writer.execute("PRAGMA journal_mode=WAL")
            writer.execute("PRAGMA wal_autocheckpoint=0")
            writer.execute("CREATE TABLE games (game_id INTEGER PRIMARY KEY, moves TEXT)")
            writer.execute("INSERT INTO games (moves) VALUES ('e4')")
            assert group.run("--no-ui", "--once").returncode == 0
            before = database.stat().st_mtime_ns
            writer.execute("INSERT INTO games (moves) VALUES ('e5')")
            assert database.stat().st_mtime_ns == before
            assert group.run("--no-ui", "--once").returncode == 0
            copies = [path for path in group.copies_of(database.name) if path != database]
            assert copies and all(rows_of(path) == 2 for path in copies)


def test_a_lost_state_directory_costs_a_rescan_and_not_one_copy(tmp_path: Path) -> None:
    with cluster(tmp_path, nodes=3) as group:
        for index in (0, 1, 2):
            make_games(group.fleet[index].games / "selfplay_hex8_2p.db", index + 1)
        make_npz(group.fleet[1].training / "hex8_2p.npz", 5_000)
        (group.fleet[2].models / MODEL).write_bytes(b"A" * 1000)
        assert group.run("--no-ui", "--once").returncode == 0
        keys = [entry["key"] for entry in group.json("catalog", "ls")]
        files = [below(group, pattern) for pattern in ("*.db", "*.npz", "*.pth")]
        shutil.rmtree(group.state)
        done = group.run("--no-ui", "--once")
        assert done.returncode == 0 and done.stdout.startswith("0 transfers done")
        assert [entry["key"] for entry in group.json("catalog", "ls")] == keys
        assert [below(group, pattern) for pattern in ("*.db", "*.npz", "*.pth")] == files
        assert group.json("transfers") == [] and group.json("plan")["plan"] == []
