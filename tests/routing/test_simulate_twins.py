"""One content under two names: a draft says of it what the planner does, which sends it once at a time."""

from __future__ import annotations

import dataclasses

import pytest

from config.types import DataType, RuleMatch, RulePlace, RuleSpec
from engine.model import DataEntry, LocationView
from engine.planner.admission import SAME_CONTENT
from engine.planner.context import PlanContext
from engine.routing.simulation.simulation import Simulation
from engine.routing.simulation.twins import twins_among
from engine.views_rules import SimulationView
from tests.planner.worlds import GB, NOW, entry, node, policy, replica, views
from tests.routing.image_rows import image_of
from tests.routing.test_simulate_properties import plainly, simulated

EVERYWHERE = RuleSpec(
    name="everywhere",
    match=RuleMatch(frozenset(DataType)),
    place=(RulePlace("durable", None),),
    priority=50,
    deadline_seconds=None,
    line=3,
)
BEFORE = policy([node("alpha-1"), node("alpha-2")], target=1)
AFTER = dataclasses.replace(BEFORE, rules=(EVERYWHERE, *BEFORE.rules))


def named(name: str, content: str, size: int = 1000) -> DataEntry:
    """Return an entry that is at its origin alone."""
    sha = content * 64
    return entry(name, replica("alpha-1", sha=sha, size=size), origin="alpha-1", sha=sha, size=size)


def tried(entries: list[DataEntry], locations: dict[str, LocationView], live: set[tuple[str, str]]) -> SimulationView:
    """Return what a draft comes to, after comparing it with the plain planner."""
    old = PlanContext(BEFORE, locations, NOW, live=frozenset(live), newest=frozenset())
    new = dataclasses.replace(old, policy=AFTER)
    simulation = Simulation(image_of(entries), old, new)
    assert simulation.groups() == ()
    view = simulation.view(0.0)
    assert simulated(view) == plainly(entries, old, new)
    return view


def test_one_content_under_two_names_comes_once_at_a_time() -> None:
    entries = [named("first", "a"), named("second", "a"), named("other", "b")]
    view = tried(entries, views(BEFORE), set())
    assert (view.files_to_move, view.bytes_to_move) == (2, 2000)
    assert [(gap.reason, gap.copies, gap.bytes, gap.example) for gap in view.unplaced] == [
        (SAME_CONTENT, 1, 1000, "games:second@alpha-1")
    ]


def test_a_content_that_is_on_its_way_is_not_sent_under_another_name_meanwhile() -> None:
    entries = [named("first", "a"), named("second", "a"), named("other", "b")]
    view = tried(entries, views(BEFORE), {("games:second@alpha-1", "alpha-2")})
    assert view.files_to_move == 1
    assert [(gap.reason, gap.copies, gap.example) for gap in view.unplaced] == [
        (SAME_CONTENT, 1, "games:first@alpha-1")
    ]


def test_what_waits_for_its_own_content_takes_no_space_from_others() -> None:
    entries = [named("a", "a", 50 * GB), named("b", "a", 50 * GB), named("c", "c", 50 * GB), named("d", "d", 50 * GB)]
    locations = views(BEFORE, **{"alpha-2": {"used_bytes": 580 * GB}})
    view = tried(entries, locations, set())
    assert view.files_to_move == 2
    assert {gap.reason: gap.example for gap in view.unplaced} == {
        SAME_CONTENT: "games:b@alpha-1",
        "alpha-2 would be fuller than 70 %": "games:d@alpha-1",
    }


@pytest.mark.parametrize("count", [0, 1, 5_000])
def test_contents_that_differ_have_no_twins(count: int) -> None:
    assert twins_among([0, 0, *range(1, count + 1)], lambda: None) == b""


def test_a_twin_is_whatever_has_a_content_that_is_elsewhere_too() -> None:
    assert twins_among([0, 7, 0, 8, 7, 9, 7 + 512], lambda: None) == bytes([0, 1, 0, 0, 1, 0, 0])
