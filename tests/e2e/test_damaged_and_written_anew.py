"""A source that was damaged, or still empty, when it was first looked at: never sent so, and sent once it is sound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, cluster, integrity_of, make_npz, rows_of
from tests.execution.data import make_database

GAMES, LOG, SET = "hex8_2p.db", "hex8_2p_selfplay.jsonl", "hex8_2p.npz"
LINES = "".join(json.dumps({"game": number}) + "\n" for number in range(50))


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("anew"), nodes=2) as made:
        yield made


def copies(group: Cluster, name: str) -> list[Path]:
    origin = group.fleet[1].root
    return [path for path in group.copies_of(name) if not path.is_relative_to(origin)]


def blocked(group: Cluster) -> list[dict[str, Any]]:
    return [transfer for transfer in group.json("transfers") if transfer["state"] == "blocked"]


def test_what_is_damaged_is_told_and_what_was_written_anew_arrives_everywhere(group: Cluster) -> None:
    source = group.fleet[1]
    (source.games / GAMES).write_bytes(b"SQLite format 3\0" + b"\xff" * 9_000)
    (source.games / LOG).touch()
    (source.training / SET).write_bytes(b"PK\x03\x04 half of it")
    assert group.run("--no-ui", "--once").returncode == 1
    assert {transfer["error_class"] for transfer in blocked(group)} == {"checksum-mismatch"}
    assert all(not copies(group, name) for name in (GAMES, LOG, SET))

    (source.games / GAMES).unlink()
    make_database(source.games / GAMES, 30)
    (source.games / LOG).write_text(LINES)
    make_npz(source.training / SET)
    done = group.run("--no-ui", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert blocked(group) == []
    assert [(integrity_of(path), rows_of(path)) for path in copies(group, GAMES)] == [("ok", 30)] * 2
    assert [path.read_text() for path in copies(group, LOG)] == [LINES] * 2
    assert [path.read_bytes() for path in copies(group, SET)] == [(source.training / SET).read_bytes()] * 2


def test_what_only_a_person_mends_is_tried_again_when_told_to(group: Cluster, tmp_path: Path) -> None:
    name, landing = "square8_2p.db", group.fleet[0].games / "synced"
    landing.rename(tmp_path / "aside")
    landing.symlink_to(tmp_path)
    make_database(group.fleet[1].games / name, 30)
    assert group.run("--no-ui", "--once").returncode == 1
    assert {transfer["error_class"] for transfer in blocked(group)} == {"config"}
    landing.unlink()
    (tmp_path / "aside").rename(landing)
    assert group.run("transfers", "retry", "--blocked").returncode == 0
    assert group.run("--no-ui", "--once").returncode == 0
    assert [rows_of(path) for path in copies(group, name)] == [30, 30]
