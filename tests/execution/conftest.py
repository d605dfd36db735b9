"""A whole data plane around the executor: real nodes over OpenSSH, a real store, real scans."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.execution.world import World, open_world
from tests.fleet import Fleet, openssh_fleet


@pytest.fixture(scope="module")
def shared_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("fleet"), count=3) as running:
        yield running


@pytest.fixture
def fleet(shared_fleet: Fleet) -> Fleet:
    """The module's fleet with empty data folders."""
    for node in shared_fleet.nodes:
        for folder in (node.games, node.training, node.models):
            shutil.rmtree(folder)
            folder.mkdir()
    return shared_fleet


@pytest.fixture
async def world(fleet: Fleet, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(fleet, tmp_path / "state.db", run_id="00000001") as opened:
        yield opened
