"""Scans: what is met, what changed, what is gone; and what a scan must never conclude."""

from __future__ import annotations

from engine.catalog.catalog import DataCatalog
from engine.clock import ManualClock
from engine.model import EntryKey, ReplicaState
from tests.catalog.samples import (
    PLACES,
    games,
    holds,
    model,
    path_of,
    record,
    replica,
    scan,
    sha,
    stat,
    states,
    synced,
    version,
)

S = ReplicaState


async def test_a_new_file_is_an_unhashed_copy_of_an_entry_without_version(catalog: DataCatalog) -> None:
    await scan(catalog, "vast-1", [record(games(), "vast-1", stat(300, 50.0))])
    entry = await catalog.get(games())
    assert entry is not None and entry.current is None and entry.config_key == "hex8_2p"
    assert entry.size_bytes == 300 and entry.replicas[0].state is S.UNHASHED and entry.replicas[0].sha256 is None


async def test_an_unchanged_fleet_changes_nothing_in_the_catalog(catalog: DataCatalog) -> None:
    files = [record(games(f"{number}.db"), "vast-1") for number in range(20)]
    await scan(catalog, "vast-1", files)
    before = await catalog.sequence()
    assert await scan(catalog, "vast-1", files) == 0
    assert await catalog.sequence() == before


