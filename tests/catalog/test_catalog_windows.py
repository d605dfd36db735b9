"""Windows for a screen: whole, ordered, filtered, and stable while entries change."""

from __future__ import annotations

import asyncio

import pytest

from engine.catalog.catalog import DataCatalog
from engine.catalog.listing import WORDS
from engine.clock import ManualClock
from engine.views import CatalogQuery, CatalogRow
from tests.catalog.samples import DRIVE, PLACES, games, holds, model, record, scan, stat, synced, version


async def fill(catalog: DataCatalog) -> None:
    """One entry of each standing."""
    await holds(catalog, games("ok.db"), "vast-1", version("a", 10, 5.0))
    for place in (DRIVE, "hetzner-1"):
        await synced(catalog, games("ok.db"), place, "a", 10)
    await holds(catalog, games("risky.db"), "vast-1", version("b", 20, 4.0))
    await holds(catalog, games("diverged.db"), "vast-1", version("c", 30, 3.0))
    for place in ("mac-studio", "hetzner-1"):
        await synced(catalog, games("diverged.db"), place, "c", 30)
    await holds(catalog, games("diverged.db"), "vast-2", version("z", 30, 3.0))
    await holds(catalog, games("short.db"), "vast-1", version("d", 40, 2.0))
    await synced(catalog, games("short.db"), "hetzner-1", "d", 40)
    await holds(catalog, games("gone.db"), "vast-1", version("e", 50, 1.0))
    await catalog.mark_missing(games("gone.db"), "vast-1")


async def paths(catalog: DataCatalog, query: CatalogQuery) -> list[str]:
    window = await catalog.window(query, 0, 100, PLACES)
    assert window.total == len(window.rows)
    return [row.path for row in window.rows]


async def words(catalog: DataCatalog) -> dict[str, str]:
    window = await catalog.window(CatalogQuery(), 0, 100, PLACES)
    return {row.path: row.states for row in window.rows}


async def test_the_worst_thing_that_is_true_of_an_entry_is_its_word(catalog: DataCatalog) -> None:
    await fill(catalog)
    assert await words(catalog) == {
        "ok.db": "ok",
        "risky.db": "at-risk",
        "diverged.db": "diverged",
        "short.db": "under-replicated",
        "gone.db": "gone",
    }


async def test_ordering_by_standing_agrees_with_the_words(catalog: DataCatalog) -> None:
    await fill(catalog)
    window = await catalog.window(CatalogQuery(order="states"), 0, 100, PLACES)
    shown = [WORDS.index(row.states) for row in window.rows]
    assert shown == sorted(shown) and len(shown) == 5


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        ("all", {"ok.db", "risky.db", "diverged.db", "short.db", "gone.db"}),
        ("at-risk", {"risky.db"}),
        ("diverged", {"diverged.db"}),
        ("stale", set()),
        ("under-replicated", {"risky.db", "short.db", "gone.db"}),
        ("missing", {"gone.db"}),
    ],
)
async def test_a_filter_shows_just_what_it_names(catalog: DataCatalog, show: str, expected: set[str]) -> None:
    await fill(catalog)
    assert set(await paths(catalog, CatalogQuery(show=show))) == expected


async def test_missing_with_a_node_means_missing_there(catalog: DataCatalog) -> None:
    await fill(catalog)
    found = await paths(catalog, CatalogQuery(show="missing", node="hetzner-1"))
    assert set(found) == {"risky.db", "gone.db"}
    assert set(await paths(catalog, CatalogQuery(node="mac-studio"))) == {"ok.db", "diverged.db"}


async def test_text_filters_take_every_word_literally_and_ignore_case(catalog: DataCatalog) -> None:
    await scan(catalog, "vast-1", [record(games(n), "vast-1") for n in ("Hex8_a.db", "hex8xa.db", "50%.db")])
    assert await paths(catalog, CatalogQuery(text="hex8_A")) == ["Hex8_a.db"]
    assert await paths(catalog, CatalogQuery(text="%")) == ["50%.db"]
    assert await paths(catalog, CatalogQuery(text="hex8 vast-1 games")) == ["Hex8_a.db", "hex8xa.db"]


@pytest.mark.parametrize("order", ["key", "path", "size_bytes", "mtime", "copies", "wanted", "states", "config_key"])
@pytest.mark.parametrize("descending", [False, True])
async def test_every_column_orders_the_rows_both_ways(catalog: DataCatalog, order: str, descending: bool) -> None:
    await fill(catalog)
    query = CatalogQuery(order=order, descending=descending)
    rows = (await catalog.window(query, 0, 100, PLACES)).rows

    def value(row: CatalogRow) -> object:
        return WORDS.index(row.states) if order == "states" else getattr(row, order)

    # Python's and SQLite's texts order alike here: all of it is ASCII. Without a config key sorts first.
    shown = [(value(row) is not None, value(row)) for row in rows]
    assert len(shown) == 5 and shown == sorted(shown, reverse=descending)  # type: ignore[type-var]


async def test_windows_join_to_the_whole_and_ranks_agree_with_them(catalog: DataCatalog) -> None:
    await scan(catalog, "vast-1", [record(games(f"{n:03}.db"), "vast-1", stat(n)) for n in range(300)])
    query = CatalogQuery(order="size_bytes", descending=True)
    whole: list[CatalogRow] = []
    for offset in range(0, 350, 50):
        window = await catalog.window(query, offset, 50, PLACES)
        assert (window.total, window.offset) == (300, offset)
        whole += window.rows
    assert [row.size_bytes for row in whole] == list(range(299, -1, -1))
    for position in (0, 17, 299):
        assert await catalog.rank(query, whole[position].id, PLACES) == position
    assert await catalog.rank(query, 10_000, PLACES) is None


async def test_new_entries_appear_once_the_ranking_is_built_again(catalog: DataCatalog, clock: ManualClock) -> None:
    await scan(catalog, "vast-1", [record(games("a.db"), "vast-1")])
    before = await catalog.window(CatalogQuery(), 0, 10, PLACES)
    await scan(catalog, "vast-1", [record(games("a.db"), "vast-1"), record(games("b.db"), "vast-1")])
    after = before
    while after.revision == before.revision:
        clock.advance(10.0)
        after = await catalog.window(CatalogQuery(), 0, 10, PLACES)
        await asyncio.sleep(0)
    assert [row.path for row in after.rows] == ["a.db", "b.db"]


async def test_rows_are_shown_as_they_are_now_even_under_an_older_ranking(catalog: DataCatalog) -> None:
    await scan(catalog, "vast-1", [record(model(), "vast-1", stat(10))])
    await catalog.window(CatalogQuery(), 0, 10, PLACES)
    await scan(catalog, "vast-1", [record(model(), "vast-1", stat(99, 2_000.0))])
    (shown,) = (await catalog.window(CatalogQuery(), 0, 10, PLACES)).rows
    assert shown.size_bytes == 99


async def test_one_row_is_the_one_of_the_list(catalog: DataCatalog) -> None:
    await fill(catalog)
    rows = (await catalog.window(CatalogQuery(text="short"), 0, 10, PLACES)).rows
    assert rows == (await catalog.row(games("short.db"), PLACES),)
    assert await catalog.row(games("unknown.db"), PLACES) is None


async def test_an_empty_catalog_has_an_empty_window(catalog: DataCatalog) -> None:
    window = await catalog.window(CatalogQuery(show="at-risk", order="states"), 0, 10, PLACES)
    assert (window.total, window.rows) == (0, ())
