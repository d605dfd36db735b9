"""From the transports that a plan prefers to those that exist: pure."""

from __future__ import annotations

from collections.abc import Sequence

from engine.model import Transport
from engine.transport.types import TransportAdapter


def resolve_chain(
    preference: Sequence[Transport], adapters: Sequence[TransportAdapter]
) -> tuple[TransportAdapter, ...]:
    """Return the adapters to try, in order, each once.

    A preferred transport that is not built (yet) gives way to the cheapest one that serves any pair of nodes;
    that one also goes before any dearer one, and ends a chain that would otherwise serve no remote pair.
    """
    by_name = {adapter.name: adapter for adapter in adapters}
    universal = min(
        (a for a in adapters if a.capabilities.remote_to_remote), key=lambda a: a.capabilities.cost, default=None
    )
    chain: list[TransportAdapter] = []

    def add(adapter: TransportAdapter | None) -> None:
        if adapter is not None and adapter not in chain:
            chain.append(adapter)

    for name in preference:
        chosen = by_name.get(name, universal)
        if chosen is not None and universal is not None and chosen.capabilities.cost > universal.capabilities.cost:
            add(universal)
        add(chosen)
    if not any(adapter.capabilities.remote_to_remote for adapter in chain):
        add(universal)
    return tuple(chain)
