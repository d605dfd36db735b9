"""The automatic policy over real nodes: nothing until it is allowed, then from the limit down to the target."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.archive_settings import ArchiveSettings
from engine.archive.values import ArchiveState, Original
from engine.model import LocationView
from tests.archive.world import ArchiveWorld, open_archive
from tests.execution.data import make_database
from tests.fleet import Fleet

NAMES = {f"merged_all_2025013{n}.db": rows for n, rows in ((0, 3000), (1, 2000), (2, 1000))}
"""Three intermediates, the largest first."""


@pytest.fixture
async def world(fleet: Fleet, tmp_path: Path) -> AsyncIterator[ArchiveWorld]:
    settings = ArchiveSettings(location="node-1", max_deletions_per_run=2)
    async with open_archive(fleet, tmp_path / "state.db", "00000001", settings) as opened:
        for name, rows in NAMES.items():
            make_database(fleet["node-2"].games / name, rows, "delete")
        await opened.look()
        yield opened


def here(world: ArchiveWorld) -> list[str]:
    return sorted(path.name for path in world.fleet["node-2"].games.glob("*.db"))


def full(world: ArchiveWorld, wanted_bytes: int) -> None:
    """Let node-2 alone be above its limit, by so many bytes that its target is missed by those wanted."""
    known = world.world.known
    view: LocationView = known.location_views()["node-2"]
    assert view.total_bytes is not None and view.used_bytes is not None
    percent = 100.0 * view.used_bytes / view.total_bytes
    target = 100.0 * (view.used_bytes - wanted_bytes) / view.total_bytes
    thresholds = replace(known.policy.thresholds, disk_max_percent=(percent + target) / 2, disk_target_percent=target)
    known.apply_policy(replace(known.policy, thresholds=thresholds))


async def round_of(world: ArchiveWorld) -> list[tuple[str, ArchiveState, Original]]:
    await world.parts.automatic.round()
    await world.parts.worker.drain()
    _, rows = await world.parts.records.page(0, 10, "")
    return sorted((row.key.path, row.state, row.original) for row in rows)


async def test_it_only_says_what_it_would_do_until_it_is_allowed(world: ArchiveWorld) -> None:
    full(world, 10)
    assert await round_of(world) == []
    view = await world.parts.automatic.view()
    assert not view.allowed and "1 file would be archived" in view.dry_run
    assert here(world) == sorted(NAMES)
    assert await world.parts.records.last_run() is None


async def test_it_archives_the_largest_down_to_the_target_and_the_cap_holds_each_run(world: ArchiveWorld) -> None:
    await world.parts.automatic.allow(True)
    largest, middle, smallest = NAMES
    full(world, 10)
    assert await round_of(world) == [(largest, ArchiveState.VERIFIED, Original.DELETED)]
    assert here(world) == [middle, smallest]

    world.world.limit(archive=replace(world.world.known.policy.engine.archive, max_deletions_per_run=1))
    full(world, 1 << 40)
    assert [row[0] for row in await round_of(world)] == [largest, middle]
    assert here(world) == [smallest]
    assert (await world.parts.automatic.view()).last_drill.startswith("1 of 1 archives were restored")


async def test_what_is_blocked_waits_for_a_person_and_the_rest_is_not_taken_for_it(
    world: ArchiveWorld, tmp_path: Path
) -> None:
    await world.parts.automatic.allow(True)
    settings = world.world.known.policy.engine.archive
    world.world.limit(archive=replace(settings, path=str(tmp_path / "not-mounted")))
    full(world, 1 << 40)
    first = await round_of(world)
    assert [state for _, state, _ in first] == [ArchiveState.BLOCKED, ArchiveState.BLOCKED]
    third = await round_of(world)
    assert [state for _, state, _ in third] == [ArchiveState.BLOCKED] * 3
    assert await round_of(world) == third
    assert here(world) == sorted(NAMES)


async def test_a_round_that_fails_says_so_until_one_succeeds(world: ArchiveWorld) -> None:
    automatic = world.parts.automatic
    await automatic.allow(True)
    settings = world.world.known.policy.engine.archive
    world.world.limit(archive=replace(settings, location=None))
    full(world, 10)
    await automatic.attempt()
    assert automatic.failure is not None and automatic.failure.remedy
    said = (await automatic.view()).failure
    assert automatic.failure.cause in said and automatic.failure.remedy in said

    world.world.limit(archive=settings)
    await automatic.attempt()
    assert automatic.failure is None and (await automatic.view()).failure == ""
