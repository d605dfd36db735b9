"""Between two scans a node is looked at for changes: real agent, real files, and only a scan forgets anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.load import load
from config.types import DataType
from engine.catalog.catalog import DataCatalog
from engine.clock import ManualClock, SystemClock
from engine.inventory.fleet import Fleet
from engine.inventory.keeper import InventoryKeeper
from engine.inventory.scanner import NodeScanner, ScanOutcome
from engine.model import EntryKey, ReplicaState
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, NodeAgent, SshOptions
from engine.store.store import Store

NODE = "box"


@dataclass
class Ground:
    """One node of this machine, its catalog, and who looks at it."""

    root: Path
    catalog: DataCatalog
    fleet: Fleet
    pool: SessionPool
    keeper: InventoryKeeper
    told: list[ScanOutcome | None]

    async def agent(self) -> NodeAgent:
        return await self.pool.get(NODE)

    def write(self, name: str, content: str = "x") -> Path:
        path = self.root / "models" / name
        path.write_text(content)
        return path

    async def copies(self) -> dict[str, int]:
        """Return path and size of every known copy."""
        page = await self.catalog.iter_entries()
        return {entry.key.path: copy.stat.size_bytes for _, entry in page for copy in entry.replicas}


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    root, control = tmp_path / "box", tmp_path / "ssh"
    (root / "models").mkdir(parents=True)
    control.mkdir()
    hosts = tmp_path / "distributed_hosts.yaml"
    hosts.write_text(f"hosts:\n  {NODE}: {{ssh_host: localhost, status: ready, ringrift_path: {root}}}\n")
    store = await Store.open(tmp_path / "state.db")
    catalog = DataCatalog(store, SystemClock())
    fleet = Fleet(load(hosts).policy, NODE)
    fleet.apply_policy(fleet.policy)
    pool = SessionPool(lambda name: Endpoint(name, local=True), SshOptions(control_dir=control))
    told: list[ScanOutcome | None] = []

    async def on_scanned(_node: str, outcome: ScanOutcome | None) -> None:
        told.append(outcome)

    keeper = InventoryKeeper(catalog, fleet, pool.get, ManualClock(), on_scanned, lambda name, error: None)
    yield Ground(root, catalog, fleet, pool, keeper, told)
    await pool.close()
    await store.close()


async def test_a_new_file_is_found_without_a_scan_and_a_quiet_look_tells_nobody(ground: Ground) -> None:
    ground.write("a.pth")
    first = await ground.keeper.look(NODE, for_changes=True)
    assert first is not None and first.whole, "there is no look to build on yet"
    ground.write("b.pth", "longer")
    second = await ground.keeper.look(NODE, for_changes=True)
    assert second is not None and not second.whole and second.touched == 1
    assert await ground.copies() == {"a.pth": 1, "b.pth": 6}
    third = await ground.keeper.look(NODE, for_changes=True)
    assert third is not None and (third.files, third.touched) == (0, 0)
    assert ground.told == [first, second]


async def test_only_a_scan_forgets_what_is_gone(ground: Ground) -> None:
    gone = ground.write("a.pth")
    ground.write("b.pth")
    await ground.keeper.look(NODE)
    gone.unlink()
    looked = await ground.keeper.look(NODE, for_changes=True)
    assert looked is not None and looked.removed == 0
    assert set(await ground.copies()) == {"a.pth", "b.pth"}
    scanned = await ground.keeper.look(NODE)
    assert scanned is not None and scanned.removed == 1
    assert set(await ground.copies()) == {"b.pth"}


async def test_a_lost_session_is_followed_by_a_scan(ground: Ground) -> None:
    ground.write("a.pth")
    await ground.keeper.look(NODE)
    await (await ground.agent()).close()
    outcome = await ground.keeper.look(NODE, for_changes=True)
    assert outcome is not None and outcome.whole and outcome.look is not None


async def test_a_look_that_is_asked_for_during_a_look_follows_it(ground: Ground) -> None:
    told: list[ScanOutcome | None] = []
    followed = asyncio.Event()

    async def on_scanned(_node: str, outcome: ScanOutcome | None) -> None:
        told.append(outcome)
        if len(told) == 1:
            assert keeper.wake([NODE]) == 1
        else:
            followed.set()

    keeper = InventoryKeeper(
        ground.catalog, ground.fleet, ground.pool.get, ManualClock(), on_scanned, lambda name, error: None
    )
    keeper.start()
    try:
        async with asyncio.timeout(15):
            await followed.wait()
    finally:
        await keeper.stop()
    assert [outcome is not None and outcome.whole for outcome in told] == [True, True]


async def test_what_newer_evidence_outran_is_told_by_the_next_look(ground: Ground) -> None:
    path = ground.write("a.pth")
    scanned = await ground.keeper.look(NODE)
    assert scanned is not None and scanned.look is not None
    path.write_text("changed by somebody")
    scanner, agent = NodeScanner(ground.catalog, ground.fleet, SystemClock()), await ground.agent()
    key = EntryKey(DataType.MODELS, "a.pth")

    class Evidence:
        """The agent, beside whose look evidence of the same file comes in."""

        def __getattr__(self, name: str) -> object:
            return getattr(agent, name)

        async def changes(self, roots: object, taken: int) -> AsyncIterator[object]:
            async for batch in agent.changes(roots, taken):  # type: ignore[arg-type]
                await ground.catalog.mark_bad(key, NODE)
                yield batch

    outrun = await scanner.changes(NODE, Evidence(), scanned.look)  # type: ignore[arg-type]
    assert outrun is not None and (outrun.touched, outrun.look) == (0, scanned.look)
    again = await scanner.changes(NODE, agent, scanned.look)
    assert again is not None and again.touched == 1 and again.look != scanned.look
    entry = await ground.catalog.get(key)
    assert entry is not None and entry.replicas[0].state is ReplicaState.UNHASHED
    assert await ground.copies() == {"a.pth": len("changed by somebody")}
