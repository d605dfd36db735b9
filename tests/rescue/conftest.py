"""One cluster for all tests of this room; each begins with empty folders and a state of its own."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, cluster


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, str]]:
    with cluster(tmp_path_factory.mktemp("rescue"), nodes=2) as group:
        yield group, group.config.read_text(encoding="utf-8")


@pytest.fixture
def group(shared: tuple[Cluster, str], tmp_path: Path) -> Cluster:
    """The cluster with nothing on it, as it was configured first."""
    running, written = shared
    running.config.write_text(written, encoding="utf-8")
    folders = [running.drive, running.folder / "hub" / "data" / "games"]
    for node in running.fleet.nodes:
        folders += [node.games, node.training, node.models]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    return dataclasses.replace(running, state=tmp_path / "state")
