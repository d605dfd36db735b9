"""Copies from before a file began anew: what was kept of it at one place says what another one may alone have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.catalog.catalog import DataCatalog
from engine.integrity.kept import kept_path
from engine.model import EntryKey
from tests.catalog.samples import DRIVE, PLACES, games, path_of, sha, stat, synced, version

KEY = games("g0.db")
AWAY = "hetzner-1"


async def found(catalog: DataCatalog, key: EntryKey, location: str, letter: str, size: int, at: float) -> None:
    """Record what was hashed at a moment, when it was just written."""
    await catalog.record_content(
        key, location, path_of(key, location), version(letter, size, at), stat(size, at), at, None
    )


def kept_key(letter: str) -> EntryKey:
    return replace(KEY, path=kept_path(KEY.path, sha(letter)))


@pytest.fixture
async def begun(catalog: DataCatalog) -> DataCatalog:
    """The drive had version a, the other node b that went on from it; the box began anew with c, which met a only."""
    await found(catalog, KEY, "vast-1", "a", 100, 1_000.0)
    await synced(catalog, KEY, DRIVE, "a", 100)
    await found(catalog, KEY, "vast-1", "b", 110, 2_000.0)
    await synced(catalog, KEY, AWAY, "b", 110)
    await found(catalog, KEY, "vast-1", "c", 120, 3_000.0)
    await synced(catalog, KEY, DRIVE, "c", 120)
    return catalog


async def alone(catalog: DataCatalog, *nodes: str) -> list[tuple[int, bool]]:
    return [(one.bytes, one.earlier) for one in await catalog.earlier_alone(PLACES, nodes)]


async def test_an_earlier_version_is_what_the_newest_went_on_from_until_something_was_kept(begun: DataCatalog) -> None:
    assert await alone(begun, AWAY) == [] and await begun.from_before() == frozenset()


async def test_what_lay_elsewhere_when_an_earlier_one_was_kept_may_be_alone(begun: DataCatalog) -> None:
    await found(begun, kept_key("a"), DRIVE, "a", 100, 3500.0)
    assert await alone(begun, AWAY) == [(110, True)]
    assert await alone(begun, "mac-studio", "vast-1") == []
    assert await begun.from_before() == {(str(KEY), AWAY)}


async def test_what_was_kept_itself_is_an_entry_of_its_own(begun: DataCatalog) -> None:
    await found(begun, kept_key("b"), DRIVE, "b", 110, 3500.0)
    assert await alone(begun, AWAY) == []


async def test_a_version_of_after_the_new_beginning_was_kept_is_none_from_before(begun: DataCatalog) -> None:
    await found(begun, kept_key("a"), DRIVE, "a", 100, 3500.0)
    await found(begun, KEY, "vast-1", "d", 130, 4_000.0)
    await synced(begun, KEY, AWAY, "d", 130)
    await found(begun, KEY, "vast-1", "e", 140, 5_000.0)
    await synced(begun, KEY, DRIVE, "e", 140)
    assert await alone(begun, AWAY) == []


async def test_a_name_that_only_looks_like_that_of_a_kept_one_says_nothing(begun: DataCatalog) -> None:
    await found(begun, replace(KEY, path="g0.kept-summer.db"), DRIVE, "a", 100, 3500.0)
    await found(begun, replace(kept_key("a"), origin="vast-2"), DRIVE, "a", 100, 3500.0)
    assert await alone(begun, AWAY) == []
