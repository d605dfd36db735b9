"""What the queue's two halves share: the store and the clock."""

from __future__ import annotations

from engine.clock import Clock
from engine.store.store import Store


class QueuePart:
    """One half of the queue: the one that changes it, or the one that reports."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
