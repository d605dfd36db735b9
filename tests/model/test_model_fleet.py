"""Whatever happens in whatever order: nothing that was safe gets less safe by us, and the catalog says what is so."""

from __future__ import annotations

import pytest

from tests.model.acts import Act, play, schedule

SHORT, LONG = 40, 120


@pytest.mark.parametrize("group", range(4))
async def test_no_schedule_makes_a_version_less_safe(group: int) -> None:
    """Real store, catalog, queue, planner, executor, archive and proofs; only nodes and the way between are played."""
    deleted = 0
    for seed in range(3 * group, 3 * group + 3):
        deleted += (await play(schedule(seed, SHORT))).truth.unlinked
    assert deleted, "a run in which nothing goes proves nothing"


@pytest.mark.storm
@pytest.mark.timeout(3500)
async def test_thousands_of_schedules_make_no_version_less_safe() -> None:
    for seed in range(1_000, 3_000):
        await play(schedule(seed, LONG if seed % 10 == 0 else SHORT))


async def test_a_copy_that_arrives_at_the_cold_storage_before_the_archive_keeps_the_original() -> None:
    """When it was asked for, the archive would have been the second place; when it is made, it is none of its own."""
    acts = [
        Act("write_new", (2, 0, 1)),
        Act("look", (0, 0, 0)),
        Act("ask_archive", (0, 0, 1)),
        Act("plan", (0, 0, 0)),
        Act("move", (3, 0, 0)),
        Act("work", (0, 0, 0)),
    ]
    stage = await play(acts)
    assert stage.truth.unlinked == 0
