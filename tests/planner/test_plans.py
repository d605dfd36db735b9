"""Single decisions of the planner: what goes where, how urgently, from which copy, and what is refused and why."""

from __future__ import annotations

import dataclasses

import pytest

from config.types import DataType, RuleMatch, RulePlace, RuleSpec
from engine.model import DataEntry, LocationState, NodeState, PlanResult, ReplicaState, SyncPriority, Transport
from engine.planner.chains import FAN_OUT_FROM, transport_chain
from engine.planner.planner import PlanContext, SyncPlanner
from engine.views import SyncRequest
from tests.planner.worlds import GB, NOW, entry, node, policy, replica, views

NODES = [
    node("hub", coordinator=True, drives=["/Volumes/Data"]),
    node("lambda-1", training=True, gpu=True),
    node("nebius-1"),
    node("nebius-2"),
    node("hetzner-1"),
    node("vast-1", ephemeral=True),
]
FLEET = policy(NODES, refuses={"hetzner-1": [DataType.GAMES, DataType.NPZ]})
DRIVE = "hub:/Volumes/Data"


def _context(changes: dict[str, dict[str, object]] | None = None, **fields: object) -> PlanContext:
    fleet = fields.pop("fleet", FLEET)
    return PlanContext(fleet, views(fleet, **(changes or {})), NOW, **fields)  # type: ignore[arg-type]


def _plan(*entries: DataEntry, context: PlanContext | None = None) -> PlanResult:
    return SyncPlanner().plan_replication(entries, context or _context())


def _targets(result: PlanResult) -> set[str]:
    return {target for plan in result.plans for target in plan.targets}


def _codes(result: PlanResult) -> dict[str, str]:
    return {refusal.location: refusal.code for refusal in result.refused}


def test_new_games_of_an_ephemeral_node_are_planned_high_and_by_the_urgent_chain() -> None:
    made = entry("x.db", replica("vast-1", ReplicaState.UNHASHED), origin="vast-1", sha=None)
    result = _plan(made)
    assert {DRIVE, "lambda-1"} < _targets(result)
    assert {plan.priority for plan in result.plans} == {SyncPriority.HIGH}
    assert {plan.transport_preference for plan in result.plans} == {(Transport.RSYNC, Transport.BASE64)}
    assert all("only on vast-1" in plan.reason and plan.rule == "built-in:games" for plan in result.plans)


def test_one_plan_names_all_targets_that_share_source_and_reason() -> None:
    result = _plan(entry("x.db", replica("nebius-1"), origin="nebius-1"))
    assert [(plan.source, plan.targets) for plan in result.plans] == [("nebius-1", (DRIVE, "lambda-1"))]


def test_priority_falls_as_copies_grow() -> None:
    second = _plan(entry("c.ckpt", replica(DRIVE), data_type=DataType.CHECKPOINT))
    third = _plan(entry("c.ckpt", replica(DRIVE), replica("nebius-1"), data_type=DataType.CHECKPOINT))
    assert {plan.priority for plan in second.plans} == {SyncPriority.NORMAL}
    assert {plan.priority for plan in third.plans} == {SyncPriority.LOW}


def test_the_newest_npz_goes_to_a_trainer_before_older_ones() -> None:
    copies = (replica(DRIVE), replica("nebius-1"))
    new = entry("new.npz", *copies, mtime=NOW - 10)
    old = entry("old.npz", *copies, mtime=NOW - 1e6, sha="b" * 64)
    plans = {str(plan.entries[0]): plan for plan in _plan(old, new).plans}
    assert plans["npz:new.npz"].priority is SyncPriority.HIGH
    assert plans["npz:old.npz"].priority is SyncPriority.LOW
    known = _context(newest=frozenset({"npz:old.npz"}))
    plans = {str(plan.entries[0]): plan for plan in _plan(old, new, context=known).plans}
    assert plans["npz:old.npz"].priority is SyncPriority.HIGH


def test_a_rule_of_the_file_decides_priority_deadline_and_transports() -> None:
    rule = RuleSpec("fast", RuleMatch(), (RulePlace("node=nebius-1", None),), 25, 300.0, ("rsync",), 12)
    result = _plan(entry("a.npz", replica("vast-1")), context=_context(fleet=policy(NODES, rules=[rule])))
    plan = result.plans[0]
    assert (plan.priority, plan.deadline, plan.rule, plan.line) == (SyncPriority.LOW, NOW + 300, "fast", 12)
    assert plan.transport_preference == (Transport.RSYNC,)


