"""Telling the queue: every edge of a running transfer, every attempt, and what follows a failure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Unpack

from engine.errors import SyncdeckError
from engine.execution.tools import Tools
from engine.execution.verdicts import Ending, Verdict, code_of, judge
from engine.locations import node_of
from engine.model import Attempt, Transfer, TransferState, Transport
from engine.queue.values import NewEdge, TransferFields
from engine.transport.errors import BadSource
from engine.transport.manager import Delivery
from engine.turns import in_turns

_FOLDERS = re.compile(r"(?<![\w.~])~?/(?:[^\s/:'\"]+/)+")


def in_short(error: SyncdeckError) -> str:
    """Return the cause in one line, files by name without their folders; the attempt keeps the error in full."""
    lines = error.cause.strip().splitlines()
    return _FOLDERS.sub("", lines[0]) if lines else error.operation


@dataclass
class Timeline:
    """When an attempt entered each of its steps."""

    started_at: float
    steps: list[tuple[str, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Announced:
    """One transfer's part of an edge that many take."""

    transfer: Transfer
    reason: str
    evidence: str = ""
    fields: TransferFields = field(default_factory=TransferFields)


@dataclass(frozen=True, slots=True)
class Arrived:
    """One of many transfers whose files are in place and in the catalog."""

    transfer: Transfer
    sha256: str
    size_bytes: int
    outcome: str
    delivery: Delivery | None


