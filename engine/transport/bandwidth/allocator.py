"""BandwidthAllocator: gives every running transfer its cap, and changes it while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from config.timetable import Localize
from config.types import EngineSettings
from engine.clock import Clock
from engine.model import SyncPriority, Transfer
from engine.transport.bandwidth.limits import FLEET, OperatorLimit, limit_now, written
from engine.transport.bandwidth.sharing import Demand
from engine.transport.bandwidth.urgency import LEAST_CAPACITY, Way, share_with_urgent
from engine.transport.bandwidth.usage import Usage
from engine.transport.rates import RateCap

TICK_SECONDS = 0.5
"""How often use is looked at while transfers run; a limit that changes takes effect at the next look at the latest."""
WEIGHTS = {
    SyncPriority.BACKGROUND: 0.25,
    SyncPriority.LOW: 0.5,
    SyncPriority.NORMAL: 1.0,
    SyncPriority.HIGH: 1.5,
    SyncPriority.CRITICAL: 2.0,
}
"""The multipliers of the users' own bandwidth manager."""
CAPACITY_KEPT_SECONDS = 60.0
"""How long the highest sum seen on a node's link counts as what it carries, while nothing urgent uses it."""


@dataclass
class Flow:
    """One running transfer: where it goes, how much it counts, its cap and what it moves."""

    id: int
    source: str
    target: str
    priority: SyncPriority
    emergency: bool
    deadline: float | None
    cap: RateCap
    usage: Usage = field(default_factory=Usage)
    offer: float | None = None

    @property
    def urgent(self) -> bool:
        """Whether others make way for it."""
        return self.emergency or self.priority is SyncPriority.CRITICAL

    def weight(self, now: float) -> float:
        """Return its weight; one that is past its deadline counts as much as any."""
        overdue = self.deadline is not None and now >= self.deadline
        return WEIGHTS[SyncPriority.CRITICAL] if overdue else WEIGHTS[self.priority]

    @property
    def links(self) -> tuple[str, ...]:
        """What it uses: the fleet's limit, and the links of both nodes. A copy within one node uses none."""
        return () if self.source == self.target else (FLEET, self.source, self.target)


@dataclass
class _Seen:
    """The highest sum of bytes/s on one node's link."""

    peak: float
    at: float


