"""Who and where we are: the host of the file that the engine runs on, and the user who acts."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping

from config.types import Policy

LOOPBACK_NAMES = frozenset({"localhost"})
SSH_PORT = 22


def own_node_id(policy: Policy, environment: Mapping[str, str], host_name: str | None = None) -> str:
    """Return the engine's own node id: data_plane.node_id, RINGRIFT_NODE_ID, else the host name.

    A short host name that is a host of the file wins over the full one; a name that is no host of the file
    is returned as it is (the engine then runs beside the fleet and holds no data itself).
    """
    if policy.engine.node_id:
        return policy.engine.node_id
    if environment.get("RINGRIFT_NODE_ID"):
        return environment["RINGRIFT_NODE_ID"]
    full = host_name if host_name is not None else socket.gethostname()
    short = full.split(".", 1)[0]
    for name in (full, short, full.lower(), short.lower()):
        if name in policy.nodes:
            return name
    return short


def misplaced_loopback_nodes(policy: Policy, own: str) -> tuple[str, ...]:
    """Return the hosts that say ``localhost`` as their only address though the engine does not run there.

    Another port than 22 is a tunnel or a container on this machine, and reaches another node.
    """
    return tuple(
        node.node_id
        for node in policy.nodes.values()
        if node.node_id != own
        and node.addresses
        and all(address.host in LOOPBACK_NAMES and address.port == SSH_PORT for address in node.addresses)
    )


def user_name() -> str:
    """Return who acts: the user behind sudo, else the user's name, or the number of one that has none."""
    behind = os.environ.get("SUDO_USER")
    if behind:
        return behind
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
