"""Peers that fetch one content at the same time and serve each other what they have of it."""

from engine.transport.p2p.adapter import P2PTransport

__all__ = ["P2PTransport"]
