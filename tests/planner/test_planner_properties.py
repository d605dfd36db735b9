"""What the planner never does, and what it always reaches, whatever the fleet."""

from __future__ import annotations

import dataclasses

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.types import DataType, Policy
from engine.model import (
    DataEntry,
    LocationState,
    LocationView,
    NodeState,
    PlanResult,
    Replica,
    ReplicaState,
    Version,
)
from engine.planner.planner import PlanContext, SyncPlanner
from engine.routing.holding import holding
from engine.routing.router import Router
from engine.views import SyncRequest
from tests.planner.worlds import GB, NOW, entry, node, policy, replica, views

NAMES = ["alpha-1", "alpha-2", "beta-1", "beta-2", "vast-1", "vast-2", "hub"]
STATES = st.sampled_from([NodeState.UP] * 4 + [NodeState.TIMED_OUT, NodeState.UNKNOWN])
PLACES = st.sampled_from([LocationState.AVAILABLE] * 5 + [LocationState.NOT_MOUNTED])
COPIES = st.sampled_from([*[ReplicaState.CURRENT] * 3, *list(ReplicaState)])
QUIET = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Policy, dict[str, LocationView]]:
    nodes = [
        node(name, ephemeral=name.startswith("vast"), training=draw(st.booleans()), gpu=draw(st.booleans()),
             coordinator=name == "hub", drives=["/Volumes/D"] if name == "hub" else [])
        for name in draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=7, unique=True))
    ]  # fmt: skip
    refuses = {n.node_id: draw(st.lists(st.sampled_from(list(DataType)), max_size=2)) for n in nodes}
    fleet = policy(nodes, refuses=refuses, target=draw(st.integers(1, 4)))
    changes = {
        location: {
            "node_state": draw(STATES),
            "state": draw(PLACES),
            "used_bytes": draw(st.integers(0, 900)) * GB,
            "paused": draw(st.sampled_from([False, False, False, True])),
            "failing": draw(st.sampled_from([False, False, True])),
        }
        for location in views(fleet)
    }
    return fleet, views(fleet, **changes)


@st.composite
def entries(draw: st.DrawFn, locations: list[str], count: int = 5) -> list[DataEntry]:
    found = []
    for number in range(draw(st.integers(1, count))):
        data_type = draw(st.sampled_from(list(DataType)))
        origin = draw(st.sampled_from(NAMES)) if data_type is DataType.GAMES else ""
        places = draw(st.lists(st.sampled_from(locations), max_size=4, unique=True))
        size = draw(st.sampled_from([1000, 5 * GB, 400 * GB]))
        sha = draw(st.sampled_from(["a" * 64, "b" * 64, None]))
        copies = [
            replica(place, ReplicaState.UNHASHED if sha is None else draw(COPIES), sha=sha,
                    size=draw(st.sampled_from([size, 999, size + 1])), changed=draw(st.booleans()) and place == origin)
            for place in places
        ]  # fmt: skip
        made = entry(f"f{number}", *copies, origin=origin, data_type=data_type, sha=sha, size=size)
        found.append(made)
    return found


def _worlds(draw: st.DataObject) -> tuple[PlanContext, list[DataEntry]]:
    fleet, locations = draw.draw(fleets())
    found = draw.draw(entries(sorted(locations)))
    keys, places = st.sampled_from([str(e.key) for e in found]), st.sampled_from(sorted(locations))
    live = draw.draw(st.sets(st.tuples(keys, places)))
    rates = draw.draw(st.dictionaries(st.tuples(places, places), st.floats(1.0, 1e9)))
    return PlanContext(fleet, locations, NOW, frozenset(live), {}, rates), found


def _results(draw: st.DataObject, context: PlanContext, found: list[DataEntry]) -> list[tuple[PlanResult, bool]]:
    """Every planning function's result, and whether it may repeat what is queued."""
    planner = SyncPlanner()
    named = draw.draw(st.lists(st.sampled_from(sorted(context.policy.nodes)), max_size=2, unique=True))
    fill = draw.draw(st.booleans())
    request = SyncRequest(targets=tuple(named))
    return [
        (planner.plan_replication(found, context), False),
        (planner.plan_emergency(found, context, tuple(named), fill), True),
        (planner.plan_orphan_recovery(found, context, named[0] if named else "vast-1"), True),
        (planner.plan_training_deps(found, context, named[0] if named else "hub", "hex8_2p", NOW + 60), True),
        (planner.plan_request(found, context, request), True),
    ]


def _moves(result: PlanResult) -> list[tuple[str, str, str]]:
    return [(str(k), p.source, t) for p in result.plans for k in p.entries for t in p.targets]