def test_a_durable_source_is_preferred_and_with_a_deadline_the_fastest_measured_link() -> None:
    made = entry("m.npz", replica("vast-1"), replica("nebius-1"), replica("nebius-2"))
    rates = {("vast-1", "lambda-1"): 9e6, ("nebius-2", "lambda-1"): 5e6}
    calm = _context(link_rates=rates)
    assert {plan.source for plan in _plan(made, context=calm).plans if "lambda-1" in plan.targets} == {"nebius-1"}
    urgent = SyncPlanner().plan_training_deps([made], calm, "lambda-1", "hex8_2p", NOW + 60)
    assert [(plan.source, plan.deadline) for plan in urgent.plans] == [("vast-1", NOW + 60)]


@pytest.mark.parametrize(
    ("rates", "chosen"),
    [
        ({"vast-1": 9e6, "nebius-2": 5e6}, "vast-1"),
        ({}, "nebius-1"),
        ({"vast-1": 1.0}, "nebius-1"),
        ({"vast-1": 1.0, "nebius-1": 2.0, "nebius-2": 3.0}, "nebius-2"),
        ({"nebius-1": 1.0, "vast-1": 9e6}, "vast-1"),
        ({"nebius-1": 1.0, "nebius-2": 1.0}, "vast-1"),
    ],
    ids=["fastest", "none-known", "slow-or-unknown", "all-too-slow", "one-makes-it", "unknown-may-make-it"],
)
def test_with_a_deadline_a_link_known_to_make_it_goes_first_and_one_known_to_be_late_goes_last(
    rates: dict[str, float], chosen: str
) -> None:
    made = entry("m.npz", replica("vast-1"), replica("nebius-1"), replica("nebius-2"), size=10**6)
    context = _context(link_rates={(source, "lambda-1"): rate for source, rate in rates.items()})
    urgent = SyncPlanner().plan_training_deps([made], context, "lambda-1", "hex8_2p", NOW + 60)
    assert [plan.source for plan in urgent.plans] == [chosen]


def test_a_drive_is_filled_from_its_own_host_where_that_holds_the_file() -> None:
    made = entry("m.pth", replica("alpha"), replica("hub"), data_type=DataType.MODELS)
    fleet = policy([*NODES, node("alpha")])
    plans = _plan(made, context=_context(fleet=fleet)).plans
    assert {plan.source for plan in plans if DRIVE in plan.targets} == {"hub"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"node_state": NodeState.TIMED_OUT}, "unreachable"),
        ({"node_state": NodeState.UNKNOWN}, "unreachable"),
        ({"paused": True}, "paused"),
        ({"state": LocationState.NOT_MOUNTED}, "not-mounted"),
        ({"used_bytes": 700 * GB}, "full"),
        ({"used_bytes": None}, "unmeasured"),
    ],
)
def test_a_wanted_place_that_cannot_take_a_copy_is_refused_in_plain_words(change: dict[str, object], code: str) -> None:
    result = _plan(entry("x.db", replica("nebius-1"), origin="nebius-1"), context=_context({"lambda-1": change}))
    assert _codes(result)["lambda-1"] == code
    assert "lambda-1" not in _targets(result)


def test_what_is_on_its_way_takes_space_from_what_follows() -> None:
    made = entry("x.db", replica("nebius-1", size=5 * GB), origin="nebius-1", size=5 * GB)
    full = _context({"lambda-1": {"used_bytes": 694 * GB}}, reserved_bytes={"lambda-1": 2 * GB})
    result = _plan(made, context=full)
    assert _codes(result) == {"lambda-1": "full"}
    assert "2 GB on their way" in result.refused[0].reason
    free = _context({"lambda-1": {"used_bytes": 694 * GB}})
    assert _codes(_plan(made, context=free)) == {}


def test_plans_of_one_pass_share_the_room_that_is_left_most_urgent_first() -> None:
    small = entry("a.db", replica("nebius-1", size=4 * GB), origin="nebius-1", size=4 * GB)
    risky = entry("z.db", replica("vast-1", size=4 * GB), origin="vast-1", size=4 * GB, sha="b" * 64)
    result = _plan(small, risky, context=_context({"lambda-1": {"used_bytes": 694 * GB}}))
    taken = {str(key) for plan in result.plans if "lambda-1" in plan.targets for key in plan.entries}
    assert taken == {"games:z.db@vast-1"}
    assert _codes(result) == {"lambda-1": "full"}


