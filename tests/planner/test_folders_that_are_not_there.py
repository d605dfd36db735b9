"""A node of several folders of which one is not there: what can still be read, and that nothing is sent."""

from __future__ import annotations

import dataclasses

from engine.model import LocationState
from engine.planner.planner import PlanContext, SyncPlanner
from tests.planner.worlds import NOW, entry, node, policy, replica, views

FLEET = policy([node("lambda-1", training=True, gpu=True), node("nebius-1"), node("nebius-2")])


def test_what_lies_in_a_folder_that_is_there_is_saved_though_another_folder_of_its_node_is_not() -> None:
    mixed: dict[str, dict[str, object]] = {"nebius-1": {"state": LocationState.MISSING, "readable_roots": ("/store",)}}
    there, elsewhere, coming = (
        entry(name, dataclasses.replace(replica(holder), path=f"{folder}/{name}"), sha=letter * 64)
        for name, holder, folder, letter in (
            ("there.npz", "nebius-1", "/store", "b"),
            ("elsewhere.npz", "nebius-1", "/storeroom", "c"),
            ("coming.npz", "nebius-2", "/data", "d"),
        )
    )
    context = PlanContext(FLEET, views(FLEET, **mixed), NOW)
    result = SyncPlanner().plan_replication((there, elsewhere, coming), context)
    assert {key for plan in result.plans for key in plan.entries} == {there.key, coming.key}
    assert "nebius-1" not in {target for plan in result.plans for target in plan.targets}, (
        "a folder that is not there closes its node to what would come"
    )
    assert "does not exist" in next(refused.reason for refused in result.refused if refused.key == elsewhere.key)
