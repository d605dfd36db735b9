"""What is said to be elsewhere, or lost with a node, agrees with counting game by game; and it is seen to fail when the
judge is made wrong on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.games.judging import judge, place
from engine.games.values import Content, ContentName, Copy, CountedSet, Placed, Standing
from engine.model import FileStat

NODES = ("drive", "trainer", "vast-1", "vast-2")
DURABLE = frozenset({"drive", "trainer"})


@dataclass(frozen=True)
class Database:
    """One database: its complete games, those without moves, and where its current version has verified copies."""

    complete: frozenset[int]
    incomplete: frozenset[int]
    copies: frozenset[str]
    canonical: bool


databases = st.lists(
    st.builds(
        Database,
        st.frozensets(st.integers(0, 30), max_size=20),
        st.frozensets(st.integers(0, 30), max_size=20),
        st.frozensets(st.sampled_from(NODES), min_size=1),
        st.booleans(),
    ),
    max_size=6,
)
Judge = Callable[[list[Database]], Standing]


def classes_of(sets: list[frozenset[int]]) -> list[tuple[frozenset[int], int]]:
    holders: dict[int, set[int]] = {}
    for number, games in enumerate(sets):
        for game in games:
            holders.setdefault(game, set()).add(number)
    return list(Counter(frozenset(members) for members in holders.values()).items())


def placed(fleet: list[Database], durable: frozenset[str] = DURABLE) -> dict[int, Placed]:
    return {
        number: Placed(str(number), one.canonical, True, one.copies & durable, one.copies, one.copies & durable)
        for number, one in enumerate(fleet)
    }


def the_judge(fleet: list[Database]) -> Standing:
    return judge(classes_of([one.complete for one in fleet]), placed(fleet))


def counts_games_without_moves(fleet: list[Database]) -> Standing:
    """Wrong on purpose: a row without moves is taken for a game."""
    return judge(classes_of([one.complete | one.incomplete for one in fleet]), placed(fleet))


def counts_copies_that_may_vanish(fleet: list[Database]) -> Standing:
    """Wrong on purpose: a copy on an ephemeral node is taken for a safe one."""
    return judge(classes_of([one.complete for one in fleet]), placed(fleet, frozenset(NODES)))


def counts_itself(fleet: list[Database]) -> Standing:
    """Wrong on purpose: every database vouches for itself under another name."""
    sets = [one.complete for one in fleet]
    there = placed(fleet)
    for number, one in list(there.items()):
        there[number + len(sets)] = replace(one, key=f"copy of {one.key}")
    return judge(classes_of(sets + sets), there)


def agrees_with_counting_by_hand(judged: Judge, fleet: list[Database]) -> None:
    """Assert that no game is said to be safe that is not, and none lost that is safe: game by game."""
    found = judged(fleet)
    for number, one in enumerate(fleet):
        others = [o for n, o in enumerate(fleet) if n != number and o.copies & DURABLE]
        saved = frozenset().union(*(o.complete for o in others))
        assert found.elsewhere.get(str(number), 0) == len(one.complete & saved)
        canonical = frozenset().union(*(o.complete for o in others if o.canonical))
        assert found.canonical.get(str(number), 0) == len(one.complete & canonical)
    for node in NODES:
        held = frozenset().union(*(o.complete for o in fleet if node in o.copies))
        safe = frozenset().union(*(o.complete for o in fleet if (o.copies & DURABLE) - {node}))
        assert found.union.get(node, 0) == len(held)
        assert found.at_risk.get(node, 0) == len(held - safe)
    every = frozenset().union(*(o.complete for o in fleet))
    assert found.orphans == len(every - frozenset().union(*(o.complete for o in fleet if o.canonical)))


@given(databases)
def test_what_is_elsewhere_and_what_would_be_lost_is_counted_right(fleet: list[Database]) -> None:
    agrees_with_counting_by_hand(the_judge, fleet)


@pytest.mark.parametrize("wrong", [counts_games_without_moves, counts_copies_that_may_vanish, counts_itself])
def test_a_judge_made_wrong_on_purpose_is_found_out(wrong: Judge) -> None:
    @settings(database=None, report_multiple_bugs=False, phases=[Phase.generate])
    @given(databases)
    def holds(fleet: list[Database]) -> None:
        agrees_with_counting_by_hand(wrong, fleet)

    with pytest.raises(AssertionError):
        holds()


def content(key: str, sha256: str, **changes: object) -> Content:
    nowhere = frozenset[str]()
    stat = FileStat(1, 1)
    plain = Content(ContentName(key, sha256), 1, True, False, 1, nowhere, nowhere, (Copy("drive", "/g.db", stat),))
    return replace(plain, **changes)  # type: ignore[arg-type]


def counted(key: str, sha256: str, at: float) -> CountedSet:
    return CountedSet(ContentName(key, sha256), 1, 0, 0, 1, at, FileStat(1, 1), "", f"/{key}/{sha256}")


def test_a_version_that_is_not_counted_proves_nothing_but_its_last_set_says_what_is_likely_lost() -> None:
    sets = [counted("grows", "v1", 1.0), counted("grows", "v2", 2.0)]
    numbers = {one.path: number for number, one in enumerate(sets)}
    saved = content("grows", "v3", held=frozenset({"vast-1", "drive"}), saved=frozenset({"drive"}))
    found, unknown = place([saved, content("new", "v1")], sets, numbers)
    assert [one.name.key for one in unknown] == ["new"]
    assert found == {1: Placed("grows", False, False, frozenset(), saved.held, saved.saved)}
    standing = judge([(frozenset({1}), 10)], found)
    assert standing.at_risk == {"drive": 10}
    assert standing.elsewhere == {}
