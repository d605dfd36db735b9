"""Transports, links and attempts as views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.locations import node_of
from engine.model import Attempt, Transport, TransportFailure
from engine.queue.transport_history import FailureAtNode, NodeTransport, TransportTally
from engine.transport.breaker_board import Breakers
from engine.transport.breakers import BreakerStatus
from engine.transport.concurrency import Decision, LinkStanding
from engine.transport_views import (
    AttemptView,
    BreakerView,
    LinkDecisionView,
    LinkView,
    NodeTransportView,
    TransportErrorView,
)

UNTRIED = TransportTally()


def breaker_view(transport: Transport, status: BreakerStatus, breakers: Breakers) -> BreakerView:
    """Return a breaker as shown."""
    until = breakers.wall_time(status.until)
    return BreakerView(transport.value, status.state.value, None if until is None else round(until, 1), status.why)


def node_transport_views(
    nodes: Iterable[str],
    breakers: Breakers,
    tallies: Mapping[NodeTransport, TransportTally],
    failures: Mapping[NodeTransport, Sequence[FailureAtNode]],
) -> tuple[NodeTransportView, ...]:
    """Return every transport that is built at every one of these nodes."""
    return tuple(
        _node_transport(
            node, transport, breakers, tallies.get((node, transport), UNTRIED), failures.get((node, transport), ())
        )
        for node in nodes
        for transport in breakers.transports
    )


def _node_transport(
    node: str, transport: Transport, breakers: Breakers, tally: TransportTally, failures: Sequence[FailureAtNode]
) -> NodeTransportView:
    return NodeTransportView(
        node=node,
        transport=transport.value,
        breaker=breaker_view(transport, breakers.status(node, transport), breakers),
        attempts=tally.delivered + tally.failed,
        failures=tally.failed,
        first_attempt_rate=tally.first_attempt_rate,
        bytes_per_second=tally.bytes_per_second,
        last_errors=tuple(error_view(seen.failed, seen.peer) for seen in failures),
        passed_over=breakers.refusal(node, transport),
    )


def link_views(
    standings: Iterable[LinkStanding],
    rates: Mapping[tuple[str, str], float],
    decisions: Mapping[tuple[str, str], Sequence[Decision]],
    most: int,
) -> tuple[LinkView, ...]:
    """Return every link that carried something, now or in the measured past (``rates``, by location)."""
    now = {(standing.source, standing.target): standing for standing in standings}
    measured: dict[tuple[str, str], float] = {}
    for (source, target), rate in rates.items():
        ends = node_of(source), node_of(target)
        measured[ends] = max(rate, measured.get(ends, 0.0))
    return tuple(
        _link(ends, now.get(ends), measured.get(ends), decisions.get(ends, ()), most)
        for ends in sorted(now.keys() | measured.keys())
    )


def _link(
    ends: tuple[str, str],
    standing: LinkStanding | None,
    measured: float | None,
    decisions: Sequence[Decision],
    most: int,
) -> LinkView:
    moves = standing is not None and standing.bytes_per_second > 0
    return LinkView(
        source=ends[0],
        target=ends[1],
        limit=standing.limit if standing is not None else most,
        most=most,
        reason=standing.reason if standing is not None else "nothing moved since the engine started",
        bytes_per_second=standing.bytes_per_second if standing is not None and moves else measured,
        success_rate=standing.success_rate if standing is not None else None,
        decisions=tuple(LinkDecisionView(made.at, made.before, made.after, made.reason) for made in decisions),
    )


def error_view(failed: TransportFailure, peer: str) -> TransportErrorView:
    """Return a failed try as shown."""
    return TransportErrorView(
        failed.finished_at, failed.transport.value, peer, failed.error_class.value, failed.error, failed.hint
    )


def attempt_view(attempt: Attempt) -> AttemptView:
    """Return an attempt as shown."""
    seconds = attempt.duration_seconds
    return AttemptView(
        number=attempt.number,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
        transport=attempt.transport.value,
        source=attempt.source,
        target=attempt.target,
        success=attempt.success,
        bytes_done=attempt.bytes_done,
        bytes_on_wire=attempt.bytes_on_wire,
        bytes_resent=attempt.bytes_resent,
        duration_seconds=seconds,
        bytes_per_second=attempt.bytes_done / seconds if seconds > 0 and attempt.bytes_done else None,
        error_class=attempt.error_class.value if attempt.error_class else None,
        error=attempt.error,
        hint=attempt.hint,
        failures=tuple(error_view(failed, attempt.target) for failed in attempt.failures),
    )
