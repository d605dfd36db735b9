"""Disks that were full or not there, nodes that died or left: each is said, and holds up nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.cluster import Cluster, cluster, make_npz
from tests.incidents.conftest import Story

SETS = ("hex8_2p.npz", "hex8_3p.npz", "hex8_4p.npz", "square8_2p.npz")


def _limit(group: Cluster, percent: float) -> None:
    document = yaml.safe_load(group.config.read_text(encoding="utf-8"))
    document["sync_routing"]["max_disk_usage_percent"] = percent
    document["sync_routing"]["target_disk_usage_percent"] = percent / 2
    group.config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _without(group: Cluster, host: str) -> None:
    document = yaml.safe_load(group.config.read_text(encoding="utf-8"))
    del document["hosts"][host]
    group.config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Four rounds: over the limit; drive away; trainer dead; trainer gone from the file."""
    with cluster(tmp_path_factory.mktemp("disks"), nodes=3) as group:
        told = Story(group)
        source = group.fleet[1].training
        permissive = group.config.read_text(encoding="utf-8")
        make_npz(source / SETS[0], 3_000)
        _limit(group, 0.001)
        told.round()
        told.facts["full"] = [path for path in group.copies_of(SETS[0]) if path != source / SETS[0]]
        told.facts["plan"] = group.json("plan")
        told.facts["lines"] = group.config.read_text(encoding="utf-8").splitlines()
        group.config.write_text(permissive, encoding="utf-8")
        told.round()
        away = group.drive.with_name("away")
        group.drive.rename(away)
        make_npz(source / SETS[1], 3_000)
        told.round()
        told.facts["known"] = told.entry(f"npz:{SETS[0]}")
        told.facts["drive was made"] = group.drive.exists()
        away.rename(group.drive)
        group.fleet[2].kill()
        make_npz(source / SETS[2], 3_000)
        told.round()
        _without(group, "node-2")
        make_npz(source / SETS[3], 3_000)
        told.round()
        told.facts["transfers"] = group.json("transfers")
        told.facts["nodes"] = {node["node"] for node in group.json("status")["nodes"]}
        yield told


def test_a_full_fleet_says_so_with_the_line_that_limits_it(story: Story) -> None:
    assert story.facts["full"] == []
    said = story.rounds[0].stdout
    assert "critical" in said and "of at most" in said
    refused = [refusal for refusal in story.facts["plan"]["refused"] if refusal["reason"].startswith("full")]
    lines = story.facts["lines"]
    assert refused
    assert {lines[refusal["line"] - 1].split(":")[0].strip() for refusal in refused} == {"max_disk_usage_percent"}


def test_a_limit_that_was_raised_in_the_one_place_lets_everything_go_on(story: Story) -> None:
    assert story.rounds[1].returncode == 0, story.rounds[1].stdout
    assert len(story.group.copies_of(SETS[0])) >= 3


def test_a_drive_that_is_away_is_said_and_not_taken_for_empty(story: Story) -> None:
    assert "does not exist; what is known of it stays known" in story.rounds[2].stdout
    assert "hub" in {replica["node"] for replica in story.facts["known"]["replicas"]}
    assert story.facts["drive was made"] is False
    assert (story.group.fleet[2].training / SETS[1]).exists()


def test_a_dead_node_is_said_and_the_others_are_served(story: Story) -> None:
    assert "node-2" in story.rounds[3].stdout
    assert (story.group.drive / "npz" / SETS[2]).exists()


def test_a_node_that_comes_back_when_its_drive_does_gets_what_it_missed(story: Story) -> None:
    assert (story.group.drive / "npz" / SETS[1]).exists()


def test_a_host_that_left_the_file_holds_up_nothing(story: Story) -> None:
    assert story.rounds[4].returncode == 0, story.rounds[4].stdout
    assert (story.group.drive / "npz" / SETS[3]).exists()
    assert "node-2" not in story.facts["nodes"]
    open_ends = [t for t in story.facts["transfers"] if t["state"] not in ("done", "cancelled", "failed")]
    assert open_ends == []


def test_nothing_half_written_is_left_on_any_node(story: Story) -> None:
    assert story.group.temporaries() == []
