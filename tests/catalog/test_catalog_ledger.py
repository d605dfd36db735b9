"""What is remembered of nodes, places, disks and links."""

from __future__ import annotations

import pytest

from engine.catalog.catalog import DataCatalog
from engine.catalog.ledger import LINK_MIN_BYTES
from engine.clock import ManualClock
from engine.model import LocationState, NodeState, StorageSample

DAY = 86_400.0


async def test_what_is_not_given_of_a_node_stays_as_it_was(catalog: DataCatalog, clock: ManualClock) -> None:
    await catalog.save_node("a", NodeState.AUTH_FAILED, "key refused", remedy="check the key", last_seen_at=5.0)
    clock.advance(10.0)
    await catalog.save_node("a", paused=True)
    found = (await catalog.load_nodes())["a"]
    assert (found.state, found.reason, found.remedy) == (NodeState.AUTH_FAILED, "key refused", "check the key")
    assert (found.paused, found.last_seen_at, found.changed_at) == (True, 5.0, clock.now())


async def test_a_location_keeps_what_the_last_look_found(catalog: DataCatalog) -> None:
    await catalog.save_location("a:/mnt/x", LocationState.NOT_MOUNTED, "/mnt/x", 7.0)
    found = (await catalog.load_locations())["a:/mnt/x"]
    assert (found.node_id, found.state, found.root_path, found.seen_at) == (
        "a",
        LocationState.NOT_MOUNTED,
        "/mnt/x",
        7.0,
    )


async def test_samples_come_back_oldest_first(catalog: DataCatalog) -> None:
    given = [StorageSample("a", at, 100, int(at)) for at in (3.0, 1.0, 2.0)]
    await catalog.add_samples([*given, StorageSample("b", 9.0, 100, 1)])
    assert [sample.at for sample in await catalog.samples("a")] == [1.0, 2.0, 3.0]
    assert [sample.at for sample in await catalog.samples("a", since=2.0)] == [2.0, 3.0]
    assert set(await catalog.samples_since(0.0)) == {"a", "b"}
    await catalog.add_samples([])


async def test_old_samples_are_thinned_and_very_old_ones_forgotten(catalog: DataCatalog, clock: ManualClock) -> None:
    now = clock.now()
    every_ten_minutes = [StorageSample("a", now - 3 * DAY + n * 600.0, 100, n) for n in range(432)]
    await catalog.add_samples([*every_ten_minutes, StorageSample("a", now - 15 * DAY, 100, 1)])
    await catalog.prune_ledger()
    kept = await catalog.samples("a")
    recent = [sample for sample in kept if sample.at >= now - DAY]
    older = [sample for sample in kept if sample.at < now - DAY]
    assert len(recent) == 144 and len(older) == 96
    await catalog.prune_ledger()
    assert await catalog.samples("a") == kept


async def test_a_links_rate_follows_its_transfers_and_ignores_tiny_ones(catalog: DataCatalog) -> None:
    await catalog.record_link("a", "b", LINK_MIN_BYTES - 1, 0.001)
    await catalog.record_link("a", "b", LINK_MIN_BYTES, 0.0)
    assert await catalog.link_rates() == {}
    await catalog.record_link("a", "b", 10_000_000, 1.0)
    await catalog.record_link("a", "b", 20_000_000, 1.0)
    assert await catalog.link_rates() == {("a", "b"): pytest.approx(13_000_000.0)}


async def test_acts_are_remembered_newest_first(catalog: DataCatalog, clock: ManualClock) -> None:
    await catalog.audit("ann", "enrol", "vast-1", "SHA256:x")
    clock.advance(1.0)
    await catalog.audit("bob", "pause", "everything")
    log = await catalog.audit_log()
    assert [(line.who, line.action, line.at) for line in log] == [
        ("bob", "pause", clock.now()),
        ("ann", "enrol", clock.now() - 1.0),
    ]
