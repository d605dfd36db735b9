"""A whole data plane with an archive, over real nodes: node-0 keeps the engine, node-1's own folders keep archives."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.archive.world import ArchiveWorld, open_archive
from tests.fleet import Fleet, openssh_fleet


@pytest.fixture(scope="module")
def shared_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("fleet"), count=4) as running:
        yield running


@pytest.fixture
def fleet(shared_fleet: Fleet) -> Fleet:
    """The module's fleet with empty data folders."""
    for node in shared_fleet.nodes:
        for folder in (node.games, node.training, node.models, node.root / "archives"):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (node.games, node.training, node.models):
            folder.mkdir()
    return shared_fleet


@pytest.fixture
async def world(fleet: Fleet, tmp_path: Path) -> AsyncIterator[ArchiveWorld]:
    async with open_archive(fleet, tmp_path / "state.db", "00000001") as opened:
        yield opened
