"""Whatever happens in whatever order: the catalog never says more than the evidence."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalog.catalog import DataCatalog
from engine.catalog.values import CatalogError
from engine.clock import ManualClock
from engine.model import DataEntry, EntryKey, ReplicaState
from engine.store.store import Store
from tests.catalog.samples import games, holds, model, record, scan, sha, stat, synced, version

PLACES = ("vast-1", "mac-studio", "hetzner-1")
LETTERS = "abcd"
S = ReplicaState


@dataclass(frozen=True)
class Act:
    """One thing that may happen to a file at a place."""

    kind: str
    place: str
    letter: str
    mtime: int


acts = st.lists(
    st.builds(
        Act,
        st.sampled_from(["content", "synced", "changed", "gone", "bad"]),
        st.sampled_from(PLACES),
        st.sampled_from(LETTERS),
        st.integers(1, 5),
    ),
    max_size=12,
)


async def perform(catalog: DataCatalog, key: EntryKey, act: Act) -> None:
    if act.kind == "content":
        await holds(catalog, key, act.place, version(act.letter, mtime=act.mtime))
    elif act.kind == "synced":
        known = await catalog.get(key)
        try:
            await synced(catalog, key, act.place, act.letter)
        except CatalogError:
            assert known == await catalog.get(key), "a refused claim leaves no trace"
    elif act.kind == "changed":
        await scan(catalog, act.place, [record(key, act.place, stat(777, 10_000.0 + act.mtime))])
    elif act.kind == "gone":
        await scan(catalog, act.place, [])
    else:
        await catalog.mark_bad(key, act.place)


def check(entry: DataEntry, before: DataEntry | None, act: Act) -> None:
    for replica in entry.replicas:
        if replica.state is S.CURRENT:
            assert entry.current is not None and replica.sha256 == entry.current.sha256
        if replica.state in (S.STALE, S.DIVERGED):
            assert entry.current is None or replica.sha256 != entry.current.sha256
        if replica.changed and not (entry.key.origin == replica.location and replica.state is S.CURRENT):
            assert replica.state is S.UNHASHED
        if replica.sha256 is None:
            assert replica.state in (S.UNHASHED, S.BAD)
    if before is None or before.current is None:
        return
    assert entry.current is not None, "a version once known stays known"
    shown_by_origin = any(r.location == entry.key.origin and r.state is S.CURRENT for r in before.replicas)
    if shown_by_origin and act.place != entry.key.origin:
        assert entry.current == before.current, "what the origin showed is only overruled by the origin"
    untouched = {r.location: r for r in before.replicas if r.location != act.place}
    assert {r.location for r in entry.replicas if r.location != act.place} == set(untouched)
    for replica in entry.replicas:
        if replica.location in untouched:
            assert replica.sha256 == untouched[replica.location].sha256


async def play(key: EntryKey, happened: list[Act]) -> None:
    with TemporaryDirectory() as folder:
        store = await Store.open(Path(folder) / "state.db")
        try:
            catalog = DataCatalog(store, ManualClock())
            before: DataEntry | None = None
            sequence = 0
            for act in happened:
                await perform(catalog, key, act)
                entry = await catalog.get(key)
                if entry is not None:
                    check(entry, before, act)
                    changed = await catalog.iter_entries(changed_since=sequence)
                    assert bool(changed) or entry == before, "whatever changed is found by its sequence"
                before, sequence = entry, await catalog.sequence()
        finally:
            await store.close()


@settings(max_examples=30, deadline=None)
@given(acts)
def test_games_are_what_their_origin_says(happened: list[Act]) -> None:
    asyncio.run(play(games(origin=PLACES[0]), happened))


@settings(max_examples=30, deadline=None)
@given(acts)
def test_shared_names_have_one_current_content(happened: list[Act]) -> None:
    asyncio.run(play(model(), happened))


@settings(max_examples=6, deadline=None)
@given(st.permutations([(place, letter, mtime) for place, letter, mtime in zip(PLACES, "abc", (3, 1, 2), strict=True)]))
def test_first_sights_come_to_the_same_in_every_order(order: list[tuple[str, str, int]]) -> None:
    async def look() -> dict[str, ReplicaState]:
        with TemporaryDirectory() as folder:
            store = await Store.open(Path(folder) / "state.db")
            try:
                catalog = DataCatalog(store, ManualClock())
                for place, letter, mtime in order:
                    await holds(catalog, model(), place, version(letter, mtime=mtime))
                entry = await catalog.get(model())
                assert entry is not None and entry.current is not None and entry.current.sha256 == sha("a")
                return {replica.location: replica.state for replica in entry.replicas}
            finally:
                await store.close()

    assert asyncio.run(look()) == {"vast-1": S.CURRENT, "mac-studio": S.DIVERGED, "hetzner-1": S.DIVERGED}
