"""The transports that are built, by name, without an end to try them on: what tests of all of them are made of."""

from __future__ import annotations

from pathlib import Path

from config.types import Policy
from engine.clock import SystemClock
from engine.remote.links import Links
from engine.remote.types import NodeAgent, SshOptions
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransportAdapter


def _built() -> tuple[TransportAdapter, ...]:
    """Return the adapters; they reach nothing, and making them opens nothing."""
    options, links, clock = SshOptions(control_dir=Path("nowhere")), Links(), SystemClock()
    servers = NodeDataServers(_no_agent, options, links, _no_policy, clock)
    return build_transports(_no_agent, options, links, clock, servers)


async def _no_agent(node_id: str) -> NodeAgent:
    raise AssertionError(f"nothing may be asked of {node_id} here")


def _no_policy() -> Policy:
    raise AssertionError("there is no configuration here")


_ADAPTERS = _built()
ALL = [adapter.name.value for adapter in _ADAPTERS]
BETWEEN_NODES = [adapter.name.value for adapter in _ADAPTERS if adapter.capabilities.remote_to_remote]