class BandwidthAllocator:
    """Owned by the event loop. ``start`` and ``end`` frame a transfer, ``moved`` tells its bytes on the wire.

    Caps are shared out anew whenever a transfer starts or ends, a limit changes, the timetable turns or a transfer
    is seen not to use its part; each change is heard through the transfer's RateCap.
    """

    def __init__(
        self,
        clock: Clock,
        settings: Callable[[], EngineSettings],
        localize: Localize = datetime.fromtimestamp,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._localize = localize
        self._flows: dict[int, Flow] = {}
        self._seen: dict[str, _Seen] = {}
        self._ways: dict[str, Way] = {}
        """The links that urgent transfers share with others now."""
        self._set_now: dict[str, OperatorLimit] = {}
        self._busy = asyncio.Event()

    def start(self, transfer: Transfer, source_node: str, target_node: str) -> RateCap:
        """Take a transfer in and return its cap, which changes as long as it runs."""
        return self.join(
            Flow(
                id=transfer.id,
                source=source_node,
                target=target_node,
                priority=transfer.priority,
                emergency=transfer.emergency,
                deadline=transfer.deadline,
                cap=RateCap(),
            )
        )

    def join(self, flow: Flow) -> RateCap:
        """Take a flow in and return its cap; one of the same id is replaced."""
        self._measure(self._clock.monotonic())
        self._flows[flow.id] = flow
        self._busy.set()
        self.share_out()
        return flow.cap

    def end(self, transfer_id: int) -> None:
        """Give a transfer's part back to the others."""
        if self._flows.pop(transfer_id, None) is None:
            return
        if not self._flows:
            self._busy.clear()
        self.share_out()

    def moved(self, transfer_id: int, wire_bytes: int) -> None:
        """Take how many bytes a transfer has had on the wire so far."""
        flow = self._flows.get(transfer_id)
        if flow is not None:
            flow.usage.moved(self._clock.monotonic(), wire_bytes)

    def raise_priority(self, transfer_id: int, priority: SyncPriority, emergency: bool) -> None:
        """Let a running transfer count as much as a newer wish for it."""
        flow = self._flows.get(transfer_id)
        if flow is not None and (flow.priority, flow.emergency) != (priority, emergency):
            flow.priority, flow.emergency = priority, emergency
            self.share_out()

    def set_limits(self, limits: Mapping[str, OperatorLimit]) -> None:
        """Let an operator's limits (by node, FLEET for all) hold from now on."""
        self._set_now = dict(limits)
        self.share_out()

    def fleet_limit(self) -> int | None:
        """Return the limit of the fleet that holds now, in bytes/s."""
        return limit_now(FLEET, self._settings(), self._set_now, self._clock.now(), self._localize).bytes_per_second

    @property
    def operator_limits(self) -> Mapping[str, OperatorLimit]:
        """What operators have set."""
        return self._set_now

    def flows(self) -> tuple[Flow, ...]:
        """Return what runs now."""
        return tuple(self._flows.values())

    def used(self, name: str) -> float:
        """Return bytes/s that move on a node's link now, or in the whole fleet (FLEET)."""
        now = self._clock.monotonic()
        return sum(flow.usage.rate(now) for flow in self._flows.values() if name in flow.links)

    def rate_of(self, flow: Flow) -> float:
        """Return the bytes/s that a flow moves now."""
        return flow.usage.rate(self._clock.monotonic())

    async def run(self) -> None:
        """Look at what transfers use, and at the limits, for as long as any run; for ever."""
        while True:
            await self._busy.wait()
            self.tick()
            await asyncio.sleep(TICK_SECONDS)

    def tick(self) -> None:
        """Measure, judge who can use what, and share out anew."""
        now = self._clock.monotonic()
        self._measure(now)
        for flow in self._flows.values():
            flow.usage.judge(now, None if flow.urgent else flow.offer)
        if self._ways:
            capacity = self._capacity(self._linked())
            for link, way in self._ways.items():
                way.look(now, self._carried(link, now, True), self._carried(link, now, False), capacity.get(link))
        self.share_out()

    def share_out(self) -> None:
        """Compute every cap and let those that changed be heard, the lower ones first."""
        flows = self._linked()
        if not flows:
            self._ways.clear()
            return
        now = self._clock.now()
        capacity = self._capacity(flows)
        self._clear_ways(flows, capacity)
        demands = [
            Demand(flow.id, (*flow.links, _own_link(flow)), flow.weight(now), flow.usage.appetite) for flow in flows
        ]
        ceilings = {link: way.ceiling(capacity.get(link)) for link, way in self._ways.items()}
        shares = share_with_urgent(demands, {flow.id for flow in flows if flow.urgent}, capacity, ceilings)
        caps = {flow.id: _whole(shares[flow.id]) for flow in flows}
        for flow in flows:
            _offer(flow, shares[flow.id])
        for flow in sorted(flows, key=lambda flow: _rises(flow, caps[flow.id])):
            flow.cap.set(caps[flow.id])

    def _linked(self) -> list[Flow]:
        return [flow for flow in self._flows.values() if flow.links]

    def _capacity(self, flows: Iterable[Flow]) -> dict[str, float]:
        """Return what is written, by link."""
        settings, now = self._settings(), self._clock.now()
        names = tuple({link for flow in flows for link in flow.links})
        capacity = written(names, settings, self._set_now, now, self._localize)
        if settings.bandwidth.per_transfer_bytes_per_second is not None:
            own = float(settings.bandwidth.per_transfer_bytes_per_second)
            capacity |= {_own_link(flow): own for flow in flows}
        return capacity

    def _clear_ways(self, flows: Iterable[Flow], capacity: Mapping[str, float]) -> None:
        """Begin and end the making way: on the links that urgent flows share with others."""
        flows = list(flows)
        of_urgent = {link for flow in flows if flow.urgent for link in flow.links}
        of_others = {link for flow in flows if not flow.urgent for link in flow.links}
        shared = {link for link in of_urgent & of_others if link != FLEET or FLEET in capacity}
        for link in self._ways.keys() - shared:
            del self._ways[link]
        for link in shared - self._ways.keys():
            peak = self._seen[link].peak if link in self._seen else 0.0
            self._ways[link] = Way(max(peak, LEAST_CAPACITY), confirmed=peak > LEAST_CAPACITY)

    def _carried(self, link: str, now: float, urgent: bool) -> float:
        return sum(
            flow.usage.carried(now) for flow in self._flows.values() if flow.urgent == urgent and link in flow.links
        )

    def _measure(self, now: float) -> None:
        """Keep the highest sum of each link; one on which others are squeezed says nothing of what it carries."""
        links = {link for flow in self._flows.values() for link in flow.links} - self._ways.keys()
        for link in links:
            carried = sum(self._carried(link, now, urgent) for urgent in (True, False))
            seen = self._seen.get(link)
            if seen is None or carried >= seen.peak or now - seen.at > CAPACITY_KEPT_SECONDS:
                self._seen[link] = _Seen(carried, now)
        kept = {link for link, seen in self._seen.items() if now - seen.at <= CAPACITY_KEPT_SECONDS}
        for link in self._seen.keys() - kept - links - self._ways.keys():
            del self._seen[link]


def _own_link(flow: Flow) -> str:
    """The name under which a transfer's own limit is kept; no node's name holds a NUL."""
    return f"\0{flow.id}"


def _offer(flow: Flow, offer: float | None) -> None:
    """Note what a flow is offered; when that changes much, its use is judged again only after a while."""
    before = flow.offer
    flow.offer = offer
    if before is None or offer is None or not 0.8 <= offer / max(before, 1.0) <= 1.25:
        flow.usage.unsettle()


def _whole(share: float | None) -> int | None:
    return None if share is None else max(1, int(share))


def _rises(flow: Flow, cap: int | None) -> bool:
    before = flow.cap.bytes_per_second
    return cap is None or (before is not None and cap >= before)
