"""An engine over the users' own 42 hosts and a small catalog, opened without touching any node."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.data_plane import UnifiedDataPlane
from engine.inventory.fleet import LocationStatus, NodeStatus
from engine.model import DataType, EntryKey, FileStat, LocationState, NodeState, Version

FLEET = Path(__file__).parent.parent / "config" / "data" / "fleet_42_hosts.yaml"
NOW_STAT = FileStat(1000, 1_700_000_000_000_000_000, 7)


def sha(number: int) -> str:
    """Return a made-up hash."""
    return f"{number:064x}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the users' file."""
    return Path(shutil.copy(FLEET, tmp_path / "distributed_hosts.yaml"))


@pytest.fixture
async def engine(config: Path, tmp_path: Path) -> AsyncIterator[UnifiedDataPlane]:
    """An engine whose nodes are all up, and that knows six training sets, each on one durable node."""
    made = UnifiedDataPlane(config, tmp_path / "state")
    (tmp_path / "state").mkdir()
    await made.open_offline()
    parts = made._need()
    for node in parts.fleet.policy.nodes:
        if parts.fleet.uses(node):
            parts.fleet.nodes[node] = NodeStatus(NodeState.UP)
    for root in parts.fleet.roots():
        usage = LocationStatus(LocationState.AVAILABLE, "", 10**12, 10**11, 0.0)
        parts.fleet.locations[root.location] = usage
    holder = receivers(made)[0]
    for number in range(6):
        key = EntryKey(DataType.NPZ, f"run{number}.npz")
        content = Version(sha(number), 1000, 1_700_000_000.0)
        await parts.catalog.record_content(key, holder, f"/data/run{number}.npz", content, NOW_STAT, 1_700_000_001.0)
    yield made
    await made.close()


def receivers(engine: UnifiedDataPlane) -> list[str]:
    """Return the durable places that receive NPZ."""
    from engine.routing.candidates import RoutingTable

    return sorted(c.location for c in RoutingTable(engine._need().fleet.policy).candidates(DataType.NPZ) if c.durable)
