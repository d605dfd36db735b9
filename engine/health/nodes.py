"""Findings about nodes: out of reach, behind, holding what nobody else has, running an old daemon. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.health.inputs import HealthInputs
from engine.health.levels import CRITICAL, EMERGENCY, RESCAN, SYNC, WARNING
from engine.model import NodeState
from engine.planner.obstacles import node_remedy
from engine.views import FindingView, NodeView
from engine.words import counted, size_text, span_text

_FINE = frozenset({NodeState.UP.value, NodeState.UNKNOWN.value})
_WRONG: Mapping[NodeState, str] = {
    NodeState.AUTH_FAILED: "does not accept our SSH key",
    NodeState.HOST_KEY_UNKNOWN: "is not trusted yet (new host key)",
    NodeState.HOST_KEY_CHANGED: "is no longer trusted (changed host key)",
    NodeState.REFUSED: "refuses connections",
    NodeState.TIMED_OUT: "does not answer",
    NodeState.UNRESOLVED: "has an address that does not resolve",
    NodeState.NO_PYTHON: "has no python3",
    NodeState.LOST: "stopped answering",
}
_BY_COMMAND = frozenset({NodeState.HOST_KEY_UNKNOWN, NodeState.HOST_KEY_CHANGED})
"""States that looking again never mends: only the act that the remedy names does."""


def node_findings(inputs: HealthInputs) -> Iterator[FindingView]:
    """Yield what is wrong with nodes; those that the configuration does not use are left out."""
    for node in inputs.nodes:
        if node.state == NodeState.UNUSED.value:
            continue
        if node.state not in _FINE:
            yield _unreachable(node, inputs.now)
        if node.at_risk_entries and (node.ephemeral or node.state not in _FINE):
            yield _sole_copies(node)
        yield from _lag(node, inputs)
    for node_id, commands in sorted(inputs.old_daemons.items()):
        if commands:
            yield _old_daemon(node_id, ", ".join(sorted(set(commands))))


def _unreachable(node: NodeView, now: float) -> FindingView:
    state = NodeState(node.state)
    seen = "never seen" if node.last_seen_at is None else f"last seen {span_text(now - node.last_seen_at)} ago"
    wrong = _WRONG.get(state, f"cannot be used: {node.reason or node.state}")
    return FindingView(
        id=f"node:{node.node}",
        severity=CRITICAL if node.at_risk_entries else WARNING,
        subject=node.node,
        message=f"{node.node} {wrong}, {seen}",
        remedy=node.remedy or node_remedy(node.node, state),
        action=None if state in _BY_COMMAND else RESCAN,
    )


def _sole_copies(node: NodeView) -> FindingView:
    reachable = node.state in _FINE
    amount = f"{size_text(node.at_risk_bytes)} in {counted(node.at_risk_entries, 'file')}"
    kind = ("an ephemeral node" if node.ephemeral else "a durable node") + ("" if reachable else " out of reach")
    return FindingView(
        id=f"sole:{node.node}",
        severity=WARNING if reachable else CRITICAL,
        subject=node.node,
        message=f"{amount} would be lost with {node.node}, {kind}",
        remedy="an emergency sync saves them to durable nodes first"
        if reachable
        else "bring the node back: nothing can be read while it is out of reach",
        action=EMERGENCY if reachable else RESCAN,
        at_risk_bytes=node.at_risk_bytes,
    )


def _lag(node: NodeView, inputs: HealthInputs) -> Iterator[FindingView]:
    limits, lag = inputs.policy.thresholds, node.lag_seconds
    if lag is None or lag < limits.lag_warning_seconds:
        return
    yield FindingView(
        id=f"lag:{node.node}",
        severity=CRITICAL if lag >= limits.lag_critical_seconds else WARNING,
        subject=node.node,
        message=f"{node.node} has had data without a durable copy elsewhere for {span_text(lag)}",
        remedy="sync it now; Transfers and Catalog say what holds it up",
        action=EMERGENCY if node.ephemeral else SYNC,
        at_risk_bytes=0 if node.ephemeral or node.state not in _FINE else node.at_risk_bytes,
    )


def _old_daemon(node_id: str, commands: str) -> FindingView:
    return FindingView(
        id=f"daemon:{node_id}",
        severity=WARNING,
        subject=node_id,
        message=f"an old sync daemon still runs on {node_id}: {commands}",
        remedy="stop it and take it out of its launcher: two engines that move the same files undo each other's work",
        action=None,
    )