@QUIET
@given(st.data())
def test_nothing_goes_to_a_place_that_is_excluded_unavailable_or_paused(data: st.DataObject) -> None:
    context, found = _worlds(data)
    types = {str(e.key): e.data_type for e in found}
    table = Router(context.policy, context.locations).table
    for result, _ in _results(data, context, found):
        for key, source, target in _moves(result):
            view = context.locations[target]
            assert table.refusal(target, types[key]) is None
            assert context.policy.receives(view.node_id, types[key]).receives
            assert (view.node_state, view.state, view.paused) == (NodeState.UP, LocationState.AVAILABLE, False)
            origin = context.locations[source]
            assert (origin.node_state, origin.state, origin.paused) == (NodeState.UP, LocationState.AVAILABLE, False)


@QUIET
@given(st.data())
def test_a_source_is_never_its_own_target_and_always_holds_the_content(data: st.DataObject) -> None:
    context, found = _worlds(data)
    by_key = {str(e.key): e for e in found}
    for result, _ in _results(data, context, found):
        for key, source, target in _moves(result):
            assert source != target
            assert source in holding(by_key[key])


@QUIET
@given(st.data())
def test_no_place_is_filled_past_its_limit(data: st.DataObject) -> None:
    context, found = _worlds(data)
    planner = SyncPlanner()
    result = planner.plan_replication(found, context)
    coming: dict[str, int] = {}
    for plan in result.plans:
        for target in plan.targets:
            coming[target] = coming.get(target, 0) + plan.bytes
    for target, size in coming.items():
        view = context.locations[target]
        limit = context.policy.thresholds.disk_max_percent
        assert (view.used_bytes or 0) + size <= (view.total_bytes or 0) * limit / 100


@QUIET
@given(st.data())
def test_an_emergency_never_fills_past_the_floor_of_free_space(data: st.DataObject) -> None:
    context, found = _worlds(data)
    result = SyncPlanner().plan_emergency(found, dataclasses.replace(context, live=frozenset()), (), True)
    coming: dict[str, int] = {}
    for plan in result.plans:
        for target in plan.targets:
            coming[target] = coming.get(target, 0) + plan.bytes
    for target, size in coming.items():
        view = context.locations[target]
        limit = 100 - context.policy.thresholds.disk_min_free_percent
        assert (view.used_bytes or 0) + size <= (view.total_bytes or 0) * limit / 100


@QUIET
@given(st.data())
def test_one_content_never_goes_twice_to_one_place(data: st.DataObject) -> None:
    context, found = _worlds(data)
    contents = {str(e.key): (e.current.sha256 if e.current else str(e.key)) for e in found}
    changed = {str(e.key) for e in found if any(r.changed for r in e.replicas)}
    for result, may_repeat in _results(data, context, found):
        moves = _moves(result)
        assert len({(key, target) for key, _, target in moves}) == len(moves)
        settled = [(contents[key], target) for key, _, target in moves if key not in changed]
        repeated = {(contents[key], t) for key, t in context.live if may_repeat}
        assert len(set(settled) - repeated) == len([pair for pair in settled if pair not in repeated])
        if not may_repeat:
            assert not {(key, target) for key, _, target in moves} & set(context.live)


@QUIET
@given(st.data())
def test_a_diverged_bad_unhashed_or_larger_copy_is_never_replaced(data: st.DataObject) -> None:
    context, found = _worlds(data)
    by_key = {str(e.key): e for e in found}
    free = {ReplicaState.CURRENT, ReplicaState.STALE, ReplicaState.QUARANTINED}
    for result, _ in _results(data, context, found):
        for key, source, target in _moves(result):
            copies = {r.location: r for r in by_key[key].replicas}
            there = copies.get(target)
            if there is None:
                continue
            assert there.state in free
            read = copies[source]
            coming = max(by_key[key].size_bytes, read.stat.size_bytes + read.stat.wal_size_bytes)
            assert there.state is ReplicaState.QUARANTINED or coming >= there.stat.size_bytes


@QUIET
@given(st.data())
def test_the_same_input_gives_the_same_plans_in_any_order_of_entries(data: st.DataObject) -> None:
    context, found = _worlds(data)
    shuffled = data.draw(st.permutations(found))
    first = SyncPlanner().plan_replication(found, context)
    assert SyncPlanner().plan_replication(iter(shuffled), context) == first


