"""What an operator sees of transports, and may do about them: breakers, links, attempts, and the reset of a node."""

from __future__ import annotations

from engine.audit import Audit
from engine.catalog.catalog import DataCatalog
from engine.clock import Clock
from engine.hosts import check_hosts
from engine.inventory.fleet import Fleet
from engine.presentation.transports import attempt_view, breaker_view, link_views, node_transport_views
from engine.queue.queue import TransferQueue
from engine.queue.transport_history import TransportHistory
from engine.transport.concurrency import NODE_LIMIT
from engine.transport.manager import TransportManager
from engine.transport_views import AttemptView, BreakerView, TransportsView
from engine.views import ActionResult

SHOWN_SECONDS = 86_400.0
"""Counts, rates and errors are those of the last day."""


class TransportDesk:
    """Views of the manager and of its history."""

    def __init__(
        self,
        manager: TransportManager,
        history: TransportHistory,
        catalog: DataCatalog,
        queue: TransferQueue,
        fleet: Fleet,
        clock: Clock,
        audit: Audit,
    ) -> None:
        self._manager = manager
        self._history = history
        self._catalog = catalog
        self._queue = queue
        self._fleet = fleet
        self._clock = clock
        self._audit = audit

    async def view(self) -> TransportsView:
        """Return every transport at every node in use, and every link that carried something."""
        now = self._clock.now()
        since = now - SHOWN_SECONDS
        used = [node for node in self._fleet.policy.nodes if self._fleet.uses(node)]
        tallies = await self._history.tallies(since)
        failures = await self._history.last_failures(since)
        standings, rates = self._manager.links.standings(), await self._catalog.link_rates()
        return TransportsView(
            at=now,
            since=since,
            first_attempt_rate=await self._queue.first_attempt_rate(since),
            transports=node_transport_views(used, self._manager.breakers, tallies, failures),
            links=link_views(standings, rates, await self._history.decisions(), NODE_LIMIT),
        )

    async def attempts(self, transfer_id: int) -> tuple[AttemptView, ...]:
        """Return every attempt at a transfer, oldest first."""
        return tuple(attempt_view(attempt) for attempt in await self._queue.attempts(transfer_id))

    def tripped(self) -> dict[str, tuple[BreakerView, ...]]:
        """Return the breakers that are not closed, by node."""
        found: dict[str, tuple[BreakerView, ...]] = {}
        for node, transport, status in self._manager.breakers.tripped():
            found[node] = (*found.get(node, ()), breaker_view(transport, status, self._manager.breakers))
        return found

    async def reset(self, nodes: tuple[str, ...]) -> ActionResult:
        """Close the breakers of these nodes, or of all; raises SyncdeckError for a name that is no host."""
        check_hosts("reset the transports of", nodes, self._fleet.policy)
        count = sum(self._manager.breakers.reset(node) for node in nodes or tuple(self._fleet.policy.nodes))
        where = ", ".join(nodes) or "all nodes"
        await self._audit("transports reset", where, f"{count} breakers")
        if not count:
            return ActionResult(0, f"no breaker of {where} was open: there was nothing to close")
        return ActionResult(count, f"{count} breaker{'' if count == 1 else 's'} of {where} closed, tried again at once")

    def node_answers(self, node: str) -> None:
        """Probe the transports of a node at once that was seen to answer."""
        self._manager.breakers.node_answers(node)

    def forget_others(self) -> None:
        """Drop what was learned of nodes that are no longer configured."""
        known = frozenset(self._fleet.policy.nodes)
        self._manager.breakers.forget_others(known)
        self._manager.links.forget_others(known)