class Outcomes:
    """Writes what happens to running transfers into the queue, before it happens."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._timelines: dict[int, Timeline] = {}

    def start(self, transfer: Transfer) -> None:
        """Begin an attempt's timeline."""
        now = self._tools.clock.now()
        self._timelines[transfer.id] = Timeline(now, [(TransferState.CLAIMED.value, now)])
        if transfer.attempts == 0:
            self._tools.transports.budget.first_try(_ends(transfer))

    def end(self, transfer: Transfer) -> None:
        """Drop an attempt's timeline."""
        self._timelines.pop(transfer.id, None)

    async def enter(
        self,
        transfer: Transfer,
        state: TransferState,
        reason: str,
        evidence: str = "",
        **fields: Unpack[TransferFields],
    ) -> None:
        """Record an edge; the act it announces may begin when this returns. Raises LeaseLost."""
        self._timelines[transfer.id].steps.append((state.value, self._tools.clock.now()))
        run_id = self._tools.names.run_id
        await self._tools.queue.transition(transfer.id, state, reason, evidence, run_id, **fields)

    async def done(
        self, transfer: Transfer, sha256: str, size_bytes: int, outcome: str, delivery: Delivery | None
    ) -> None:
        """Record the attempt and the end of a transfer whose file is in place and in the catalog."""
        await self._record_attempt(transfer, delivery, None)
        reason, fields = _end_of(sha256, size_bytes, outcome, delivery)
        await self._tools.queue.finish(transfer.id, TransferState.DONE, reason, **fields)

    async def enter_many(self, state: TransferState, edges: Sequence[Announced]) -> frozenset[int]:
        """Record an edge to one state for many transfers; return the ids that took it (others were ended meanwhile)."""
        now = self._tools.clock.now()
        moves = []
        async for edge in in_turns(edges):
            self._timelines[edge.transfer.id].steps.append((state.value, now))
            moves.append(NewEdge(edge.transfer.id, state, edge.reason, edge.evidence, edge.fields))
        return await self._tools.queue.transition_many(moves, self._tools.names.run_id)

    async def done_many(self, arrived: Sequence[Arrived]) -> None:
        """Do what ``done`` does for many transfers, a few transactions for all."""
        tools = self._tools
        attempts = [self._attempt(one.transfer, one.delivery, None) async for one in in_turns(arrived)]
        await tools.queue.record_attempts(attempts)
        moves = []
        async for one in in_turns(arrived):
            reason, fields = _end_of(one.sha256, one.size_bytes, one.outcome, one.delivery)
            moves.append(NewEdge(one.transfer.id, TransferState.DONE, reason, "", fields))
        await tools.queue.transition_many(moves)

    def judge(self, transfer: Transfer, error: SyncdeckError) -> Verdict:
        """Return what follows an error of this attempt."""
        tools = self._tools
        return judge(error, transfer.attempts + 1, tools.policy().engine.max_retries, tools.chance)

    def _retry_delay(self, transfer: Transfer, verdict: Verdict) -> float:
        """Return the verdict's delay, or more where the nodes' retry budget is used up."""
        if not verdict.counted:
            return verdict.delay_seconds
        budget = self._tools.transports.budget.take(_ends(transfer))
        return max(verdict.delay_seconds, budget)

    async def failed(
        self, transfer: Transfer, error: SyncdeckError, delivery: Delivery | None, verdict: Verdict | None = None
    ) -> None:
        """Record the attempt, and retry, block, fail or drop the transfer as the verdict says."""
        tools = self._tools
        verdict = verdict if verdict is not None else self.judge(transfer, error)
        if verdict.counted:
            await self._record_attempt(transfer, delivery, error)
        if delivery is None:
            # An end was not reached before any transport began.
            tools.transports.breakers.note_unreachable(error)
        about: TransferFields = {"error_class": error.error_class, "hint": error.remedy}
        if isinstance(error, BadSource):
            await tools.catalog.mark_bad(transfer.key, transfer.source)
        if verdict.ending is Ending.RETRY:
            at = tools.clock.now() + self._retry_delay(transfer, verdict)
            await tools.queue.retry_at(transfer.id, at, in_short(error), **about)
        elif verdict.ending is Ending.BLOCK:
            about["code"] = code_of(error)
            await tools.queue.block(transfer.id, in_short(error), **about)
        elif verdict.ending is Ending.FAIL:
            await tools.queue.finish(transfer.id, TransferState.FAILED, in_short(error), **about)
        else:
            await tools.queue.finish(transfer.id, TransferState.CANCELLED, error.cause, **about)

    async def _record_attempt(self, transfer: Transfer, delivery: Delivery | None, error: SyncdeckError | None) -> None:
        await self._tools.queue.record_attempt(self._attempt(transfer, delivery, error))

    def _attempt(self, transfer: Transfer, delivery: Delivery | None, error: SyncdeckError | None) -> Attempt:
        timeline = self._timelines[transfer.id]
        result = delivery.result if delivery is not None else None
        first_choice = transfer.transport_preference[0] if transfer.transport_preference else Transport.AGENT
        return Attempt(
            transfer_id=transfer.id,
            number=transfer.attempts + 1,
            started_at=timeline.started_at,
            finished_at=self._tools.clock.now(),
            transport=result.transport_used if result is not None else first_choice,
            success=error is None,
            bytes_done=result.bytes_transferred if result is not None else 0,
            bytes_on_wire=result.bytes_on_wire if result is not None else 0,
            error_class=error.error_class if error is not None else None,
            error=str(error) if error is not None else None,
            hint=error.remedy if error is not None else None,
            steps=tuple(timeline.steps),
            source=transfer.source,
            target=transfer.target,
            duration_seconds=result.duration_seconds if result is not None else 0.0,
            bytes_resent=delivery.bytes_resent if delivery is not None else 0,
            failures=delivery.failures if delivery is not None else (),
        )


def _end_of(sha256: str, size_bytes: int, outcome: str, delivery: Delivery | None) -> tuple[str, TransferFields]:
    """Return why a transfer is done, and what its row says then."""
    reason = "in place, verified by SHA-256" if outcome == "published" else "the target holds it already"
    result = delivery.result if delivery is not None else None
    fields: TransferFields = {
        "sha256": sha256,
        "bytes_done": size_bytes,
        "bytes_on_wire": result.bytes_on_wire if result is not None else 0,
        "transport": result.transport_used if result is not None else None,
    }
    return reason, fields


def _ends(transfer: Transfer) -> set[str]:
    return {node_of(transfer.source), node_of(transfer.target)}
