"""Whatever happens in whatever order: nothing that was safe gets less safe by us, and the catalog says what is so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.model.acts import Act, Stage, play, schedule

SHORT, LONG = 40, 120


DWELLING: dict[str, tuple[tuple[str, ...], Callable[[Stage], int]]] = {
    "anything": ((), lambda stage: 1),
    "deletions": (("archive",), lambda stage: stage.truth.unlinked),
    "rescues": (("rescue",), lambda stage: stage.rescues.ended),
    "keeping both": (
        ("sync", "recycle", "wait", "sync", "stray", "sync", "set_trap", "keep_both", "sync"),
        lambda stage: stage.kept,
    ),
    "games": (("write_new", "merge_games", "sync", "believe_superseded"), lambda stage: stage.believed),
}
"""What schedules come back to, and how often that happened on a stage."""


@pytest.mark.parametrize("about", DWELLING)
async def test_no_schedule_makes_a_version_less_safe(about: str) -> None:
    """Real store, catalog, queue, planner, executor, archive, proofs, rules, games and rescues; only nodes and the way
    between are played."""
    acts, happened = DWELLING[about]
    stages = [await play(schedule(seed, SHORT, acts)) for seed in range(3)]
    assert sum(map(happened, stages)), "a run in which nothing of it happens proves nothing"


@pytest.mark.parametrize("seed", (1_104, 1_118, 1_289))
async def test_schedules_that_once_found_a_fault_find_none(seed: int) -> None:
    """Archives that went where the same content lay under the name it was kept from; a file called saved because a
    newer beginning of it was on a rented box."""
    await play(schedule(seed, SHORT))


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
