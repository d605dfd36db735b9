"""What is known of the ways to nodes: the address that answered last, how full each master is, which agents wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from config.types import Address
from engine.remote.idle_pairs import IdlePairs
from engine.remote.pacer import Pacer
from engine.remote.types import Endpoint

# sshd's MaxSessions is 10 per connection by default; two stay free for commands that an operator runs.
SESSIONS_PER_MASTER = 8


class Links:
    """One per engine, shared by the session pool, the streams and rsync; lives on the event loop's thread."""

    def __init__(self, pacer: Pacer | None = None, idle: IdlePairs | None = None) -> None:
        self.idle = IdlePairs() if idle is None else idle
        self._pacer = pacer or Pacer()
        self._answered: dict[str, Address] = {}
        self._used: dict[str, dict[int, int]] = {}

    def addresses(self, endpoint: Endpoint) -> tuple[Address, ...]:
        """Return the node's addresses, the one that answered last first, the others in the configured order."""
        last = self._answered.get(endpoint.node_id)
        if last not in endpoint.addresses:
            return endpoint.addresses
        assert last is not None
        return (last, *(address for address in endpoint.addresses if address != last))

    def answered(self, node_id: str, address: Address) -> None:
        """Remember that a node answered here."""
        self._answered[node_id] = address

    def failed(self, node_id: str) -> None:
        """Forget the remembered address, so that the configured order counts again."""
        self._answered.pop(node_id, None)

    async def turn(self, *endpoints: Endpoint) -> None:
        """Return when a connection to each of these nodes may be started; this machine needs none."""
        for endpoint in endpoints:
            if not endpoint.local:
                await self._pacer.turn(endpoint.node_id)

    @contextmanager
    def slot(self, node_id: str) -> Iterator[int]:
        """Hold one session of a master connection to the node; yields the number of the master to use."""
        used = self._used.setdefault(node_id, {})
        number = 0
        while used.get(number, 0) >= SESSIONS_PER_MASTER:
            number += 1
        used[number] = used.get(number, 0) + 1
        try:
            yield number
        finally:
            used[number] -= 1
