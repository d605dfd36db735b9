"""From the transports that a plan prefers to those that are tried: pure."""

from __future__ import annotations

from collections.abc import Sequence

from engine.model import Transport
from engine.transport.types import TransportAdapter


def resolve_chain(
    preference: Sequence[Transport], adapters: Sequence[TransportAdapter], live: bool = False
) -> tuple[TransportAdapter, ...]:
    """Return the adapters to try, in order, each once; what is not built is passed over.

    The cheapest transport that serves wherever the engine works at all goes before any dearer one that is only a
    fallback, and ends a chain that would otherwise serve no remote pair. A dearer one that is asked for first stays
    first: a rule's ``via`` may name what suits a link. ``live``: a database that is being written is to be sent, which
    only some can: all others would tear it.
    """
    if live:
        adapters = [adapter for adapter in adapters if adapter.capabilities.live]
    by_name = {adapter.name: adapter for adapter in adapters}
    universal = min((a for a in adapters if a.capabilities.universal), key=lambda a: a.capabilities.cost, default=None)
    chain: list[TransportAdapter] = []

    def add(adapter: TransportAdapter | None) -> None:
        if adapter is not None and adapter not in chain:
            chain.append(adapter)

    for position, name in enumerate(preference):
        chosen = by_name.get(name)
        if chosen is None:
            continue
        if position and universal is not None and chosen.capabilities.cost > universal.capabilities.cost:
            add(universal)
        add(chosen)
    if not any(adapter.capabilities.remote_to_remote for adapter in chain):
        add(universal)
    return tuple(chain)