@QUIET
@given(st.data())
def test_a_durable_copy_is_read_where_there_is_one(data: st.DataObject) -> None:
    context, found = _worlds(data)
    by_key = {str(e.key): e for e in found}
    for plan in SyncPlanner().plan_replication(found, context).plans:
        if context.locations[plan.source].durable or plan.deadline is not None:
            continue
        for key in plan.entries:
            for target in plan.targets:
                for copy in by_key[str(key)].replicas:
                    view = context.locations[copy.location]
                    readable = view.node_state is NodeState.UP and view.state is LocationState.AVAILABLE
                    sound = copy.state is ReplicaState.CURRENT and not copy.changed and not view.paused
                    unsaved = any(r.changed or r.state is ReplicaState.UNHASHED for r in by_key[str(key)].replicas)
                    assert unsaved or not (view.durable and readable and sound and copy.location != target)


@QUIET
@given(st.data())
def test_plans_keep_the_limits_and_the_order_of_urgency(data: st.DataObject) -> None:
    context, found = _worlds(data)
    for result, _ in _results(data, context, found):
        order = [(-p.priority, p.deadline if p.deadline is not None else float("inf")) for p in result.plans]
        assert order == sorted(order)
        assert all(len(p.entries) <= 100 and (p.bytes <= GB or len(p.entries) == 1) for p in result.plans)


def _applied(found: list[DataEntry], result: PlanResult) -> list[DataEntry]:
    """The fleet after the plans were carried out: contents hashed at the source, copies at the targets."""
    by_key = {str(e.key): e for e in found}
    for key, source, target in _moves(result):
        old = by_key[key]
        copies = {r.location: r for r in old.replicas}
        read = copies[source]
        fresh = read.changed or read.state is ReplicaState.UNHASHED
        version = Version(f"{key:x>64}"[-64:], read.stat.size_bytes, NOW) if fresh else old.current
        assert version is not None
        states = {ReplicaState.CURRENT: ReplicaState.STALE} if fresh else {}
        copies = {loc: dataclasses.replace(r, state=states.get(r.state, r.state)) for loc, r in copies.items()}
        done = Replica(target, f"/{target}/file", ReplicaState.CURRENT, read.stat, version.sha256, NOW, NOW, NOW)
        copies[source] = dataclasses.replace(
            read, state=ReplicaState.CURRENT, sha256=version.sha256, changed=False, hashed_at=NOW, verified_at=NOW
        )
        copies[target] = done
        by_key[key] = dataclasses.replace(old, current=version, replicas=tuple(copies.values()))
    return list(by_key.values())


@QUIET
@given(st.data())
def test_carrying_out_the_plans_converges_and_leaves_only_what_is_refused(data: st.DataObject) -> None:
    context, found = _worlds(data)
    context = dataclasses.replace(context, live=frozenset())
    planner = SyncPlanner()
    for _ in range(8):
        result = planner.plan_replication(found, context)
        if not result.plans:
            break
        found = _applied(found, result)
    assert not result.plans
    refused = {(str(r.key), r.location) for r in result.refused}
    router = Router(context.policy, context.locations)
    for made in found:
        for slot in router.route(made, NOW).missing:
            assert (str(made.key), slot.location) in refused
    assert all(r.reason and r.remedy and r.code for r in result.refused)


@QUIET
@given(st.data())
def test_planning_page_by_page_reserves_like_planning_at_once(data: st.DataObject) -> None:
    context, found = _worlds(data)
    context = dataclasses.replace(context, live=frozenset())
    planner = SyncPlanner()
    coming: dict[str, int] = {}
    for page in found:
        result = planner.plan_replication([page], context)
        context = context.after(result)
        for plan in result.plans:
            for target in plan.targets:
                coming[target] = coming.get(target, 0) + plan.bytes
    for target, size in coming.items():
        view = context.locations[target]
        assert (view.used_bytes or 0) + size <= (view.total_bytes or 0) * 0.7


@QUIET
@given(st.data())
def test_an_emergency_saves_everything_that_can_be_read_and_has_a_safe_place_with_room(data: st.DataObject) -> None:
    fleet, locations = data.draw(fleets())
    calm = {
        loc: dataclasses.replace(v, node_state=NodeState.UP, state=LocationState.AVAILABLE, paused=False,
                                 failing=False, used_bytes=0)
        for loc, v in locations.items()
    }  # fmt: skip
    names = [loc for loc, view in calm.items() if not view.durable]
    if not names:
        return
    found = [entry(f"f{i}", replica(names[i % len(names)], ReplicaState.UNHASHED, size=1000), sha=None,
                   data_type=DataType.MODELS) for i in range(3)]  # fmt: skip
    result = SyncPlanner().plan_emergency(found, PlanContext(fleet, calm, NOW))
    saved = {key for key, _, target in _moves(result) if calm[target].durable}
    table = Router(fleet, calm).table
    if any(c.durable for c in table.candidates(DataType.MODELS)):
        assert saved == {str(e.key) for e in found}
        assert all(p.priority == 100 for p in result.plans)
    else:
        assert {r.code for r in result.refused} == {"no-target"}
