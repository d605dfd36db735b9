"""What an operator is shown of transports: breakers, links, attempts and what went wrong. Plain values only.

Times are seconds since the epoch, sizes bytes, rates bytes per second.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerView:
    """A node's breaker for one transport. ``state``: closed, open, half-open; ``until``: when it is probed next."""

    transport: str
    state: str
    until: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class TransportErrorView:
    """One try of a transport that failed; ``peer`` is the node at the other end."""

    at: float
    transport: str
    peer: str
    error_class: str
    error: str
    hint: str


@dataclass(frozen=True, slots=True)
class NodeTransportView:
    """One transport at one node. Counts and rates are those since ``TransportsView.since``.

    ``attempts`` are tries of this transport, ``failures`` those that did not deliver; ``first_attempt_rate`` is the
    share of the transfers it brought to their end that were done at the first attempt (None: none yet).
    ``passed_over`` is why it could not serve when it was last to, since the engine started (None: it could).
    """

    node: str
    transport: str
    breaker: BreakerView
    attempts: int
    failures: int
    first_attempt_rate: float | None
    bytes_per_second: float | None
    last_errors: tuple[TransportErrorView, ...] = ()
    passed_over: str | None = None


@dataclass(frozen=True, slots=True)
class LinkDecisionView:
    """A change of how many transfers a link may carry, and why."""

    at: float
    before: int
    after: int
    reason: str


@dataclass(frozen=True, slots=True)
class LinkView:
    """How many transfers a link may carry at once now, and why; ``most`` is what a node allows."""

    source: str
    target: str
    limit: int
    most: int
    reason: str
    bytes_per_second: float | None
    success_rate: float | None
    decisions: tuple[LinkDecisionView, ...] = ()


@dataclass(frozen=True, slots=True)
class TransportsView:
    """All transports of all nodes in use, and every link that carried something.

    ``first_attempt_rate`` is the share of transfers that ended since ``since`` and were done at the first attempt.
    """

    at: float
    since: float
    first_attempt_rate: float | None
    transports: tuple[NodeTransportView, ...]
    links: tuple[LinkView, ...]


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try of a transfer: by which transport, over which link, what moved, and what went wrong on the way."""

    number: int
    started_at: float
    finished_at: float
    transport: str
    source: str
    target: str
    success: bool
    bytes_done: int
    bytes_on_wire: int
    bytes_resent: int
    duration_seconds: float
    bytes_per_second: float | None
    error_class: str | None
    error: str | None
    hint: str | None
    failures: tuple[TransportErrorView, ...] = ()