async def test_games_that_grew_at_their_origin_stay_current_but_changed(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    await scan(catalog, "vast-1", [record(games(), "vast-1", stat(500, 2_000.0))])
    found = await replica(catalog, games(), "vast-1")
    assert found.state is S.CURRENT and found.changed and found.stat.size_bytes == 500


async def test_a_commit_that_only_reached_the_wal_is_a_change(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    await scan(catalog, "vast-1", [record(games(), "vast-1", stat(100, 1_000.0, wal=4_152, wal_mtime=1_001.0))])
    assert (await replica(catalog, games(), "vast-1")).changed


async def test_any_other_changed_file_must_be_hashed_again(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    await synced(catalog, games(), "mac-studio", "a")
    await holds(catalog, model(), "vast-1", version("m"))
    await scan(catalog, "mac-studio", [record(games(), "mac-studio", stat(99, 2_000.0))])
    await scan(catalog, "vast-1", [record(model(), "vast-1", stat(99, 2_000.0)), record(games(), "vast-1")])
    assert (await states(catalog, games()))["mac-studio"] is S.UNHASHED
    found = await replica(catalog, model(), "vast-1")
    assert found.state is S.UNHASHED and found.changed and found.sha256 == sha("m")


async def test_a_file_that_looks_as_it_was_hashed_again_is_what_it_was(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "a", version("a"))
    for seen in (stat(99, 2_000.0), stat()):
        await scan(catalog, "a", [record(model(), "a", seen)])
    found = await replica(catalog, model(), "a")
    assert found.state is S.CURRENT and not found.changed


async def test_copies_that_were_not_met_are_removed_and_their_entries_stay(catalog: DataCatalog) -> None:
    await scan(catalog, "a", [record(model("x.pth"), "a"), record(model("y.pth"), "a")])
    before = await catalog.sequence()
    assert await scan(catalog, "a", [record(model("x.pth"), "a")]) == 1
    assert await states(catalog, model("y.pth")) == {}
    changed = await catalog.iter_entries(changed_since=before)
    assert [entry.key for _, entry in changed] == [model("y.pth")]


async def test_an_empty_available_root_means_that_everything_is_gone(catalog: DataCatalog) -> None:
    await scan(catalog, "a", [record(model(), "a")])
    assert await scan(catalog, "a", []) == 1


async def test_nothing_is_removed_below_folders_that_could_not_be_read(catalog: DataCatalog) -> None:
    inside, beside = model("deep/x.pth"), model("deeper.pth")
    await scan(catalog, "a", [record(inside, "a"), record(beside, "a")])
    assert await scan(catalog, "a", [], unreadable=["models/deep"]) == 1
    assert await states(catalog, inside) == {"a": S.UNHASHED}
    assert await states(catalog, beside) == {}
    assert await scan(catalog, "a", [], unreadable=[""]) == 0
    assert await scan(catalog, "a", [], unreadable=["/root/a/models"]) == 0


async def test_nothing_is_removed_outside_the_root_that_was_scanned(catalog: DataCatalog) -> None:
    await scan(catalog, "a", [record(model(), "a")])
    scan_id = await catalog.begin_scan("a")
    assert await catalog.finish_scan("a", scan_id, [], "/root/ab") == 0
    assert await catalog.finish_scan("a", await catalog.begin_scan("a"), [], "/root") == 1


async def test_a_copy_published_during_a_scan_is_not_removed_by_it(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "a", version("a"))
    scan_id = await catalog.begin_scan("b")
    await synced(catalog, model(), "b", "a")
    assert await catalog.finish_scan("b", scan_id, [], "/root/b") == 0
    assert (await states(catalog, model()))["b"] is S.CURRENT


async def test_what_a_scan_saw_before_newer_evidence_does_not_overrule_it(catalog: DataCatalog) -> None:
    await holds(catalog, model(), "a", version("a"))
    scan_id = await catalog.begin_scan("b")
    await synced(catalog, model(), "b", "a")
    await catalog.record_scanned("b", scan_id, [record(model(), "b", stat(1, 1.0))])
    await catalog.finish_scan("b", scan_id, [], "/root/b")
    found = await replica(catalog, model(), "b")
    assert found.state is S.CURRENT and not found.changed


async def test_a_root_inside_another_is_not_taken_for_empty(catalog: DataCatalog) -> None:
    inner_key = model("inner/x.pth")
    both = [record(model(), "a"), record(inner_key, "a")]
    await scan(catalog, "a", both)
    outer, inner = await catalog.begin_scan("a"), await catalog.begin_scan("a")
    await catalog.record_scanned("a", outer, both[:1])
    assert await catalog.finish_scan("a", outer, [], "/root/a") == 0
    await catalog.record_scanned("a", inner, both[1:])
    assert await catalog.finish_scan("a", inner, [], "/root/a/models/inner") == 0
    assert await states(catalog, inner_key) == {"a": S.UNHASHED}


async def test_a_scan_that_was_abandoned_before_it_met_anything_holds_up_no_later_one(catalog: DataCatalog) -> None:
    first = await catalog.begin_scan("a")
    await catalog.record_scanned("a", first, [record(model("x.pth"), "a")])
    assert await catalog.finish_scan("a", first, [], "/root/a") == 0
    waited_for = await catalog.begin_scan("a")
    later = await catalog.begin_scan("a")
    assert await catalog.finish_scan("a", later, [], "/root/a") == 0, "the other one may be of a root in this one"
    await catalog.abandon_scans([waited_for])
    assert await catalog.finish_scan("a", await catalog.begin_scan("a"), [], "/root/a") == 1


async def test_a_scan_that_was_broken_off_removes_nothing_and_holds_up_no_later_one(
    catalog: DataCatalog, clock: ManualClock
) -> None:
    files = [record(model(f"{number}.pth"), "a") for number in range(3)]
    await scan(catalog, "a", files)
    broken = await catalog.begin_scan("a")
    await catalog.record_scanned("a", broken, files[:1])
    empty = await catalog.begin_scan("a")
    clock.advance(120.0)
    assert await scan(catalog, "a", files[:2]) == 1
    assert await catalog.finish_scan("a", broken, [], "/root/a") == 0
    assert await catalog.finish_scan("a", empty, [], "/root/a") == 0
    assert len(await catalog.iter_entries()) == 3


async def test_a_larger_scan_than_one_statement_carries_is_recorded_whole(catalog: DataCatalog) -> None:
    files = [record(games(f"{number}.db"), "vast-1") for number in range(2_500)]
    await scan(catalog, "vast-1", files)
    totals = (await catalog.all_figures(PLACES)).totals
    assert (totals.entries, totals.replicas) == (2_500, 2_500)


async def test_names_of_any_kind_stay_apart(catalog: DataCatalog) -> None:
    odd = ["a b.db", "a'b.db", 'a"b.db', "a%b.db", "a_b.db", "ä.db", "A.db", "a.db", "-rf.db", "x\\y.db", "(1).db"]
    await scan(catalog, "vast-1", [record(games(name), "vast-1") for name in odd])
    found: list[EntryKey] = [entry.key for _, entry in await catalog.iter_entries()]
    assert sorted(key.path for key in found) == sorted(odd)
    for name in odd:
        assert (await replica(catalog, games(name), "vast-1")).path == path_of(games(name), "vast-1")


async def test_a_config_key_is_taken_over_from_the_origin(catalog: DataCatalog) -> None:
    await scan(catalog, "mac-studio", [record(games(), "mac-studio", config_key=None)])
    await scan(catalog, "vast-1", [record(games(), "vast-1", config_key="hex8_2p")])
    await scan(catalog, "mac-studio", [record(games(), "mac-studio", config_key="square8_2p")])
    entry = await catalog.get(games())
    assert entry is not None and entry.config_key == "hex8_2p"


async def test_a_file_that_was_bad_and_changed_back_and_forth_is_never_taken_for_known(catalog: DataCatalog) -> None:
    first, second = stat(300, 2_000.0), stat(400, 3_000.0)
    await scan(catalog, "vast-1", [record(games(), "vast-1", first)])
    await catalog.mark_bad(games(), "vast-1")
    for seen in (second, first):
        await scan(catalog, "vast-1", [record(games(), "vast-1", seen)])
        assert await states(catalog, games()) == {"vast-1": S.UNHASHED}
