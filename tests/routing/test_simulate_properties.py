"""A simulation says exactly what the plain router and planner would do, entry by entry, whatever fleet and rules."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.rules import built_in_rules
from config.types import DataType, Policy, RuleMatch, RulePlace, RuleSpec
from engine.model import DataEntry, LocationView
from engine.planner.planner import PlanContext, SyncPlanner
from engine.routing.matching import deciding_rule
from engine.routing.router import Router
from engine.routing.simulation import filling, groups, many_choices
from engine.routing.simulation.memory import Remembered
from engine.routing.simulation.simulation import Simulation
from engine.routing.simulation.touched import touched_alone, touched_by
from engine.views_rules import SimulationView
from tests.planner.test_planner_properties import NAMES, fleets
from tests.planner.worlds import GB, NOW, entry, replica
from tests.routing.image_rows import image_of, rows_of

QUIET = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
SELECTORS = ["durable", "gpu", "training", "external", "durable & !gpu"]
TYPES = st.frozensets(st.sampled_from(list(DataType)), min_size=1)
MATCHES = st.builds(
    RuleMatch,
    data_types=TYPES,
    config_key=st.sampled_from(["*", "hex8_*", "HEX8_*"]),
    path=st.sampled_from(["*", "f[0-4]*", "*7"]),
    min_size_bytes=st.sampled_from([None, 1001, 5 * GB]),
    max_size_bytes=st.sampled_from([None, 1000, 5 * GB]),
    min_age_seconds=st.sampled_from([None, None, 3600.0]),
    max_age_seconds=st.sampled_from([None, None, 3600.0, 7200.0]),
    region=st.sampled_from(["*", "*", "*", "EU-*", "us-1"]),
)
RULES = st.lists(
    st.builds(
        RuleSpec,
        name=st.sampled_from(["one", "two", "three"]),
        match=MATCHES,
        place=st.lists(
            st.builds(RulePlace, st.sampled_from(SELECTORS), st.sampled_from([None, 1, 2, 4])), min_size=1, max_size=2
        ).map(tuple),
        priority=st.sampled_from([50, 75, 25]),
        deadline_seconds=st.sampled_from([None, 60.0]),
        line=st.just(3),
    ),
    max_size=3,
)


@st.composite
def catalogs(draw: st.DrawFn, locations: list[str]) -> list[DataEntry]:
    """Entries of which many are alike."""
    found: list[DataEntry] = []
    for batch in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(list(DataType)))
        origin = draw(st.sampled_from(NAMES)) if kind is DataType.GAMES else ""
        places = draw(st.lists(st.sampled_from(locations), max_size=4, unique=True))
        odd = draw(st.sampled_from(["no", "no", "no", "changed", "unhashed"]))
        alike = draw(st.sampled_from([False, False, True]))
        for number in range(draw(st.integers(1, 12))):
            size = draw(st.sampled_from([1000, 5 * GB, 400 * GB]))
            name = f"f{batch}{number}"
            sha = None if odd == "unhashed" else _content(f"{size} {number % 3}" if alike else name)
            copies = [replica(place, sha=sha, size=size, changed=odd == "changed" and place == origin,
                              mtime=NOW - 3600 * number) for place in places]  # fmt: skip
            if odd == "unhashed":
                copies = [dataclasses.replace(copy, state=type(copy.state).UNHASHED, sha256=None) for copy in copies]
            found.append(
                entry(name, *copies, origin=origin, data_type=kind, sha=sha, size=size, mtime=NOW - 3600 * number)
            )
    return found


def _content(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@st.composite
def placed_fleets(draw: st.DrawFn) -> tuple[Policy, dict[str, LocationView]]:
    """Fleets whose nodes are in some region."""
    fleet, locations = draw(fleets())
    regions = {name: draw(st.sampled_from([None, "eu-1", "us-1"])) for name in fleet.nodes}
    nodes = {name: dataclasses.replace(node, region=regions[name]) for name, node in fleet.nodes.items()}
    views = {name: dataclasses.replace(view, region=regions[view.node_id]) for name, view in locations.items()}
    return dataclasses.replace(fleet, nodes=nodes), views


def with_rules(fleet: Policy, rules: list[RuleSpec]) -> Policy:
    return dataclasses.replace(fleet, rules=(*rules, *built_in_rules(fleet.replication_target)))


@contextlib.contextmanager
def portions_of(rows: int) -> Iterator[None]:
    """Cut the work into portions of so many rows: small catalogs show no cut otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "_BLOCK", rows)
        patch.setattr(filling, "_BUCKET", rows)
        patch.setattr(many_choices, "_AT_ONCE", rows)
        yield


