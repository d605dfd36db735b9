"""Limits and flows as an operator sees them."""

from __future__ import annotations

from datetime import datetime

from config.timetable import Localize
from config.types import Policy
from engine.transport.bandwidth.allocator import BandwidthAllocator, Flow
from engine.transport.bandwidth.limits import FLEET, LimitNow, limit_now
from engine.views_bandwidth import BandwidthView, FlowView, LimitView


def bandwidth_view(
    allocator: BandwidthAllocator, policy: Policy, now: float, localize: Localize = datetime.fromtimestamp
) -> BandwidthView:
    """Return the fleet's limit, those of every node that has one or moves something, and the flows."""
    flows = allocator.flows()
    moving = {link for flow in flows for link in flow.links}
    limits = {
        name: limit_now(name, policy.engine, allocator.operator_limits, now, localize)
        for name in (FLEET, *sorted(policy.nodes))
    }
    shown = {
        name: limit
        for name, limit in limits.items()
        if name == FLEET or name in moving or limit.bytes_per_second is not None or limit.until is not None
    }
    return BandwidthView(
        at=now,
        limits=tuple(_limit_view(name, limit, allocator, flows) for name, limit in shown.items()),
        flows=tuple(_flow_view(flow, allocator, now) for flow in flows),
    )


def _limit_view(name: str, limit: LimitNow, allocator: BandwidthAllocator, flows: tuple[Flow, ...]) -> LimitView:
    return LimitView(
        node=name or None,
        limit_bytes_per_second=limit.bytes_per_second,
        because=limit.because,
        line=limit.line,
        until=limit.until,
        used_bytes_per_second=allocator.used(name),
        transfers=sum(name in flow.links for flow in flows),
        set_now=limit.set_now,
    )


def _flow_view(flow: Flow, allocator: BandwidthAllocator, now: float) -> FlowView:
    return FlowView(
        transfer=flow.id,
        source=flow.source,
        target=flow.target,
        cap_bytes_per_second=flow.cap.bytes_per_second,
        used_bytes_per_second=allocator.rate_of(flow),
        weight=flow.weight(now),
        urgent=flow.urgent,
        because=_because(flow, now),
    )


def _because(flow: Flow, now: float) -> str:
    if not flow.links:
        return "within one node: no link is used"
    if flow.urgent:
        return "urgent: others make way"
    if flow.deadline is not None and now >= flow.deadline:
        return "past its deadline"
    if flow.usage.appetite is not None:
        return "uses less than its share: the rest is others'"
    return f"priority {flow.priority.name.lower()}"