def test_an_entry_that_is_met_twice_in_one_pass_is_planned_once() -> None:
    made = entry("x.db", replica("nebius-1", ReplicaState.UNHASHED), origin="nebius-1", sha=None)
    assert _plan(made, made) == _plan(made)


def test_a_diverged_larger_or_damaged_copy_is_kept_and_shown() -> None:
    for state, size, code in [
        (ReplicaState.DIVERGED, 1, "diverged"),
        (ReplicaState.STALE, 1001, "smaller"),
        (ReplicaState.BAD, 1, "bad"),
        (ReplicaState.UNHASHED, 1, "unhashed"),
    ]:
        made = entry("a.npz", replica("nebius-1"), replica("lambda-1", state, size=size))
        result = _plan(made)
        assert _codes(result)["lambda-1"] == code
        assert "lambda-1" not in _targets(result)


def test_without_a_readable_copy_the_refusal_says_which_nodes_hold_it() -> None:
    made = entry("a.npz", replica("nebius-1"))
    result = _plan(made, context=_context({"nebius-1": {"node_state": NodeState.AUTH_FAILED}}))
    assert not result.plans
    assert {refusal.code for refusal in result.refused} == {"no-source"}
    assert all("nebius-1 is auth-failed" in refusal.reason for refusal in result.refused)


def test_a_file_without_any_good_copy_is_said_to_be_gone() -> None:
    assert set(_codes(_plan(entry("a.npz"))).values()) == {"gone"}


def _live(hashed_ago: float, origin: str = "nebius-1", **fields: object) -> DataEntry:
    own = replica(origin, size=9000, changed=True, hashed_at=NOW - hashed_ago, wal=4000, **fields)  # type: ignore[arg-type]
    others = [replica(loc) for loc in (DRIVE, "lambda-1", "nebius-2") if loc != origin]
    return entry("x.db", own, *others, origin=origin)


def test_a_changed_database_is_snapshotted_again_only_after_the_interval() -> None:
    assert _plan(_live(59.0)).plans == ()
    result = _plan(_live(60.0))
    assert {plan.source for plan in result.plans} == {"nebius-1"}
    assert len(result.plans) == 1
    assert _targets(result) == {DRIVE, "lambda-1"}
    assert sum(plan.bytes for plan in result.plans) == 13_000


def test_an_ephemeral_node_is_snapshotted_more_often_and_more_urgently() -> None:
    assert _plan(_live(9.0, "vast-1")).plans == ()
    result = _plan(_live(10.0, "vast-1"))
    assert {plan.priority for plan in result.plans} == {SyncPriority.HIGH}


def test_an_operators_request_does_not_wait_for_the_interval() -> None:
    result = SyncPlanner().plan_request([_live(1.0)], _context(), SyncRequest())
    assert _targets(result) == {DRIVE, "lambda-1"}
    assert _plan(_live(1.0), context=_context(snapshot_now=True)).plans == result.plans


def test_while_the_origin_is_out_of_reach_what_is_known_still_spreads() -> None:
    made = _live(600.0)
    made = dataclasses.replace(made, replicas=made.replicas[:2])
    result = _plan(made, context=_context({"nebius-1": {"node_state": NodeState.LOST}}))
    assert {plan.source for plan in result.plans} == {DRIVE}
    assert "lambda-1" in _targets(result)


def test_what_is_queued_is_not_planned_again() -> None:
    made = entry("x.db", replica("nebius-1"), origin="nebius-1")
    first = _plan(made)
    context = _context().after(first)
    assert _plan(made, context=context).plans == ()
    assert context.reserved_bytes["lambda-1"] == 1000


def test_one_content_under_two_names_goes_to_a_place_one_after_the_other() -> None:
    result = _plan(entry("a.npz", replica("nebius-1")), entry("b.npz", replica("nebius-1")))
    shared = [target for plan in result.plans for _ in plan.entries for target in plan.targets]
    assert len(shared) == len(set(shared))
    assert "same-content" in _codes(result).values()


def test_plans_hold_at_most_a_hundred_files_and_a_gigabyte() -> None:
    many = [entry(f"{i:03}.ckpt", replica(DRIVE), data_type=DataType.CHECKPOINT, sha=f"{i:064}") for i in range(250)]
    result = _plan(*many)
    assert max(len(plan.entries) for plan in result.plans) <= 100
    big = [dataclasses.replace(e, current=dataclasses.replace(e.current, size_bytes=6 * 10**8)) for e in many[:3]]  # type: ignore[type-var]
    assert all(len(plan.entries) == 1 for plan in _plan(*big).plans)


