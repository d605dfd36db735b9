"""Finding entries: by what changed, by place, by what is missing."""

from __future__ import annotations

from config.types import DataType
from engine.catalog.catalog import DataCatalog
from engine.catalog.queries import FEW_CHANGES
from engine.catalog.values import EntryFilter
from engine.model import DataEntry, EntryKey, Replica, ReplicaState
from tests.catalog.samples import DRIVE, games, holds, model, path_of, record, scan, sha, stat, synced, version


async def keys(catalog: DataCatalog, wanted: EntryFilter) -> set[str]:
    return {entry.key.path for _, entry in await catalog.find(wanted)}


async def test_an_unknown_key_is_no_entry_and_has_no_copies(catalog: DataCatalog) -> None:
    assert await catalog.get(games()) is None
    assert await catalog.get_replication_factor(games()) == 0


async def test_only_current_copies_are_counted(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    await synced(catalog, games(), DRIVE, "a")
    await holds(catalog, games(), "hetzner-1", version("z"))
    assert await catalog.get_replication_factor(games()) == 2
    assert await catalog.get_replication_factor(games(), frozenset({DRIVE})) == 1


async def test_entries_are_read_in_pages_that_join_without_gap_or_repetition(catalog: DataCatalog) -> None:
    await scan(catalog, "vast-1", [record(games(f"{n}.db"), "vast-1") for n in range(25)])
    seen: list[str] = []
    after = 0
    while page := await catalog.iter_entries(after, limit=10):
        after = page[-1][0]
        seen += [entry.key.path for _, entry in page]
    assert len(seen) == 25 and len(set(seen)) == 25


async def test_only_what_changed_since_a_sequence_is_returned(catalog: DataCatalog) -> None:
    await scan(catalog, "vast-1", [record(games(f"{n}.db"), "vast-1") for n in range(25)])
    since = await catalog.sequence()
    assert await catalog.iter_entries(changed_since=since) == []
    for number in (3, 17):
        await holds(catalog, games(f"{number}.db"), "vast-1", version("a"))
    changed = await catalog.iter_entries(changed_since=since)
    assert [entry.key.path for _, entry in changed] == ["3.db", "17.db"]
    first = changed[0][0]
    assert [i for i, _ in await catalog.iter_entries(first, changed_since=since)] == [changed[1][0]]


async def test_many_changes_come_in_pages_too(catalog: DataCatalog) -> None:
    total = FEW_CHANGES + 10
    await scan(catalog, "vast-1", [record(games(f"{n}.db"), "vast-1") for n in range(total)])
    first = await catalog.iter_entries(limit=2_000, changed_since=0)
    rest = await catalog.iter_entries(first[-1][0], limit=10_000, changed_since=0)
    assert len(first) + len(rest) == total


async def test_missing_on_a_node_means_at_none_of_its_locations(catalog: DataCatalog) -> None:
    for name in ("held.db", "missing.db"):
        await holds(catalog, games(name), "vast-1", version("a"))
    await synced(catalog, games("held.db"), DRIVE, "a")
    await scan(
        catalog,
        "vast-1",
        [record(games("unhashed.db"), "vast-1")]
        + [record(games(name), "vast-1") for name in ("held.db", "missing.db")],
    )
    for place in ("mac-studio", DRIVE):
        missing = await catalog.get_missing_on_node(place)
        assert [entry.key.path for entry in missing] == ["missing.db"]
    assert len(await catalog.get_missing_on_node("hetzner-1", limit=1)) == 1
    assert await catalog.get_missing_on_node("hetzner-1", DataType.NPZ) == []
    chosen = await catalog.get_missing_on_node("hetzner-1", wanted=lambda entry: entry.key.path == "held.db")
    assert [entry.key.path for entry in chosen] == ["held.db"]


async def test_filters_find_entries_by_type_config_node_state_age_and_shortage(catalog: DataCatalog) -> None:
    await holds(catalog, games("old.db"), "vast-1", version("a", mtime=10.0))
    await holds(catalog, games("new.db"), "vast-1", version("b", mtime=900.0))
    await synced(catalog, games("new.db"), "hetzner-1", "b")
    await holds(catalog, games("new.db"), "runpod-1", version("z"))
    await scan(catalog, "nebius-1", [record(model(), "nebius-1", config_key="square8_2p")])
    assert await keys(catalog, EntryFilter(data_type=DataType.GAMES)) == {"old.db", "new.db"}
    assert await keys(catalog, EntryFilter(config_key="square8_2p")) == {"hex8_2p.pth"}
    assert await keys(catalog, EntryFilter(node="hetzner-1")) == {"new.db"}
    assert await keys(catalog, EntryFilter(state=ReplicaState.DIVERGED)) == {"new.db"}
    assert await keys(catalog, EntryFilter(older_than=500.0)) == {"old.db"}
    assert await keys(catalog, EntryFilter(fewer_copies_than=2)) == {"old.db", "hex8_2p.pth"}
    nowhere: frozenset[str] = frozenset({"lambda-1"})
    assert await keys(catalog, EntryFilter(data_type=DataType.GAMES, fewer_copies_than=1, among=nowhere)) == {
        "old.db",
        "new.db",
    }


async def test_a_registered_entry_comes_back_as_it_was(catalog: DataCatalog) -> None:
    key = EntryKey(DataType.GAMES, "a (1).db", "vast-1")
    copies = tuple(
        Replica(place, path_of(key, place), state, stat(), sha(letter), 1.0, 2.0, 3.0)
        for place, state, letter in (
            ("hetzner-1", ReplicaState.DIVERGED, "b"),
            ("vast-1", ReplicaState.CURRENT, "a"),
        )
    )
    entry = DataEntry(key, "hex8_2p", version("a"), copies)
    first = await catalog.register(entry)
    assert await catalog.register(entry) == first
    found = await catalog.get(key)
    assert found is not None
    assert (found.config_key, found.current, found.replicas) == ("hex8_2p", version("a"), copies)
    assert await synced(catalog, key, "mac-studio", "a") is ReplicaState.CURRENT


async def test_what_the_rules_want_is_remembered_without_counting_as_a_change(catalog: DataCatalog) -> None:
    await holds(catalog, games(), "vast-1", version("a"))
    before = await catalog.sequence()
    await catalog.set_wanted({games(): 4, model(): 2})
    assert await catalog.sequence() == before
