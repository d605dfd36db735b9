"""What bringing one file to its target came to: every try of every transport, and what moved, counted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.clock import Clock
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError, TransferError
from engine.model import NodeState, Transport, TransportFailure, TransportResult
from engine.remote.types import Progress, StreamOutcome

FALLBACK_CLASSES = frozenset({ErrorClass.TRANSIENT_NETWORK, ErrorClass.THROTTLED, ErrorClass.UNSUPPORTED})
"""Failures of the way, not of an end: another transport may do better. All others would fail alike."""


class AllOpen(TransferError):
    """Every transport that could serve is left alone by its breaker: it costs no attempt, and waits for a probe."""

    def __init__(self, subject: str, reasons: Sequence[str], wait_seconds: float) -> None:
        remedy = "nothing, a small file probes the way by itself; `syncdeck transports reset NODE` probes it now"
        super().__init__("move", subject, "; ".join(reasons), remedy, ErrorClass.TRANSIENT_NETWORK)
        self.wait_seconds = wait_seconds


@dataclass(frozen=True, slots=True)
class TransportTry:
    """One try of one transport: when, how far it came, and why it ended (``error`` None: delivered)."""

    transport: Transport
    started_at: float
    finished_at: float
    bytes_done: int
    bytes_on_wire: int
    error: SyncdeckError | None = None
    bytes_resent: int = 0

    @property
    def may_fall_back(self) -> bool:
        """Whether another transport may do better: a node that cannot be reached is out of reach for all of them."""
        return self.error is not None and self.error.error_class in FALLBACK_CLASSES and self.reached

    @property
    def reached(self) -> bool:
        """Whether both ends were reached; a connection that was lost after bytes moved had stood."""
        if not isinstance(self.error, NodeUnreachable):
            return True
        return self.error.state == NodeState.LOST.value and self.bytes_on_wire > 0

    @property
    def failure(self) -> TransportFailure | None:
        """What is kept in the history of a try that did not deliver."""
        if self.error is None:
            return None
        return TransportFailure(
            self.transport,
            self.finished_at,
            max(0.0, self.finished_at - self.started_at),
            self.bytes_done,
            self.bytes_on_wire,
            self.error.error_class,
            str(self.error),
            self.error.remedy,
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """What walking the chain came to. ``outcome`` is None, and ``error`` set, when nothing was delivered.

    ``passed_over`` says of each transport that was not tried why: it cannot serve, or its breaker is open.
    """

    result: TransportResult
    outcome: StreamOutcome | None
    tries: tuple[TransportTry, ...]
    error: SyncdeckError | None
    passed_over: tuple[str, ...] = ()

    @property
    def bytes_resent(self) -> int:
        """Bytes of the content that travelled more than once."""
        return sum(one.bytes_resent for one in self.tries)

    @property
    def failures(self) -> tuple[TransportFailure, ...]:
        """Every try that did not deliver."""
        return tuple(failure for one in self.tries if (failure := one.failure) is not None)


class Meter:
    """Adds up what all tries of one job moved, how far the file got, and what was sent again.

    A try that begins behind the point that an earlier one had reached sends the bytes between again.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._wire_before = 0
        self._reached_before = 0
        self._began_at: int | None = None
        self.wire_of_try = 0
        self.done = 0
        self.furthest = 0

    def __call__(self, done: int, wire: int) -> None:
        """Take a reading of the running try: bytes done of the file, bytes on the wire."""
        if self._began_at is None:
            self._began_at = done
        self.done, self.wire_of_try = done, wire
        self.furthest = max(self.furthest, done)
        self._progress(done, self._wire_before + wire)

    def next_try(self) -> None:
        """Begin another try."""
        self._wire_before += self.wire_of_try
        self._reached_before = self.furthest
        self._began_at = None
        self.wire_of_try = 0
        self.done = 0

    def resent(self, resumed_bytes: int | None = None) -> int:
        """Return the bytes that the running try sent again; ``resumed_bytes`` where the transport said so itself."""
        began = resumed_bytes if resumed_bytes is not None else self._began_at
        return 0 if began is None else max(0, min(self._reached_before, self.done) - began)

    @property
    def wire(self) -> int:
        """Bytes on the wire of all tries."""
        return self._wire_before + self.wire_of_try


@dataclass
class Walk:
    """One way down a chain, as it goes along."""

    meter: Meter
    started: float
    """Monotonic seconds."""
    tries: list[TransportTry] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    open_until: list[float] = field(default_factory=list)
    """When the breakers that were met may be probed, in monotonic seconds."""

    def delivered(self, outcome: StreamOutcome, clock: Clock) -> Delivery:
        """Return the success."""
        result = TransportResult(
            success=True,
            transport_used=self.tries[-1].transport,
            bytes_transferred=outcome.size_bytes,
            duration_seconds=clock.monotonic() - self.started,
            retries=len(self.tries) - 1,
            bytes_on_wire=self.meter.wire,
            sha256=outcome.sha256,
        )
        return Delivery(result, outcome, tuple(self.tries), None, tuple(self.passed_over))

    def failed(self, error: SyncdeckError, first_choice: Transport, clock: Clock) -> Delivery:
        """Return the failure."""
        result = TransportResult(
            success=False,
            transport_used=self.tries[-1].transport if self.tries else first_choice,
            bytes_transferred=self.meter.done,
            duration_seconds=clock.monotonic() - self.started,
            error=str(error),
            retries=max(0, len(self.tries) - 1),
            bytes_on_wire=self.meter.wire,
            error_class=error.error_class,
            hint=error.remedy,
        )
        return Delivery(result, None, tuple(self.tries), error, tuple(self.passed_over))
