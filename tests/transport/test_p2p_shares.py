"""Chunks that nobody has yet leave their holder once, whoever comes and goes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.remote.agent.fetching_spans import Spans, common, count, holds, normal, rarest, union, without
from engine.transport.p2p.shares import STARVED_SECONDS, Shares

spans = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda pair: (pair[0], sum(pair)))).map(normal)


def numbers(these: Spans) -> set[int]:
    return {number for first, past in these for number in range(first, past)}


@given(spans, spans)
def test_spans_are_sets(one: Spans, other: Spans) -> None:
    assert numbers(union(one, other)) == numbers(one) | numbers(other)
    assert numbers(common(one, other)) == numbers(one) & numbers(other)
    assert numbers(without(one, other)) == numbers(one) - numbers(other)
    assert count(one) == len(numbers(one))
    assert {number for number in range(60) if holds(one, number)} == numbers(one)
    assert normal(without(one, other)) == without(one, other)


@given(spans.filter(bool), st.lists(spans, max_size=4), st.integers(0, 60))
def test_the_rarest_span_is_one_that_the_fewest_have(wanted: Spans, holders: list[Spans], start: int) -> None:
    levels = {number: sum(holds(held, number) for held in holders) for number in numbers(wanted)}
    least = min(levels.values())
    first, past = rarest(wanted, holders, start)
    assert all(levels[number] == least for number in range(first, past))
    after = [number for number, level in levels.items() if level == least and number >= start]
    assert first == min(after or [number for number, level in levels.items() if level == least])


def alone(shares: Shares, fetching: dict[int, Spans], now: float = 0.0) -> dict[int, Spans]:
    """Divide among fetchers that all reach each other."""
    return shares.divide(fetching, {each: _others(fetching, each) for each in fetching}, False, now)


def _others(fetching: dict[int, Spans], each: int) -> Spans:
    found: Spans = []
    for other, have in fetching.items():
        if other != each:
            found = union(found, have)
    return found


def test_one_fetcher_may_ask_for_everything() -> None:
    assert alone(Shares(9), {1: []}) == {1: [(0, 9)]}
    assert alone(Shares(0), {1: []}) == {1: []}


@pytest.mark.parametrize("seed", range(20))
def test_no_chunk_is_asked_for_twice_and_all_are_asked_for(seed: int) -> None:
    chance = random.Random(seed)
    shares = Shares(64)
    fetching: dict[int, Spans] = {}
    for step in range(60):
        if len(fetching) < 8 and chance.random() < 0.4:
            fetching[step + 1] = []
        if len(fetching) > 1 and chance.random() < 0.1:
            fetching.pop(chance.choice(sorted(fetching)))
        if not fetching:
            continue
        allowed = alone(shares, fetching, now=0.0)
        spread = _others(fetching, 0)
        free = without([(0, 64)], spread)
        if not free:
            assert set(map(tuple, allowed.values())) == {((0, 64),)}
            continue
        asked = [number for each in allowed.values() for number in numbers(each)]
        assert sorted(asked) == sorted(numbers(free))
        for each in fetching:
            mine = allowed[each]
            if mine and chance.random() < 0.7:
                fetching[each] = union(fetching[each], [(mine[0][0], mine[0][0] + 1)])


def test_whoever_gets_nothing_for_a_while_may_ask_for_what_others_fetch() -> None:
    shares = Shares(1)
    assert alone(shares, {1: [], 2: []}, now=0.0)[2] == []
    assert alone(shares, {1: [], 2: []}, now=STARVED_SECONDS)[2] == [(0, 1)]


def test_what_only_an_unreachable_peer_has_is_asked_of_the_holder() -> None:
    shares = Shares(10)
    fetching: dict[int, Spans] = {1: [(0, 4)], 2: []}
    assert common(shares.divide(fetching, {1: [], 2: [(0, 4)]}, False, 0.0)[2], [(0, 4)]) == []
    assert common(shares.divide(fetching, {1: [], 2: []}, False, 0.0)[2], [(0, 4)]) == [(0, 4)]


def test_when_one_has_everything_all_may_ask_for_all() -> None:
    assert Shares(10).divide({1: [], 2: []}, {1: [], 2: []}, True, 0.0) == {1: [(0, 10)], 2: [(0, 10)]}
