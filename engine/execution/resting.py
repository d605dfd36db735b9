"""Nodes that nothing is started with because every transport fails there, in words that hold until they are probed."""

from __future__ import annotations

import time

from engine.clock import Clock
from engine.transport.breaker_board import Breakers
from engine.transport.breakers import BreakerStatus

PATIENT_TRIPS = 3
"""A drain waits this often for a node to be probed (some 35 s); what stays dead longer waits for the next start."""


class RestingNodes:
    """Reads the breakers for the runner. A reason is worded once for each trip: it must not change while it holds."""

    def __init__(self, breakers: Breakers, clock: Clock) -> None:
        self._breakers = breakers
        self._clock = clock
        self._worded: dict[str, tuple[float | None, str]] = {}

    def reasons(self) -> dict[str, str]:
        """Return the nodes that rest now, and why and until when."""
        closed = self._breakers.closed_nodes()
        self._worded = {node: self._word(node, status) for node, status in closed.items()}
        return {node: words for node, (_, words) in self._worded.items()}

    def next_probe_in(self) -> float | None:
        """Return seconds until the first resting node may be probed; None when none rests (or one is being probed)."""
        now = self._clock.monotonic()
        moments = [s.until for s in self._breakers.closed_nodes().values() if s.until is not None and s.until > now]
        return min(moments) - now if moments else None

    def worth_waiting(self) -> frozenset[str]:
        """Return the nodes that a drain waits for."""
        closed = self._breakers.closed_nodes()
        return frozenset(node for node, status in closed.items() if status.trips <= PATIENT_TRIPS)

    def _word(self, node: str, status: BreakerStatus) -> tuple[float | None, str]:
        known = self._worded.get(node)
        if known is not None and known[0] == status.until:
            return known
        at = self._breakers.wall_time(status.until)
        when = time.strftime("%H:%M:%S", time.localtime(at))
        return status.until, f"{node}: every transport fails ({status.why}); tried again at {when}"
