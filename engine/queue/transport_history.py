"""What the history says of transports and links since a moment: tries, failures, rates, the last errors, decisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.model import TransferState, Transport, TransportFailure
from engine.queue.attempts import failure
from engine.queue.part import QueuePart
from engine.store.schema import attempts, link_decisions, transfers, transport_failures
from engine.transport.concurrency import Decision

ERRORS_SHOWN = 3
DECISIONS_SHOWN = 5
DECISIONS_KEPT = 2_000
"""Over all links; a decision is rare, because only failures and the way back from them make one."""

NodeTransport = tuple[str, Transport]


@dataclass(frozen=True, slots=True)
class TransportTally:
    """One transport at one node: its tries, those that did not deliver, and how its transfers ended."""

    delivered: int = 0
    failed: int = 0
    ended: int = 0
    at_first: int = 0
    bytes_done: int = 0
    seconds: float = 0.0

    @property
    def first_attempt_rate(self) -> float | None:
        """Share of ended transfers that were done at the first attempt; None: none ended."""
        return self.at_first / self.ended if self.ended else None

    @property
    def bytes_per_second(self) -> float | None:
        """Mean rate of what it delivered; None: nothing."""
        return self.bytes_done / self.seconds if self.seconds > 0 and self.bytes_done else None


@dataclass(frozen=True, slots=True)
class FailureAtNode:
    """A failed try as one of its nodes sees it."""

    failed: TransportFailure
    peer: str


class TransportHistory(QueuePart):
    """``TransportHistory(store, clock)``. Reads run in threads."""

    async def tallies(self, since: float) -> Mapping[NodeTransport, TransportTally]:
        """Return every node and transport that was tried since then."""

        def look(connection: Connection) -> Mapping[NodeTransport, TransportTally]:
            counts: dict[NodeTransport, dict[str, Any]] = defaultdict(lambda: defaultdict(int))
            for statement in (_delivered(since), _failed(since), _ended(since)):
                for row in connection.execute(statement):
                    values = row._mapping
                    for node in {values["source_node"], values["target_node"]}:
                        into = counts[(node, Transport(values["transport"]))]
                        for name, value in values.items():
                            if name not in ("source_node", "target_node", "transport"):
                                into[name] += value
            return {key: TransportTally(**values) for key, values in counts.items() if key[0]}

        return await self._store.query(look)

    async def last_failures(self, since: float) -> Mapping[NodeTransport, Sequence[FailureAtNode]]:
        """Return the newest failures of each node and transport, newest first."""

        def look(connection: Connection) -> Mapping[NodeTransport, Sequence[FailureAtNode]]:
            found: dict[NodeTransport, dict[int, FailureAtNode]] = defaultdict(dict)
            for node, peer in _ENDS:
                for row in connection.execute(_newest(node, since)):
                    seen = FailureAtNode(failure(row), getattr(row, peer.name))
                    found[(getattr(row, node.name), seen.failed.transport)][row.id] = seen
            return {key: [seen[i] for i in sorted(seen, reverse=True)[:ERRORS_SHOWN]] for key, seen in found.items()}

        return await self._store.query(look)

    async def add_decision(self, decision: Decision) -> None:
        """Keep a decision on a link, and forget the oldest beyond what is kept."""
        row = {
            "at": decision.at,
            "source": decision.source,
            "target": decision.target,
            "before": decision.before,
            "after": decision.after,
            "reason": decision.reason,
            "bytes_per_second": decision.bytes_per_second,
            "success_rate": decision.success_rate,
        }

        async def add(connection: AsyncConnection) -> None:
            await connection.execute(insert(link_decisions).values(**row))
            newest = select(func.max(link_decisions.c.id) - DECISIONS_KEPT).scalar_subquery()
            await connection.execute(delete(link_decisions).where(link_decisions.c.id <= newest))

        await self._store.write(add)

    async def decisions(self) -> Mapping[tuple[str, str], Sequence[Decision]]:
        """Return the newest decisions of each link, newest first."""
        ranked = func.row_number().over(
            partition_by=(link_decisions.c.source, link_decisions.c.target), order_by=link_decisions.c.id.desc()
        )
        numbered = select(link_decisions, ranked.label("place")).subquery()
        statement = select(numbered).where(numbered.c.place <= DECISIONS_SHOWN).order_by(numbered.c.id.desc())

        def look(connection: Connection) -> Mapping[tuple[str, str], Sequence[Decision]]:
            found: dict[tuple[str, str], list[Decision]] = defaultdict(list)
            for row in connection.execute(statement):
                found[(row.source, row.target)].append(
                    Decision(
                        row.at,
                        row.source,
                        row.target,
                        row.before,
                        row.after,
                        row.reason,
                        row.bytes_per_second,
                        row.success_rate,
                    )
                )
            return found

        return await self._store.query(look)


_ENDS = (
    (transport_failures.c.source_node, transport_failures.c.target_node),
    (transport_failures.c.target_node, transport_failures.c.source_node),
)


def _delivered(since: float) -> Any:
    by = (attempts.c.source_node, attempts.c.target_node, attempts.c.transport)
    columns = (
        func.count().label("delivered"),
        func.sum(attempts.c.bytes_done).label("bytes_done"),
        func.sum(attempts.c.duration_seconds).label("seconds"),
    )
    good = attempts.c.success & (attempts.c.bytes_done > 0)
    return select(*by, *columns).where(good, attempts.c.finished_at >= since).group_by(*by)


def _failed(since: float) -> Any:
    failures = transport_failures.c
    by = (failures.source_node, failures.target_node, failures.transport)
    return select(*by, func.count().label("failed")).where(failures.finished_at >= since).group_by(*by)


def _ended(since: float) -> Any:
    by = (transfers.c.source_node, transfers.c.target_node, transfers.c.transport)
    done = transfers.c.state == TransferState.DONE.value
    first = func.sum(case((done & (transfers.c.attempts <= 1), 1), else_=0)).label("at_first")
    ended = transfers.c.state.in_([TransferState.DONE.value, TransferState.FAILED.value])
    tried = transfers.c.transport.is_not(None)
    return (
        select(*by, func.count().label("ended"), first)
        .where(ended, tried, transfers.c.finished_at >= since)
        .group_by(*by)
    )


def _newest(node: ColumnElement[str], since: float) -> Any:
    order = transport_failures.c.id.desc()
    ranked = func.row_number().over(partition_by=(node, transport_failures.c.transport), order_by=order)
    recent = transport_failures.c.finished_at >= since
    numbered = select(transport_failures, ranked.label("place")).where(recent).subquery()
    return select(numbered).where(numbered.c.place <= ERRORS_SHOWN)
