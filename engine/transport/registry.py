"""The transports that are built in. A new one is one module with an adapter, and one line here."""

from __future__ import annotations

from engine.clock import Clock
from engine.remote.links import Links
from engine.remote.types import SshOptions
from engine.transport.agent import AgentTransport
from engine.transport.direct import DirectStreams
from engine.transport.fetching import AgentFetching
from engine.transport.http import HttpTransport
from engine.transport.p2p import P2PTransport
from engine.transport.rsync import RsyncTransport
from engine.transport.serving import NodeDataServers
from engine.transport.types import AgentFor, TransportAdapter


def build_transports(
    agent_for: AgentFor, options: SshOptions, links: Links, clock: Clock, servers: NodeDataServers
) -> tuple[TransportAdapter, ...]:
    """Return one adapter for each transport that is built; ``servers`` is the caller's to close."""
    return (
        RsyncTransport(agent_for, options, links, clock),
        AgentTransport(
            agent_for, options, links, direct=DirectStreams(agent_for, servers.policy, options, links, clock)
        ),
        AgentTransport(agent_for, options, links, base64=True),
        HttpTransport(agent_for, options, links, servers, clock),
        P2PTransport(agent_for, AgentFetching(options, links), servers, clock),
    )
