"""What planning makes of a node that is being drained."""

from __future__ import annotations

from engine.model import DataEntry
from engine.planner.context import PlanContext
from engine.planner.draining import policy_without, views_without
from engine.planner.planner import SyncPlanner
from engine.views import SyncRequest
from tests.planner.worlds import NOW, entry, node, policy, replica, views

FLEET = policy([node("lambda-1"), node("nebius-1"), node("hetzner-1"), node("vultr-1")], target=2)


def context(*drained: str) -> PlanContext:
    return PlanContext(policy_without(FLEET, drained), views_without(views(FLEET), drained), NOW)


def targets(found: DataEntry, *drained: str) -> set[str]:
    result = SyncPlanner().plan_replication([found], context(*drained))
    return {target for plan in result.plans for target in plan.targets}


def test_a_drained_node_receives_nothing() -> None:
    alone = entry("a.npz", replica("lambda-1"))
    for drained in ("nebius-1", "hetzner-1", "vultr-1"):
        chosen = targets(alone, drained)
        assert chosen and drained not in chosen


def test_a_copy_on_a_drained_node_counts_for_nothing_and_is_still_read() -> None:
    two = entry("a.npz", replica("lambda-1"), replica("nebius-1"))
    assert targets(two) == set()
    assert len(targets(two, "nebius-1") - {"nebius-1"}) == 1
    only = entry("b.npz", replica("nebius-1"))
    result = SyncPlanner().plan_replication([only], context("nebius-1"))
    assert {plan.source for plan in result.plans} == {"nebius-1"}
    assert sum(len(plan.targets) for plan in result.plans) == 2


def test_what_is_asked_for_at_a_drained_node_is_refused_with_the_reason() -> None:
    request = SyncRequest(targets=("nebius-1",))
    result = SyncPlanner().plan_request([entry("a.npz", replica("lambda-1"))], context("nebius-1"), request)
    assert result.plans == ()
    assert ["nebius-1 is being drained" in refusal.reason for refusal in result.refused] == [True]


def test_what_only_a_drained_node_holds_is_saved_smallest_first() -> None:
    sizes = {"large.npz": 9_000, "small.npz": 10, "middle.npz": 700}
    found = [entry(name, replica("nebius-1", size=size), size=size) for name, size in sizes.items()]
    result = SyncPlanner().plan_orphan_recovery(found, context("nebius-1"), "nebius-1")
    order = [str(key) for plan in result.plans for key in plan.entries]
    assert order == ["npz:small.npz", "npz:middle.npz", "npz:large.npz"]
