"""Why a location cannot take part in a transfer right now, and what would mend it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.integrity.guard import IN_THE_WAY
from engine.model import LocationState, LocationView, NodeState, Replica


@dataclass(frozen=True, slots=True)
class Obstacle:
    """``code`` is stable and short; reason and remedy are for people; ``line`` is of the configuration."""

    code: str
    reason: str
    remedy: str
    line: int | None = None


NEEDS_A_PERSON = frozenset({*IN_THE_WAY, "bad", "full"})
"""Codes of refusals that no waiting mends: a file that is wanted stays unsaved until somebody acts."""
CONTRADICTED = NEEDS_A_PERSON - {"full"}
"""Those about one file at one place: each stands in the queue as blocked. A full disk is one matter for all."""

_NODES: Mapping[NodeState, str] = {
    NodeState.UNKNOWN: "wait for the first look at it, or look now (n)",
    NodeState.AUTH_FAILED: "check ssh_user and ssh_key of {node}, then `syncdeck nodes test {node}`",
    NodeState.HOST_KEY_UNKNOWN: "compare its fingerprint and run `syncdeck nodes enrol {node}`",
    NodeState.HOST_KEY_CHANGED: "find out why; if the machine was replaced run `syncdeck nodes enrol {node}`",
    NodeState.REFUSED: "start its SSH server, or mend ssh_host and ssh_port of {node}",
    NodeState.TIMED_OUT: "check that {node} is on and its network reachable, then `syncdeck nodes test {node}`",
    NodeState.UNRESOLVED: "mend ssh_host of {node}: the name does not resolve",
    NodeState.NO_PYTHON: "install python3 on {node}",
    NodeState.LOST: "wait until it answers again; `syncdeck nodes test {node}` tells why it does not",
    NodeState.ERROR: "`syncdeck nodes test {node}` tells what it answers",
    NodeState.UNUSED: "set its status to ready in the configuration",
}
_LOCATIONS: Mapping[LocationState, tuple[str, str]] = {
    LocationState.NOT_MOUNTED: ("is not mounted", "mount the drive on {node}"),
    LocationState.MISSING: ("does not exist", "create the folder on {node}, or mend its path in the configuration"),
    LocationState.DENIED: ("may not be read", "give {node}'s user access (on macOS: Full Disk Access)"),
    LocationState.UNKNOWN: ("was not looked at yet", "wait for the first look at it, or look now (n)"),
}


def node_remedy(node_id: str, state: NodeState) -> str:
    """Return what mends a node in this state; empty for one that is up."""
    return _NODES.get(state, "").format(node=node_id)


def location_remedy(node_id: str, state: LocationState) -> str:
    """Return what mends a location in this state; empty for an available one."""
    return _LOCATIONS[state][1].format(node=node_id) if state in _LOCATIONS else ""


def obstacle(view: LocationView | None, location: str) -> Obstacle | None:
    """Return why a location can neither give nor take now, or None when it can."""
    if view is None:
        return Obstacle("unknown", f"{location} is no location of the fleet", "check its name and the host's status")
    if view.everything_paused:
        return Obstacle("paused", "everything is paused", "`syncdeck resume`")
    if view.paused:
        return Obstacle("paused", f"{view.node_id} is paused", f"`syncdeck resume {view.node_id}`")
    if view.node_state is not NodeState.UP:
        said = "was not looked at yet" if view.node_state is NodeState.UNKNOWN else f"is {view.node_state.value}"
        return Obstacle("unreachable", f"{view.node_id} {said}", node_remedy(view.node_id, view.node_state))
    if view.state is not LocationState.AVAILABLE:
        said = _LOCATIONS[view.state][0]
        return Obstacle(view.state.value, f"{location} {said}", location_remedy(view.node_id, view.state))
    return None


def reading_obstacle(view: LocationView | None, replica: Replica) -> Obstacle | None:
    """Return why a copy cannot be read now, or None when it can.

    A folder that is not there closes its location to what would come. What lies in another folder of it can be read
    all the same, and may be all there is of a file.
    """
    found = obstacle(view, replica.location)
    if found is None or view is None or found.code != view.state.value:
        return found
    lies = any(replica.path.startswith(root.rstrip("/") + "/") for root in view.readable_roots)
    return None if lies else found
