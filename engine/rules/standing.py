"""What is in a node's way beside the plan: breakers that are open, transfers that are held or blocked."""

from __future__ import annotations

from engine.locations import node_of
from engine.model import TransferState
from engine.queue.queue import TransferQueue
from engine.routing.explain import Standing
from engine.transport.manager import TransportManager

_LOOKED_AT = 500


class StandingOf:
    """Asks the transports and the queue."""

    def __init__(self, transports: TransportManager, queue: TransferQueue) -> None:
        self._transports = transports
        self._queue = queue

    async def of(self, node: str, key: str) -> Standing:
        """Return what stands in the way of an entry at a node."""
        name = node_of(node)
        breakers = tuple(
            f"the breaker of {transport.value} at {tripped} is {status.state.value}"
            for tripped, transport, status in self._transports.breakers.tripped()
            if tripped == name
        )
        blocked = await self._queue.in_state(TransferState.BLOCKED, _LOOKED_AT)
        held = tuple(
            f"transfer {transfer.id} to {transfer.target} is blocked: {transfer.reason}"
            for transfer in blocked
            if str(transfer.key) == key and node_of(transfer.target) == name
        )
        return Standing(breakers, held)
