"""An engine that runs for months keeps its store small."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.catalog.catalog import DataCatalog
from engine.clock import ManualClock, SystemClock
from engine.data_plane import UnifiedDataPlane
from engine.model import StorageSample
from engine.queue.queue import TransferQueue
from engine.store.peek import STORE_NAME
from engine.store.store import Store
from tests.queue.samples import done, new

MONTH = 30 * 86_400.0
HOSTS = """\
hosts:
  here: {{ssh_host: localhost, status: ready, role: coordinator, ringrift_path: {root}}}
data_plane: {{node_id: here}}
"""


async def remembered(state: Path) -> tuple[list[StorageSample], int]:
    """Return the samples and the number of finished transfers that a state directory holds."""
    store = await Store.open(state / STORE_NAME)
    try:
        samples = await DataCatalog(store, SystemClock()).samples("gone:/mnt/x")
        return samples, (await TransferQueue(store, SystemClock()).page(0, 10))[0]
    finally:
        await store.close()


@pytest.mark.parametrize("once", [True, False], ids=["a single run", "a running engine"])
async def test_what_is_a_month_old_is_forgotten(tmp_path: Path, once: bool) -> None:
    hosts, root, state = tmp_path / "hosts.yaml", tmp_path / "root", tmp_path / "state"
    root.mkdir()
    state.mkdir()
    hosts.write_text(HOSTS.format(root=root))
    past = ManualClock(SystemClock().now() - MONTH)
    store = await Store.open(state / STORE_NAME)
    await DataCatalog(store, past).add_samples([StorageSample("gone:/mnt/x", past.now(), 100, 1)])
    for name in ("first.db", "second.db"):
        await done(TransferQueue(store, past), new(name))
    await store.close()
    assert (len((await remembered(state))[0]), (await remembered(state))[1]) == (1, 2)
    engine = UnifiedDataPlane(hosts, state, observe=True)
    if once:
        await engine.run_once()
    else:
        await engine.start()
        revision = (await engine.status()).revision
        while (await engine.transfers(0, 10)).total > 1:
            revision = await engine.wait_for_change(revision, 0.05)
    await engine.close()
    assert await remembered(state) == ([], 1)  # the newest that was done stays: it says when the last sync was
