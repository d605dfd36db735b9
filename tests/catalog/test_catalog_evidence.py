"""Current, stale, diverged: what content at a place means for its entry."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from engine.catalog.catalog import DataCatalog
from engine.catalog.evidence import EvidenceRecorder
from engine.catalog.values import CatalogError
from engine.catalog.versions import KEPT_VERSIONS
from engine.model import ReplicaState
from engine.store.schema import versions
from tests.catalog.samples import (
    current,
    games,
    holds,
    model,
    path_of,
    replica,
    scan,
    sha,
    stat,
    states,
    synced,
    version,
)
from tests.catalog.samples import record as scanned

S = ReplicaState


async def test_the_first_content_of_an_entry_is_its_current_version(catalog: DataCatalog) -> None:
    assert await holds(catalog, games(), "vast-1", version("a")) is S.CURRENT
    assert await current(catalog, games()) == "a"


async def test_new_content_at_its_origin_becomes_current_and_copies_of_the_one_before_are_stale(
    catalog: DataCatalog,
) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    await synced(catalog, games(), "mac-studio", "a")
    assert await holds(catalog, games(), "vast-1", version("b", 200)) is S.CURRENT
    assert await states(catalog, games()) == {"vast-1": S.CURRENT, "mac-studio": S.STALE}
    entry = await catalog.get(games())
    assert entry is not None and entry.size_bytes == 200


async def test_an_earlier_version_found_elsewhere_is_stale(catalog: DataCatalog) -> None:
    for letter in "ab":
        await holds(catalog, games(), "vast-1", version(letter))
    assert await holds(catalog, games(), "mac-studio", version("a")) is S.STALE


async def test_games_that_never_were_at_their_origin_are_diverged_however_new_and_large(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    assert await holds(catalog, games(), "mac-studio", version("z", 10**9, 9_999.0)) is S.DIVERGED
    assert await current(catalog, games()) == "a"


async def test_what_a_copy_showed_first_is_settled_once_its_origin_shows_the_same(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "mac-studio", version("a", mtime=1.0))
    await holds(catalog, games(), "vast-1", version("a", mtime=1.0))
    assert await holds(catalog, games(), "mac-studio", version("b", mtime=2.0)) is S.DIVERGED
    assert await states(catalog, games()) == {"vast-1": S.CURRENT, "mac-studio": S.DIVERGED}


async def test_a_changed_copy_of_games_elsewhere_never_becomes_current(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    await synced(catalog, games(), "mac-studio", "a")
    assert await holds(catalog, games(), "mac-studio", version("z", 500, 9_999.0)) is S.DIVERGED
    assert await states(catalog, games()) == {"vast-1": S.CURRENT, "mac-studio": S.DIVERGED}


async def test_a_second_snapshot_that_says_the_same_is_the_same_version(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a", fingerprint="same"))
    await synced(catalog, games(), "mac-studio", "a")
    assert await holds(catalog, games(), "vast-1", version("b", fingerprint="same")) is S.CURRENT
    assert await current(catalog, games()) == "a"
    assert (await replica(catalog, games(), "vast-1")).sha256 == sha("b")
    assert (await states(catalog, games()))["mac-studio"] is S.CURRENT
    assert await synced(catalog, games(), "hetzner-1", "b") is S.CURRENT


async def test_fingerprints_do_not_join_files_that_are_no_games(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "a", version("a", fingerprint="same"))
    await synced(catalog, model(), "b", "a")
    assert await holds(catalog, model(), "c", version("c", fingerprint="same")) is S.DIVERGED


async def test_of_several_contents_at_first_sight_the_newest_is_current(catalog: DataCatalog) -> None:
    assert await holds(catalog, model(), "a", version("a", mtime=10.0)) is S.CURRENT
    assert await holds(catalog, model(), "b", version("b", mtime=30.0)) is S.CURRENT
    assert await holds(catalog, model(), "c", version("c", mtime=20.0)) is S.DIVERGED
    assert await states(catalog, model()) == {"a": S.DIVERGED, "b": S.CURRENT, "c": S.DIVERGED}


async def test_the_order_in_which_contents_are_met_first_does_not_matter(catalog: DataCatalog) -> None:
    for location, letter, mtime in (("c", "c", 20.0), ("d", "b", 30.0), ("b", "b", 30.0), ("a", "a", 10.0)):
        await holds(catalog, model(), location, version(letter, mtime=mtime))
    found = await states(catalog, model())
    assert found == {"a": S.DIVERGED, "b": S.CURRENT, "c": S.DIVERGED, "d": S.CURRENT}


async def test_once_copied_a_version_is_not_replaced_by_a_newer_stranger(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "a", version("a", mtime=10.0))
    await synced(catalog, model(), "b", "a")
    assert await holds(catalog, model(), "c", version("c", mtime=30.0)) is S.DIVERGED


async def test_the_place_that_held_a_shared_version_may_write_the_next_one(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "trainer", version("a", mtime=10.0))
    await synced(catalog, model(), "b", "a")
    await scan(catalog, "trainer", [scanned(model(), "trainer", stat(120, 20.0))])
    assert (await states(catalog, model()))["trainer"] is S.UNHASHED
    assert await holds(catalog, model(), "trainer", version("b", 120, 20.0)) is S.CURRENT
    assert await states(catalog, model()) == {"trainer": S.CURRENT, "b": S.STALE}


async def test_a_copy_whose_content_was_diverged_is_current_when_that_content_becomes_so(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    await holds(catalog, games(), "mac-studio", version("b"))
    await holds(catalog, games(), "vast-1", version("b"))
    assert await states(catalog, games()) == {"vast-1": S.CURRENT, "mac-studio": S.CURRENT}


async def test_a_copy_without_a_known_hash_is_not_recorded_as_synced(catalog: DataCatalog) -> None:
    with pytest.raises(CatalogError):
        await synced(catalog, games(), "mac-studio", "a")
    await holds(catalog, games(), "vast-1", version("a"))
    with pytest.raises(CatalogError):
        await synced(catalog, games(), "mac-studio", "b")
    assert await states(catalog, games()) == {"vast-1": S.CURRENT}


async def test_marking_synced_again_changes_nothing_but_the_time(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    first = await synced(catalog, games(), "mac-studio", "a", at=10.0)
    again = await synced(catalog, games(), "mac-studio", "a", at=20.0)
    assert first is again is S.CURRENT
    assert (await replica(catalog, games(), "mac-studio")).verified_at == 20.0
    assert await catalog.get_replication_factor(games()) == 2


async def test_a_copy_of_a_version_that_was_overtaken_meanwhile_is_stale(catalog: DataCatalog) -> None:
    for letter in "ab":
        await holds(catalog, games(), "vast-1", version(letter))
    assert await synced(catalog, games(), "mac-studio", "a") is S.STALE


async def test_a_bad_copy_stays_bad_until_its_content_changes(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "a", version("a"))
    await synced(catalog, model(), "b", "a")
    assert await catalog.mark_bad(model(), "b")
    assert await holds(catalog, model(), "b", version("a")) is S.BAD
    await scan(catalog, "b", [scanned(model(), "b", stat(101, 2_000.0))])
    assert await holds(catalog, model(), "b", version("a", 101, 2_000.0)) is S.CURRENT


async def test_a_changed_file_that_is_bad_keeps_no_hash_of_what_it_was(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    await scan(catalog, "vast-1", [scanned(games(), "vast-1", stat(300, 2_000.0))])
    await catalog.mark_bad(games(), "vast-1")
    found = await replica(catalog, games(), "vast-1")
    assert (found.state, found.sha256, found.changed) == (S.BAD, None, False)
    await scan(catalog, "vast-1", [scanned(games(), "vast-1", stat(300, 2_000.0))])
    assert (await states(catalog, games())) == {"vast-1": S.BAD}
    await scan(catalog, "vast-1", [scanned(games(), "vast-1", stat(400, 3_000.0))])
    assert (await states(catalog, games())) == {"vast-1": S.UNHASHED}


async def test_a_quarantined_copy_is_remembered_where_it_lies_now_and_no_scan_forgets_it(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "a", version("a"))
    assert await catalog.mark_quarantined(model(), "a", "/root/a/quarantine/x")
    await scan(catalog, "a", [scanned(model("other.pth"), "a")])
    found = await replica(catalog, model(), "a")
    assert (found.state, found.path) == (S.QUARANTINED, "/root/a/quarantine/x")


async def test_what_is_missing_is_forgotten_and_the_entry_stays(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "a", version("a"))
    assert await catalog.mark_missing(model(), "a")
    assert not await catalog.mark_missing(model(), "a")
    assert not await catalog.mark_missing(model("unknown.pth"), "a")
    entry = await catalog.get(model())
    assert entry is not None and entry.replicas == () and entry.current is not None


async def test_versions_are_pruned_but_never_one_that_a_copy_holds(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    await synced(catalog, games(), "mac-studio", "a")
    for number in range(KEPT_VERSIONS * 2):
        content = version("f")
        numbered = type(content)(f"{number:064d}", 100, 2_000.0 + number)
        await catalog.record_content(
            games(), "vast-1", path_of(games(), "vast-1"), numbered, stat(100, 2_000.0 + number), 1.0
        )
    kept = await catalog._store.query(lambda c: c.execute(select(func.count()).select_from(versions)).scalar_one())
    assert kept == KEPT_VERSIONS + 1
    assert await holds(catalog, games(), "hetzner-1", version("a")) is S.STALE


async def test_evidence_about_an_unscanned_place_makes_entry_and_copy_known(catalog: DataCatalog) -> None:
    assert isinstance(catalog, EvidenceRecorder)
    await holds(catalog, model(), "new-node:/Volumes/drive", version("a"))
    found = await replica(catalog, model(), "new-node:/Volumes/drive")
    assert found.hashed_at == found.verified_at == 5_000.0
