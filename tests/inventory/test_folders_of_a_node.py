"""What the fleet's picture says of a node of several folders when some of them are not there."""

from __future__ import annotations

import pytest

from engine.inventory.fleet import Fleet
from engine.model import LocationState, NodeState
from engine.remote.types import RootStatus
from tests.planner.worlds import NOW, node, policy

MAIN, STORE = "/ringrift", "/store"


def seen(root: str, state: LocationState) -> RootStatus:
    return RootStatus("lambda-1", root, root, state, 1000, 10, 990)


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet(policy([node("lambda-1", root=MAIN, storage_paths={"games": STORE})]), "lambda-1")
    fleet.node_up("lambda-1", NOW)
    return fleet


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_folder_that_is_not_there_closes_the_node_and_the_others_can_be_read(
    fleet: Fleet, order: tuple[int, int]
) -> None:
    looks = (seen(MAIN, LocationState.AVAILABLE), seen(STORE, LocationState.MISSING))
    for which in order:
        fleet.root_seen(looks[which], NOW)
    view = fleet.location_views()["lambda-1"]
    assert (view.state, view.readable_roots) == (LocationState.MISSING, (MAIN,))


def test_when_all_are_there_the_node_is_open_and_when_it_is_lost_nothing_can_be_read(fleet: Fleet) -> None:
    for root in (MAIN, STORE):
        fleet.root_seen(seen(root, LocationState.AVAILABLE), NOW)
    view = fleet.location_views()["lambda-1"]
    assert (view.state, view.readable_roots) == (LocationState.AVAILABLE, ())
    fleet.node_down("lambda-1", NodeState.LOST, "it went away", "", NOW + 1)
    view = fleet.location_views()["lambda-1"]
    assert (view.state, view.readable_roots) == (LocationState.UNKNOWN, ())


def test_a_folder_that_left_the_configuration_is_no_folder_to_read_from(fleet: Fleet) -> None:
    fleet.root_seen(seen(STORE, LocationState.AVAILABLE), NOW)
    fleet.root_seen(seen(MAIN, LocationState.MISSING), NOW)
    assert fleet.location_views()["lambda-1"].readable_roots == (STORE,)
    fleet.apply_policy(policy([node("lambda-1", root=MAIN)]))
    assert fleet.location_views()["lambda-1"].readable_roots == ()
