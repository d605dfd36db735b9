"""How many transfers a link may carry at once: all while it works, fewer as soon as it fails, back up step by step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.clock import ManualClock
from engine.transport.concurrency import HELD_SECONDS, LinkConcurrency

MB = 1_000_000


def link(clock: ManualClock, most: int = 4) -> LinkConcurrency:
    return LinkConcurrency(most, clock)


def arrive(links: LinkConcurrency, times: int = 1, rate: int = MB, at_once: int = 1) -> list[int]:
    """Let files arrive at a rate each; return the limits that were decided."""
    made = [links.arrived("a", "b", rate, 1.0, at_once) for _ in range(times)]
    return [decision.after for decision in made if decision is not None and decision.after != decision.before]


def limit(links: LinkConcurrency) -> int:
    return links.limited().get(("a", "b"), 4)


def test_a_healthy_link_is_never_touched() -> None:
    links = link(ManualClock())
    assert arrive(links, 500) == []
    assert links.limited() == {}


def test_one_failure_in_a_hundred_changes_nothing_and_one_in_ten_halves() -> None:
    clock = ManualClock()
    links = link(clock)
    arrive(links, 99)
    assert links.broke("a", "b", "connection reset", clock.monotonic()) is None
    links = link(clock)
    arrive(links, 9)
    decision = links.broke("a", "b", "connection reset", clock.monotonic())
    assert decision is not None and (decision.before, decision.after) == (4, 2)
    assert decision.reason == "lowered: connection reset; 90% of the last 10 arrived"
    assert links.limited() == {("a", "b"): 2}


def test_what_failed_together_lowers_once_and_never_below_one() -> None:
    clock = ManualClock()
    links = link(clock)
    clock.advance(10)
    for _ in range(4):
        links.broke("a", "b", "timed out", started_at=clock.monotonic() - 5)
    assert limit(links) == 2
    for _ in range(9):
        clock.advance(1)
        links.broke("a", "b", "timed out", started_at=clock.monotonic())
    assert limit(links) == 1


def test_it_rises_step_by_step_while_throughput_grows() -> None:
    clock = ManualClock()
    links = link(clock)
    links.broke("a", "b", "timed out", clock.monotonic())
    links.broke("a", "b", "timed out", clock.monotonic())
    assert limit(links) == 1
    for wanted in (2, 3, 4):
        at_once = limit(links)
        assert arrive(links, 12, at_once=at_once)[0] == wanted
    assert links.limited() == {}


def test_a_step_that_moves_no_more_is_held_and_one_that_moves_less_is_taken_back() -> None:
    clock = ManualClock()
    links = link(clock)
    links.broke("a", "b", "timed out", clock.monotonic())
    assert arrive(links, 2, rate=MB, at_once=2) == [3]
    assert arrive(links, 30, rate=2 * MB // 3, at_once=3) == []
    assert limit(links) == 3
    assert next(s.reason for s in links.standings()) == "held: one more at once moved no more"
    clock.advance(HELD_SECONDS)
    assert arrive(links, 1, rate=2 * MB // 3, at_once=3) == [4]
    assert arrive(links, 4, rate=MB // 8, at_once=4) == [3]


def test_links_do_not_concern_each_other() -> None:
    clock = ManualClock()
    links = link(clock)
    links.broke("a", "b", "timed out", clock.monotonic())
    assert links.limited() == {("a", "b"): 2}
    links.forget_others(frozenset({"a", "c"}))
    assert links.limited() == {}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**9), st.floats(0.0, 400.0)), max_size=200))
def test_the_limit_stays_between_one_and_the_most_and_every_change_has_a_reason(
    events: list[tuple[bool, int, float]],
) -> None:
    clock = ManualClock()
    links = link(clock)
    for arrived, size, pause in events:
        clock.advance(pause)
        before = limit(links)
        if arrived:
            decision = links.arrived("a", "b", size, 1.0, before)
        else:
            decision = links.broke("a", "b", "reset", clock.monotonic())
        assert 1 <= limit(links) <= 4
        assert (decision is not None and bool(decision.reason)) or limit(links) == before
