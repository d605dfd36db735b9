"""Figures that are kept are those that a count of everything gives, whatever happened in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from engine.catalog.catalog import DataCatalog
from engine.catalog.kept_figures import KeptFigures
from engine.catalog.values import CatalogError, NodeRisk
from engine.clock import ManualClock
from engine.store.schema import replicas
from engine.store.store import Store
from tests.catalog.samples import DRIVE, PLACES, games, holds, model, path_of, record, scan, sha, stat, version

KEYS = (
    games("a.db"),
    games("b.db", "hetzner-1"),
    model("hex8_2p.pth"),
    games("c.db"),
    model("square8_2p.pth"),
    games("d.db", "mac-studio"),
    model("other.pth"),
)
LOCATIONS = ("vast-1", "mac-studio", DRIVE, "hetzner-1")
TRAINERS = frozenset({"vast-1", "hetzner-1"})
FLEETS = (PLACES, replace(PLACES, places=tuple(replace(p, durable=p.node_id == "vast-1") for p in PLACES.places)))


@dataclass(frozen=True)
class Act:
    """One thing that may happen to a file at a place."""

    kind: str
    key: int
    location: str
    letter: str
    size: int


acts = st.lists(
    st.builds(
        Act,
        st.sampled_from(["content", "synced", "grown", "gone", "bad", "aside", "missing", "looked", "nothing"]),
        st.integers(0, len(KEYS) - 1),
        st.sampled_from(LOCATIONS),
        st.sampled_from("abc"),
        st.integers(1, 5),
    ),
    min_size=4,
    max_size=12,
)


async def perform(catalog: DataCatalog, act: Act) -> None:
    key, at, size = KEYS[act.key], act.location, 100 * act.size
    seen = record(key, at, stat(size, 1_000.0 + act.size), config_key=f"config-{act.key % 3}")
    if act.kind == "content":
        await holds(catalog, key, at, version(act.letter, size, mtime=act.size))
    elif act.kind == "synced":
        try:
            await catalog.mark_synced(key, at, path_of(key, at), sha(act.letter), stat(size), 6_000.0)
        except CatalogError:
            return  # Nothing is known of that content: no copy, and no change.
    elif act.kind == "grown":
        await scan(catalog, at, [seen])
    elif act.kind == "gone":
        await scan(catalog, at, [])
    elif act.kind == "looked":
        await catalog.record_changes(at, await catalog.sequence(), [seen])
    elif act.kind == "bad":
        await catalog.mark_bad(key, at)
    elif act.kind == "aside":
        await catalog.mark_quarantined(key, at, "/aside")
    elif act.kind == "missing":
        await catalog.mark_missing(key, at)


@settings(max_examples=15, deadline=None)
@given(acts, st.integers(1, 4), st.sets(st.integers(0, 11), max_size=4))
def test_what_is_kept_is_what_a_count_of_everything_gives(
    happened: list[Act], block: int, other_fleet_at: set[int]
) -> None:
    async def play() -> None:
        with TemporaryDirectory() as folder:
            store = await Store.open(Path(folder) / "state.db")
            try:
                catalog, kept = DataCatalog(store, ManualClock()), KeptFigures(store, block)
                for number, act in enumerate(happened):
                    await perform(catalog, act)
                    places = FLEETS[number in other_fleet_at]
                    found = await kept.current(places, TRAINERS)
                    counted = await catalog.all_figures(places, TRAINERS)
                    assert found.sequence == await catalog.sequence()
                    assert comparable(found.figures) == comparable(counted), act
            finally:
                await store.close()

    asyncio.run(play())


def comparable(figures: object) -> dict[str, object]:
    """Return figures with lists whose order means nothing sorted."""
    shown = {name: getattr(figures, name) for name in ("freshness", "risks", "held", "counts", "totals")}
    return {**shown, "held": sorted(shown["held"], key=str), "freshness": list(shown["freshness"])}


async def test_only_the_blocks_that_changed_are_counted_again(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "state.db")
    try:
        catalog, kept = DataCatalog(store, ManualClock()), KeptFigures(store, block=4)
        many = [model(f"m{number}.pth") for number in range(12)]
        for last in range(len(many)):  # One after the other, so that their row ids are in this order.
            await scan(catalog, "vast-1", [record(key, "vast-1", stat(100)) for key in many[: last + 1]])
        assert (await kept.current(PLACES, TRAINERS)).figures.risks == [NodeRisk("vast-1", 12, 1_200)]
        # Behind the catalog's back: whatever is counted again shows ten times its size.
        await store.write(lambda c: c.execute(update(replicas).values(size_bytes=1_000)))
        assert (await kept.current(PLACES)).figures.risks == [NodeRisk("vast-1", 12, 1_200)]
        await catalog.record_changes("vast-1", await catalog.sequence(), [record(many[0], "vast-1", stat(2_000))])
        found = await kept.current(PLACES)
        assert found.figures.risks == [NodeRisk("vast-1", 12, 2_000 + 2 * 1_000 + 9 * 100)], "row ids 1 to 3 again"
    finally:
        await store.close()
