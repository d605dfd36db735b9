"""A policy without the nodes that are being drained: they receive nothing more. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from config.types import Decision, Policy
from engine.model import LocationView


def policy_without(policy: Policy, nodes: Collection[str]) -> Policy:
    """Return the policy in which ``nodes`` receive nothing; what they hold may be read as before."""
    if not any(node in policy.nodes for node in nodes):
        return policy
    decisions = {
        (node, kind): Decision(False, f"{node} is being drained", None) if node in nodes else decision
        for (node, kind), decision in policy.decisions.items()
    }
    return replace(policy, decisions=decisions)


def views_without(views: Mapping[str, LocationView], nodes: Collection[str]) -> dict[str, LocationView]:
    """Return the locations with those of ``nodes`` marked as being drained: copies there do not count."""
    return {name: replace(view, draining=True) if view.node_id in nodes else view for name, view in views.items()}
