"""At which nodes a running transfer counts: one content on its way to many by p2p burdens its source once. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from engine.locations import node_of
from engine.model import EntryKey, Transfer, Transport

MOST_FANNED = 8
"""So many fetchers of one content, which serve each other, are to their source what one is."""

Fan = tuple[str, EntryKey]
"""Source location and key."""


class Fans:
    """Counts transfers one after the other. ``running``: how many of each fan run already."""

    def __init__(self, running: Mapping[Fan, int] | None = None) -> None:
        self.running: Counter[Fan] = Counter(running or {})

    def count(self, transfer: Transfer) -> set[str]:
        """Return the nodes at which a transfer counts, after those that were counted before."""
        source, target = node_of(transfer.source), node_of(transfer.target)
        if transfer.transport_preference[:1] != (Transport.P2P,):
            return {source, target}
        fan = (transfer.source, transfer.key)
        self.running[fan] += 1
        return {source, target} if self.running[fan] % MOST_FANNED == 1 else {target}
