"""Figures over the catalog: freshness, off-site, and what would be lost if a node died now."""

from __future__ import annotations

from config.types import DataType
from engine.catalog.catalog import DataCatalog
from engine.catalog.figures import Figures
from engine.catalog.standing import PAGE_BYTES
from engine.catalog.values import FreshnessRow
from engine.model import ReplicaState
from tests.catalog.samples import DRIVE, PLACES, games, holds, model, record, scan, stat, synced, version


async def risks(catalog: DataCatalog) -> dict[str, tuple[int, int]]:
    return {risk.node_id: (risk.entries, risk.bytes) for risk in (await catalog.all_figures(PLACES)).risks}


async def row(catalog: DataCatalog) -> FreshnessRow:
    (found,) = (await catalog.all_figures(PLACES)).freshness
    return found


async def test_an_empty_catalog_has_nothing_at_risk(catalog: DataCatalog) -> None:
    assert await catalog.all_figures(PLACES) == Figures([], [], [], []) and await catalog.under_replicated(PLACES) == 0


async def test_the_only_copy_is_at_risk_with_all_its_bytes(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a", 70_000))
    assert await risks(catalog) == {"vast-1": (1, 70_000)}
    assert ((await row(catalog)).at_risk_bytes, (await row(catalog)).copies) == (70_000, 0)


async def test_a_durable_copy_elsewhere_takes_the_risk_away_but_then_is_itself_the_only_safe_one(
    catalog: DataCatalog,
) -> None:
    await holds(catalog, games(), "vast-1", version("a", 70_000))
    await synced(catalog, games(), DRIVE, "a", 70_000)
    assert await risks(catalog) == {"mac-studio": (1, 70_000)}
    assert (await row(catalog)).at_risk_bytes == 0
    await synced(catalog, games(), "hetzner-1", "a", 70_000)
    assert await risks(catalog) == {}


async def test_copies_on_boxes_that_may_vanish_save_nothing(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "vast-1", version("a", 5_000))
    await synced(catalog, model(), "vast-2", "a", 5_000)
    assert await risks(catalog) == {"vast-1": (1, 5_000), "vast-2": (1, 5_000)}
    assert (await row(catalog)).at_risk_bytes == 5_000


async def test_a_node_and_its_own_drive_are_one_node(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "mac-studio", version("a", 5_000))
    await synced(catalog, model(), DRIVE, "a", 5_000)
    assert await risks(catalog) == {"mac-studio": (1, 5_000)}
    assert (await row(catalog)).at_risk_bytes == 0


async def test_of_a_live_database_only_what_came_after_the_saved_snapshot_is_at_risk(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a", 100_000))
    await synced(catalog, games(), "hetzner-1", "a", 100_000)
    await synced(catalog, games(), DRIVE, "a", 100_000)
    await scan(catalog, "vast-1", [record(games(), "vast-1", stat(130_000, 2_000.0, wal=8_000, wal_mtime=2_000.0))])
    assert await risks(catalog) == {"vast-1": (1, 38_000)}
    assert (await row(catalog)).at_risk_bytes == 38_000


async def test_a_log_that_keeps_its_size_after_a_checkpoint_is_no_data_at_risk(catalog: DataCatalog) -> None:
    held = stat(100_000, 1_000.0, wal=4_000_000, wal_mtime=1_000.0)
    await scan(catalog, "vast-1", [record(games(), "vast-1", held)])
    path = record(games(), "vast-1", held).path
    await catalog.record_content(games(), "vast-1", path, version("a", 100_000), held, 1_000.0)
    await synced(catalog, games(), "hetzner-1", "a", 100_000)
    await synced(catalog, games(), DRIVE, "a", 100_000)
    grown = stat(130_000, 2_000.0, wal=4_000_500, wal_mtime=2_000.0)
    await scan(catalog, "vast-1", [record(games(), "vast-1", grown)])
    assert await risks(catalog) == {"vast-1": (1, 30_500)}


async def test_what_came_after_the_only_durable_copy_is_at_risk_too(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a", 100_000))
    await synced(catalog, games(), "hetzner-1", "a", 100_000)
    await scan(catalog, "vast-1", [record(games(), "vast-1", stat(130_000, 2_000.0, wal=8_000, wal_mtime=2_000.0))])
    assert (await risks(catalog))["vast-1"] == (1, 38_000)
    assert (await row(catalog)).at_risk_bytes == 38_000


async def test_a_change_that_grew_nothing_is_worth_a_page(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a", 100_000))
    await synced(catalog, games(), "hetzner-1", "a", 100_000)
    await synced(catalog, games(), DRIVE, "a", 100_000)
    await scan(catalog, "vast-1", [record(games(), "vast-1", stat(100_000, 2_000.0))])
    assert await risks(catalog) == {"vast-1": (1, PAGE_BYTES)}


async def test_a_newer_snapshot_that_is_not_saved_yet_counts_what_it_adds(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a", 100_000))
    await synced(catalog, games(), "hetzner-1", "a", 100_000)
    await holds(catalog, games(), "vast-1", version("b", 150_000))
    assert await risks(catalog) == {"vast-1": (1, 50_000)}


async def test_a_growing_file_at_its_durable_origin_is_no_entry_without_a_durable_copy(catalog: DataCatalog) -> None:
    key = games(origin="hetzner-1")
    await holds(catalog, key, "hetzner-1", version("a", 100_000))
    await scan(catalog, "hetzner-1", [record(key, "hetzner-1", stat(130_000, 2_000.0))])
    assert await risks(catalog) == {"hetzner-1": (1, 130_000)}
    assert (await row(catalog)).at_risk_bytes == 0


async def test_a_file_that_was_never_hashed_is_at_risk(catalog: DataCatalog) -> None:
    await scan(catalog, "vast-1", [record(games(), "vast-1", stat(9_000))])
    assert await risks(catalog) == {"vast-1": (1, 9_000)}
    assert (await row(catalog)).at_risk_bytes == 9_000


async def test_an_unhashed_twin_of_a_saved_version_raises_no_alarm_but_a_newer_file_does(catalog: DataCatalog) -> None:
    for place in ("mac-studio", "hetzner-1"):
        await holds(catalog, model(), place, version("a", 5_000, 1_000.0))
    await scan(catalog, "vast-1", [record(model(), "vast-1", stat(5_000, 1_000.0))])
    assert await risks(catalog) == {}
    await scan(catalog, "vast-1", [record(model(), "vast-1", stat(5_000, 1_500.0))])
    assert await risks(catalog) == {"vast-1": (1, 5_000)}


async def test_stale_and_diverged_copies_are_never_counted_as_copies(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    await synced(catalog, games(), DRIVE, "a")
    await holds(catalog, games(), "vast-1", version("b"))
    await holds(catalog, games(), "hetzner-1", version("z"))
    assert (await row(catalog)).copies == 0


async def test_the_entry_with_the_fewest_copies_speaks_for_its_config(catalog: DataCatalog) -> None:
    for name in ("a.db", "b.db"):
        await scan(catalog, "vast-1", [record(games(n), "vast-1") for n in ("a.db", "b.db")])
        await holds(catalog, games(name), "vast-1", version("a"))
        await synced(catalog, games(name), DRIVE, "a")
    await synced(catalog, games("a.db"), "hetzner-1", "a")
    found = await row(catalog)
    assert (found.config_key, found.data_type) == ("hex8_2p", DataType.GAMES)
    assert (found.entries, found.copies, found.newest_mtime) == (2, 1, 1_000.0)
    assert await catalog.under_replicated(PLACES) == 1
    await catalog.set_wanted({games("b.db"): 1})
    assert await catalog.under_replicated(PLACES) == 0


async def test_off_site_is_another_provider_than_the_origins(catalog: DataCatalog) -> None:
    key = games(origin="hetzner-1")
    await holds(catalog, key, "hetzner-1", version("a"))
    assert (await row(catalog)).off_site_entries == 0
    await synced(catalog, key, "vast-1", "a")
    assert (await row(catalog)).off_site_entries == 0, "a box that may vanish is not off-site"
    await synced(catalog, key, DRIVE, "a")
    assert (await row(catalog)).off_site_entries == 1


async def test_a_shared_name_is_off_site_at_two_providers(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "mac-studio", version("a"))
    await synced(catalog, model(), DRIVE, "a")
    assert (await row(catalog)).off_site_entries == 0
    await synced(catalog, model(), "hetzner-1", "a")
    assert (await row(catalog)).off_site_entries == 1


async def test_entries_without_any_copy_left_are_not_counted_as_fresh_or_short(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "mac-studio", version("a"))
    await catalog.mark_missing(model(), "mac-studio")
    assert not (await catalog.all_figures(PLACES)).freshness and await catalog.under_replicated(PLACES) == 0


async def test_held_says_what_a_trainer_has_and_what_of_it_is_outdated(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "hetzner-1", version("a", mtime=50.0))
    await holds(catalog, model(), "hetzner-1", version("m", mtime=70.0))
    await scan(catalog, "vast-1", [record(model(), "vast-1", stat(99, 60.0))])
    rows = {(r.location, r.data_type): r for r in (await catalog.all_figures(PLACES)).held}
    assert rows[("hetzner-1", DataType.MODELS)].newest_mtime == 70.0
    assert rows[("vast-1", DataType.MODELS)].outdated == 1
    assert {r.location for r in (await catalog.all_figures(PLACES, ["vast-1"])).held} == {"vast-1"}


async def test_location_counts_say_what_lies_where(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a", 100))
    await holds(catalog, games("b.db"), "vast-1", version("b", 50))
    (found,) = (await catalog.all_figures(PLACES)).counts
    assert (found.location, found.state, found.replicas, found.bytes) == ("vast-1", ReplicaState.CURRENT, 2, 150)
