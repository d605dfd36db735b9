"""Files that never left their node, or went where they should not: one round, started as cron would start it."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, cluster, make_npz
from tests.execution.data import make_database
from tests.fleet import FleetNode
from tests.incidents.conftest import Story

AWKWARD = (
    "-rf canonical_hex8_3p.npz",
    'it\'s "q" hex8_3p $(touch owned) `y`.npz',
    "ünï çödé hex8_3p.npz",
    "%s hex8_3p;&|.npz",
    "*?[x] hex8_4p.npz",
)
OVERLOOKED = (
    "data/games/tournament_hex8_2p.db",
    "data/games/gauntlet_square19_4p.db",
    "data/games/owc_imports/node_gumbel_hex8_2p.db",
    "data/selfplay/p2p_gpu/hex8_2p/pull-1/games_hex8_2p_ab12.jsonl",
    "models/candidate_hex8_2p_v7.pth",
    "models/canonical_square8_2p.pth",
)
IDENTITY = ("data/.env.local", "data/distributed_hosts.yaml", "data/node-id", "data/unified_elo.db", "data/registry.db")
MANY = tuple(f"hex8_2p_{number:03}.npz" for number in range(8))
INFLATING = "square19_2p.npz"
INFLATED_BYTES = 50_000_000
LIMIT = 2


def _write_all(node: FleetNode) -> None:
    for name in (*AWKWARD, *MANY):
        make_npz(node.training / name, 2_000)
    for name in (*OVERLOOKED, *IDENTITY):
        path = node.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".db":
            make_database(path, 20)
        else:
            path.write_bytes(b"{}\n" * 1_000 + os.urandom(20).hex().encode() + b"\n")
    with zipfile.ZipFile(node.training / INFLATING, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("features.npy", io.BytesIO(bytes(INFLATED_BYTES)).getbuffer())


def _elsewhere(node: FleetNode) -> None:
    """A data folder that is a link to another disk, as nodes with a small system disk have it."""
    outside = node.home / "large-disk"
    outside.mkdir()
    make_npz(outside / "hexagonal_2p.npz", 2_000)
    (node.root / "data" / "archive").symlink_to(outside)
    (node.root / "data" / "again").symlink_to(node.root / "data")


def _as_cron_does(group: Cluster) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(group.folder)}
    command = group.command("--no-ui", "--once")
    return subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                          env=environment, cwd=Path(__file__).parents[2])  # fmt: skip


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with cluster(tmp_path_factory.mktemp("names"), nodes=3) as group:
        text = group.config.read_text(encoding="utf-8")
        group.config.write_text(text.replace("max_concurrent_syncs: 4", f"max_concurrent_syncs: {LIMIT}"))
        _write_all(group.fleet[1])
        _elsewhere(group.fleet[0])
        told = Story(group)
        told.rounds.append(_as_cron_does(group))
        told.facts["transfers"] = group.json("transfers")
        yield told


def test_cron_needs_no_path_and_no_environment(story: Story) -> None:
    assert story.rounds[0].returncode == 0, story.rounds[0].stdout
    assert {t["state"] for t in story.facts["transfers"]} == {"done"}


@pytest.mark.parametrize("name", AWKWARD)
def test_no_name_keeps_a_file_from_travelling_or_runs_as_a_command(story: Story, name: str) -> None:
    held = story.group.copies_of("*.npz")
    assert len([path for path in held if path.name == name]) >= 2
    assert not story.group.copies_of("owned")


@pytest.mark.parametrize("name", OVERLOOKED)
def test_no_kind_of_data_stays_on_the_node_that_wrote_it(story: Story, name: str) -> None:
    assert story.copies(Path(name).name, story.group.fleet[1].root / name)


@pytest.mark.parametrize("name", IDENTITY)
def test_what_says_who_a_node_is_never_travels(story: Story, name: str) -> None:
    found = story.group.copies_of(Path(name).name)
    home = story.group.fleet[1].root / name
    assert [path for path in found if path != home and path != story.group.config] == []


def test_every_training_set_reaches_the_trainer_in_the_first_round(story: Story) -> None:
    trainer = story.group.fleet[2].training
    assert {path.name for path in trainer.iterdir()} == {*AWKWARD, *MANY, INFLATING}


def _copies(transfers: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """Return when each copy began and ended. Small files of one pair that were claimed together travel as one."""
    ends: dict[tuple[str, str, float], float] = {}
    for each in transfers:
        run = (each["source"], each["target"], each["started_at"] or each["finished_at"])
        ends[run] = max(ends.get(run, 0.0), each["finished_at"])
    return [(began, ended) for (_, _, began), ended in ends.items()]


def test_no_more_copies_run_at_once_than_the_file_allows(story: Story) -> None:
    copies = _copies(story.facts["transfers"])
    assert len(copies) > 2 * LIMIT, "too few to run side by side"
    times = [(began, 1) for began, _ in copies] + [(ended, -1) for _, ended in copies]
    assert max(accumulate(step for _, step in sorted(times))) <= LIMIT


def test_an_archive_counts_with_its_size_on_disk_not_with_what_it_inflates_to(story: Story) -> None:
    size = (story.group.fleet[1].training / INFLATING).stat().st_size
    moved = [t["bytes_total"] for t in story.facts["transfers"] if t["key"].endswith(INFLATING)]
    assert moved and set(moved) == {size}
    assert size < INFLATED_BYTES / 100


def test_a_data_folder_that_links_elsewhere_is_walked_once_and_said(story: Story) -> None:
    assert story.group.copies_of("hexagonal_2p.npz") == [story.group.fleet[0].home / "large-disk" / "hexagonal_2p.npz"]
    assert "data/archive is not looked at" in story.rounds[0].stdout
    keys = [entry["key"] for entry in story.group.json("catalog", "ls")]
    assert len(keys) == len(set(keys)) == len(AWKWARD) + len(MANY) + len(OVERLOOKED) + 1
