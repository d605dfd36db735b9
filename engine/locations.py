"""What the id of a location says: a node, or ``node:/path/of/the/drive`` for a drive of it. Pure."""

from __future__ import annotations


def node_of(location: str) -> str:
    """Return the node that a location belongs to."""
    return location.split(":", 1)[0]
