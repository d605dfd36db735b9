"""The collector's promises: what lasts is walked once, rings are freed, and the settings are put back."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from engine.collecting import THAW_ANYWAY_BLOCKS, THAW_IDLE_BLOCKS, Collector


class Ring:
    """An object that only the cyclic collector can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector(lambda: True)
    yield made
    made.stop()


def test_what_survives_a_full_collection_is_not_walked_by_the_next(collector: Collector) -> None:
    collector.start()
    kept = [[number] for number in range(50_000)]
    gc.collect()
    assert len(gc.get_objects(generation=2)) < len(kept) / 10


def test_rings_that_were_put_aside_alive_are_freed_by_a_thaw(collector: Collector) -> None:
    collector.start()
    ring = Ring()
    gone = weakref.ref(ring)
    gc.collect()
    del ring
    gc.collect()
    assert gone() is not None, "a frozen ring is not looked at"
    collector.thaw()
    assert gone() is None


def test_young_rings_are_freed_as_ever(collector: Collector) -> None:
    collector.start()
    gone = weakref.ref(Ring())
    gc.collect()
    assert gone() is None


def test_a_thaw_waits_until_memory_has_grown_and_longer_while_the_engine_works(collector: Collector) -> None:
    collector.start()
    assert not collector.worth_thawing(idle=True)
    kept = [[number] for number in range(THAW_IDLE_BLOCKS)]
    assert collector.worth_thawing(idle=True)
    assert not collector.worth_thawing(idle=False)
    more = [[number] for number in range(THAW_ANYWAY_BLOCKS)]
    assert collector.worth_thawing(idle=False)
    collector.thaw()
    assert not collector.worth_thawing(idle=True)
    assert len(kept) < len(more)


def test_what_came_and_went_is_no_reason_for_a_thaw(collector: Collector) -> None:
    collector.start()
    for _ in range(3):
        passing = [[number] for number in range(THAW_IDLE_BLOCKS)]
        gc.collect()
        del passing
    assert not collector.worth_thawing(idle=True)


def test_a_full_collection_is_due_soon_after_a_thaw(collector: Collector) -> None:
    lasting = [[number] for number in range(200_000)]
    collector.start()
    full: list[str] = []
    gc.callbacks.append(lambda phase, info: full.append(phase) if info["generation"] == 2 else None)
    try:
        kept = [[number] for number in range(30_000)]
    finally:
        gc.callbacks.pop()
    assert full and len(kept) < len(lasting)


def test_the_settings_from_before_come_back() -> None:
    before = gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count()
    collector = Collector(lambda: False)
    collector.start()
    assert gc.get_threshold() != before[0]
    collector.start()
    collector.stop()
    collector.stop()
    assert (gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count()) == before