def plainly(entries: list[DataEntry], old: PlanContext, new: PlanContext) -> dict[str, object]:
    """Return what the plain router and planner say of every entry, in one pass."""
    before, after = (
        Router(old.policy, old.locations, old.reserved_bytes),
        Router(new.policy, new.locations, new.reserved_bytes),
    )
    wanted, surplus, surplus_bytes = {}, Counter(), Counter()
    for found in entries:
        key = str(found.key)
        old_slots = before.route(found, old.now, old.in_flight(key)).wanted
        new_slots = {slot.location for slot in after.route(found, new.now, new.in_flight(key)).wanted}
        wanted[key] = {slot.location for slot in old_slots}
        for slot in old_slots:
            if slot.held and slot.location not in new_slots:
                surplus[slot.location] += 1
                surplus_bytes[slot.location] += found.size_bytes
    result = SyncPlanner().plan_replication(entries, new)
    sizes = {str(found.key): found.size_bytes for found in entries}
    added, added_bytes = Counter(), Counter()
    for plan in result.plans:
        for target in plan.targets:
            for key in map(str, plan.entries):
                if target not in wanted[key]:
                    added[target] += 1
                    added_bytes[target] += sizes[key]
    refused = Counter(str(r.key) for r in result.refused if r.location not in wanted[str(r.key)])
    return {
        "added": +added, "added_bytes": +added_bytes, "surplus": +surplus, "surplus_bytes": +surplus_bytes,
        "refused": sum(refused.values()),
    }  # fmt: skip


def simulated(view: SimulationView) -> dict[str, object]:
    few = sum(found.copies for found in view.unplaced if "more copies than places" in found.reason)
    return {
        "added": +Counter({n.location: n.added_files for n in view.nodes}),
        "added_bytes": +Counter({n.location: n.added_bytes for n in view.nodes}),
        "surplus": +Counter({n.location: n.surplus_files for n in view.nodes}),
        "surplus_bytes": +Counter({n.location: n.surplus_bytes for n in view.nodes}),
        "refused": sum(found.copies for found in view.unplaced) - few,
    }


@given(st.data())
@QUIET
def test_a_simulation_equals_the_plain_planner(data: st.DataObject) -> None:
    fleet, locations = data.draw(placed_fleets())
    entries = data.draw(catalogs(sorted(locations)))
    keys, places = st.sampled_from([str(e.key) for e in entries]), st.sampled_from(sorted(locations))
    old = PlanContext(
        with_rules(fleet, data.draw(RULES)),
        locations,
        NOW,
        live=frozenset(data.draw(st.sets(st.tuples(keys, places), max_size=3))),
        reserved_bytes=data.draw(st.dictionaries(places, st.integers(0, 500 * GB), max_size=3)),
        newest=frozenset(data.draw(st.sets(keys, max_size=2))),
    )
    image = image_of(entries)
    remembered = Remembered()
    with portions_of(data.draw(st.sampled_from([2, 4096]))):
        for _ in range(data.draw(st.integers(1, 3))):
            new = dataclasses.replace(old, policy=with_rules(fleet, data.draw(RULES)))
            simulation = Simulation(image, old, new, remembered=remembered)
            simulation.alone([(row_id, entries[row_id - 1]) for row_id in simulation.groups()])
            view = simulation.view(0.0)
            expected = plainly(entries, old, new)
            assert simulated(view) == expected
            assert view.files_to_move == sum(expected["added"].values())
            assert view.entries == len(entries)