def test_an_emergency_saves_the_smallest_unique_data_first_to_one_safe_place_each() -> None:
    sizes = [3 * GB, 1 * GB, 2 * GB]
    made = [
        entry(f"{size}.db", replica("vast-1", size=size), origin="vast-1", size=size, sha=f"{size:064}")
        for size in sizes
    ]
    safe = entry("safe.db", replica("vast-1"), replica(DRIVE), origin="vast-1")
    result = SyncPlanner().plan_emergency([*made, safe], _context())
    first = [plan for plan in result.plans if plan.priority is SyncPriority.CRITICAL]
    assert [plan.bytes for plan in first] == [1 * GB, 2 * GB, 3 * GB]
    assert all(len(plan.targets) == 1 and plan.targets[0] != "vast-1" for plan in first)
    assert {plan.priority for plan in result.plans} == {SyncPriority.CRITICAL, SyncPriority.HIGH}


def test_an_emergency_fills_past_the_maximum_only_when_allowed_and_only_to_the_floor() -> None:
    made = entry("x.db", replica("vast-1", size=50 * GB), origin="vast-1", size=50 * GB)
    crowded = {loc: {"used_bytes": 690 * GB} for loc in views(FLEET)}
    planner = SyncPlanner()
    assert planner.plan_emergency([made], _context(crowded)).plans == ()
    assert len(planner.plan_emergency([made], _context(crowded), allow_fill=True).plans) == 1
    over = {loc: {"used_bytes": 810 * GB} for loc in views(FLEET)}
    refused = planner.plan_emergency([made], _context(over), allow_fill=True)
    assert refused.plans == ()
    assert {refusal.code for refusal in refused.refused} == {"full"}


def test_an_emergency_for_a_named_durable_node_saves_what_only_it_holds() -> None:
    made = entry("x.db", replica("nebius-1"), origin="nebius-1")
    other = entry("y.db", replica("nebius-2"), origin="nebius-2", sha="b" * 64)
    result = SyncPlanner().plan_emergency([made, other], _context(), ("nebius-1",))
    assert [str(plan.entries[0]) for plan in result.plans] == ["games:x.db@nebius-1"]


def test_an_emergency_saves_what_only_a_failing_durable_node_holds() -> None:
    made = entry("x.db", replica("nebius-1"), origin="nebius-1")
    assert SyncPlanner().plan_emergency([made], _context()).plans == ()
    result = SyncPlanner().plan_emergency([made], _context({"nebius-1": {"failing": True}}))
    assert [(plan.source, plan.priority) for plan in result.plans] == [("nebius-1", SyncPriority.CRITICAL)]


def test_an_emergency_raises_the_urgency_of_what_is_queued_already() -> None:
    made = entry("x.db", replica("vast-1"), origin="vast-1")
    way = "nebius-2"
    context = _context(live=frozenset({(str(made.key), way)}))
    result = SyncPlanner().plan_emergency([made], context)
    assert [(plan.targets, plan.priority) for plan in result.plans] == [((way,), SyncPriority.CRITICAL)]


def test_without_any_safe_place_an_emergency_says_so() -> None:
    fleet = policy([node("vast-1", ephemeral=True), node("vast-2", ephemeral=True)])
    result = SyncPlanner().plan_emergency([entry("x.db", replica("vast-1"), origin="vast-1")], _context(fleet=fleet))
    assert [refusal.code for refusal in result.refused] == ["no-target"]


def test_orphans_of_an_ephemeral_node_are_critical_and_of_one_config_key_only() -> None:
    mine = entry("x.db", replica("vast-1"), origin="vast-1")
    other = entry("y.db", replica("vast-1"), origin="vast-1", config_key="square8_2p", sha="b" * 64)
    result = SyncPlanner().plan_orphan_recovery([mine, other], _context(), "vast-1", "hex8_2p")
    assert [(plan.priority, plan.entries) for plan in result.plans] == [(SyncPriority.CRITICAL, (mine.key,))]


