"""The property would notice: with one promise broken on purpose, some schedule fails within a small budget."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.model.acts import play, schedule
from tests.model.broken import BREAKAGES
from tests.model.truth import Broken

BUDGET = 30
"""Schedules; each of the breakages shows itself within the first few."""


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda one: one.__name__)
async def test_a_broken_promise_is_found(
    breakage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    breakage(monkeypatch)
    found: str | None = None
    for seed in range(BUDGET):
        try:
            await play(schedule(seed, 24, BREAKAGES[breakage]))
        except Broken as error:
            found = str(error)
            break
    assert found is not None, "no schedule noticed"