@given(st.data())
@QUIET
def test_what_rules_touch_is_what_they_decide_about(data: st.DataObject) -> None:
    fleet, locations = data.draw(placed_fleets())
    entries = data.draw(catalogs(sorted(locations)))
    policy = with_rules(fleet, data.draw(RULES))
    found, alone = touched_by(image_of(entries), policy, NOW)
    touched_alone(found, [entries[row_id - 1] for row_id in alone], policy, NOW)
    expected = Counter(), Counter()
    for one in entries:
        rule = deciding_rule(one, policy, NOW)
        assert rule is not None
        expected[0][rule.name] += 1
        expected[1][rule.name] += one.size_bytes
    assert {name: (t.entries, t.bytes) for name, t in found.items()} == {
        name: (count, expected[1][name]) for name, count in expected[0].items()
    }


def test_a_policy_of_other_nodes_is_compared_too() -> None:
    """A fix may change who receives at all: everything is placed anew under it."""
    from tests.planner.worlds import node, policy, views

    before = policy([node("alpha-1"), node("beta-1")], refuses={"beta-1": [DataType.NPZ]}, target=2)
    after = policy([node("alpha-1"), node("beta-1")], target=2)
    entries = [entry(f"f{n}", replica("alpha-1", sha=str(n) * 64), sha=str(n) * 64) for n in range(5)]
    simulation = Simulation(
        image_of(entries), PlanContext(before, views(before), NOW), PlanContext(after, views(after), NOW)
    )
    assert simulation.groups() == ()
    view = simulation.view(0.0)
    assert [(n.location, n.added_files, n.added_bytes) for n in view.nodes] == [("beta-1", 5, 5000)]
    assert view.unplaced == ()


def test_what_was_chosen_before_is_forgotten_when_a_row_gets_another_key() -> None:
    from tests.planner.worlds import node, policy, views

    nodes = [node(f"{name}-1") for name in ("alpha", "beta", "gamma", "delta")]
    before, after = policy(nodes, target=1), policy(nodes, target=2)
    remembered = Remembered()
    image = image_of([])
    for batch in range(3):
        entries = [entry(f"{batch}{n}", replica("alpha-1", sha=str(n) * 64), sha=str(n) * 64) for n in range(9)]
        image.put(rows_of(entries, {"alpha-1": 1}), {1: "alpha-1"})
        contexts = PlanContext(before, views(before), NOW), PlanContext(after, views(after), NOW)
        simulation = Simulation(image, *contexts, remembered=remembered)
        assert simulation.groups() == ()
        assert simulated(simulation.view(0.0)) == plainly(entries, *contexts)


def test_a_fleet_of_more_places_than_a_word_has_bits_is_tried_too() -> None:
    from tests.planner.worlds import node, policy, views

    nodes = [node(f"n{number}-1", provider=f"p{number % 5}") for number in range(150)]
    before, after = policy(nodes, target=2), policy(nodes, target=5)
    names = [f"n{number}-1" for number in range(150)]
    entries = []
    for number in range(1, 75):
        sha = _content(str(number))
        copies = [replica(names[number * step % 150], sha=sha) for step in (1, 2)]
        entries.append(entry(f"f{number}", *copies, sha=sha))
    contexts = PlanContext(before, views(before), NOW), PlanContext(after, views(after), NOW)
    remembered, image = Remembered(), image_of(entries)
    for _ in range(2):
        simulation = Simulation(image, *contexts, remembered=remembered)
        assert simulation.groups() == ()
        view = simulation.view(0.0)
        assert simulated(view) == plainly(entries, *contexts)
        assert view.files_to_move == 3 * len(entries)