def test_training_gets_the_newest_npz_and_model_and_nothing_else() -> None:
    found = [
        entry("new.npz", replica("nebius-1"), mtime=NOW),
        entry("old.npz", replica("nebius-1"), mtime=NOW - 9, sha="b" * 64),
        entry("m.pth", replica("nebius-1"), data_type=DataType.MODELS, sha="c" * 64),
        entry("g.db", replica("nebius-1"), origin="nebius-1", sha="d" * 64),
        entry("s.npz", replica("nebius-1"), config_key="square8_2p", sha="e" * 64),
    ]
    result = SyncPlanner().plan_training_deps(found, _context(), "lambda-1", "hex8_2p", NOW + 300)
    assert {str(k) for plan in result.plans for k in plan.entries} == {"npz:new.npz", "models:m.pth"}
    assert {plan.priority for plan in result.plans} == {SyncPriority.HIGH}


def test_a_request_to_an_excluded_host_is_refused_with_the_line_that_excludes_it() -> None:
    made = entry("x.db", replica("nebius-1"), origin="nebius-1")
    result = SyncPlanner().plan_request([made], _context(), SyncRequest(targets=("hetzner-1", "hub")))
    assert _targets(result) == {DRIVE}
    assert [(r.location, r.code, r.line) for r in result.refused] == [("hetzner-1", "excluded", 7)]


def test_a_request_is_about_the_chosen_files_and_has_its_priority() -> None:
    found = [entry(name, replica("nebius-1"), sha=name[0] * 64) for name in ("a.npz", "b.npz")]
    request = SyncRequest(keys=("npz:b.npz",), priority=100)
    result = SyncPlanner().plan_request(found, _context(), request)
    assert {str(k) for plan in result.plans for k in plan.entries} == {"npz:b.npz"}
    assert {plan.priority for plan in result.plans} == {SyncPriority.CRITICAL}
    by_type = SyncPlanner().plan_request(found, _context(), SyncRequest(data_type="games"))
    assert by_type == PlanResult((), ())


MB = 10**6


@pytest.mark.parametrize(
    ("size", "source", "target", "s3", "via", "chain"),
    [
        (1 * MB, False, False, False, (), "p2p http base64"),
        (100 * MB, False, False, False, (), "p2p http base64"),
        (101 * MB, False, False, False, (), "rsync http base64"),
        (101 * MB, True, False, False, (), "rsync base64"),
        (1 * MB, False, True, False, (), "rsync base64"),
        (101 * MB, True, True, True, (), "s3 rsync"),
        (101 * MB, True, True, True, (Transport.HTTP, Transport.AGENT), "http agent"),
    ],
)
@pytest.mark.parametrize("targets", [1, FAN_OUT_FROM - 1])
def test_the_scenario_wins_over_the_size_and_a_rule_over_both(
    size: int, source: bool, target: bool, s3: bool, via: tuple[Transport, ...], chain: str, targets: int
) -> None:
    found = transport_chain(size, source, target, s3, via, 100 * MB, targets)
    assert " ".join(transport.value for transport in found) == chain


@pytest.mark.parametrize(
    ("source", "target", "s3", "via", "chain"),
    [
        (False, False, False, (), "p2p rsync http base64"),
        (False, True, False, (), "p2p rsync base64"),
        (True, False, False, (), "rsync base64"),
        (False, False, True, (), "s3 rsync"),
        (False, False, False, (Transport.RSYNC,), "rsync"),
    ],
)
def test_what_many_want_at_once_they_fetch_from_each_other_first(
    source: bool, target: bool, s3: bool, via: tuple[Transport, ...], chain: str
) -> None:
    found = transport_chain(101 * MB, source, target, s3, via, 100 * MB, FAN_OUT_FROM)
    assert " ".join(transport.value for transport in found) == chain


TRAINERS = [node(f"trainer-{number}", training=True, gpu=True) for number in range(FAN_OUT_FROM)]


@pytest.mark.parametrize("queued", [0, 1])
def test_a_large_file_that_all_trainers_want_goes_by_p2p_also_where_some_are_queued_already(queued: int) -> None:
    fleet = policy([node("hub"), *TRAINERS])
    made = entry("new.npz", replica("hub", size=GB), size=GB)
    live = {(str(made.key), trainer.node_id) for trainer in TRAINERS[:queued]}
    result = _plan(made, context=_context(fleet=fleet, live=frozenset(live)))
    assert {trainer.node_id for trainer in TRAINERS[queued:]} <= _targets(result)
    assert {plan.transport_preference[0] for plan in result.plans} == {Transport.P2P}
    few = _context(fleet=policy([node("hub"), *TRAINERS[: FAN_OUT_FROM - 1]]))
    assert {plan.transport_preference[0] for plan in _plan(made, context=few).plans} == {Transport.RSYNC}
