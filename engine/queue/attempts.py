"""Attempts, with every try of a transport that failed in them: recording them, and reading them back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import ErrorClass
from engine.locations import node_of
from engine.model import Attempt, Transport, TransportFailure
from engine.store.dialect import greatest, upsert
from engine.store.many import ManyRows
from engine.store.schema import attempts, transfers, transport_failures

_UNIQUE = ("transfer_id", "number")
RECORDED_AT_ONCE = 100
"""Attempts made into rows between two turns of the event loop."""
_FORGET = ManyRows(
    delete(transport_failures).where(
        transport_failures.c.transfer_id == bindparam("of_id"), transport_failures.c.number == bindparam("of_number")
    )
)
_COUNT = ManyRows(
    update(transfers)
    .where(transfers.c.id == bindparam("of_id"))
    .values(attempts=greatest(transfers.c.attempts, bindparam("of_number")))
)


async def record(connection: AsyncConnection, attempt: Attempt) -> None:
    """Write an attempt and its failed tries, and count it; the same number again replaces what was written.

    The transfer must be there.
    """
    await record_many(connection, [attempt])


async def record_many(connection: AsyncConnection, tried: Sequence[Attempt]) -> None:
    """Like ``record``, a few statements for many attempts; their transfers must be there."""
    for start in range(0, len(tried), RECORDED_AT_ONCE):
        part = tried[start : start + RECORDED_AT_ONCE]
        rows = [_row(attempt) for attempt in part]
        failed = [row for attempt in part for row in _failure_rows(attempt)]
        same = [{"of_id": attempt.transfer_id, "of_number": attempt.number} for attempt in part]
        await _written(tuple(rows[0])).execute(connection, rows)
        await _FORGET.execute(connection, same)
        if failed:
            await connection.execute(insert(transport_failures), failed)
        await _COUNT.execute(connection, same)


@cache
def _written(names: tuple[str, ...]) -> ManyRows:
    return ManyRows(upsert(attempts, None, _UNIQUE, [name for name in names if name not in _UNIQUE]), names)


def of_transfer(connection: Connection, transfer_id: int) -> list[Attempt]:
    """Return every attempt at a transfer, oldest first."""
    failed: dict[int, list[TransportFailure]] = defaultdict(list)
    tries = select(transport_failures).where(transport_failures.c.transfer_id == transfer_id)
    for row in connection.execute(tries.order_by(transport_failures.c.id)):
        failed[row.number].append(failure(row))
    statement = select(attempts).where(attempts.c.transfer_id == transfer_id).order_by(attempts.c.number)
    return [_attempt(row, tuple(failed[row.number])) for row in connection.execute(statement)]


def failure(row: Any) -> TransportFailure:
    """Return a row of the failures table as a failed try."""
    return TransportFailure(
        transport=Transport(row.transport),
        finished_at=row.finished_at,
        duration_seconds=row.duration_seconds,
        bytes_done=row.bytes_done,
        bytes_on_wire=row.bytes_on_wire,
        error_class=ErrorClass(row.error_class),
        error=row.error,
        hint=row.hint,
    )


def _row(attempt: Attempt) -> dict[str, Any]:
    return {
        "transfer_id": attempt.transfer_id,
        "number": attempt.number,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "transport": attempt.transport.value,
        "success": attempt.success,
        "bytes_done": attempt.bytes_done,
        "bytes_on_wire": attempt.bytes_on_wire,
        "error_class": None if attempt.error_class is None else attempt.error_class.value,
        "error": attempt.error,
        "hint": attempt.hint,
        "steps": json.dumps(attempt.steps),
        "source_node": node_of(attempt.source),
        "target_node": node_of(attempt.target),
        "duration_seconds": attempt.duration_seconds,
        "bytes_resent": attempt.bytes_resent,
    }


def _failure_rows(attempt: Attempt) -> list[dict[str, Any]]:
    return [
        {
            "transfer_id": attempt.transfer_id,
            "number": attempt.number,
            "source_node": node_of(attempt.source),
            "target_node": node_of(attempt.target),
            "transport": failed.transport.value,
            "finished_at": failed.finished_at,
            "duration_seconds": failed.duration_seconds,
            "bytes_done": failed.bytes_done,
            "bytes_on_wire": failed.bytes_on_wire,
            "error_class": failed.error_class.value,
            "error": failed.error,
            "hint": failed.hint,
        }
        for failed in attempt.failures
    ]


def _attempt(row: Any, failures: tuple[TransportFailure, ...]) -> Attempt:
    return Attempt(
        transfer_id=row.transfer_id,
        number=row.number,
        started_at=row.started_at,
        finished_at=row.finished_at,
        transport=Transport(row.transport),
        success=row.success,
        bytes_done=row.bytes_done,
        bytes_on_wire=row.bytes_on_wire,
        error_class=None if row.error_class is None else ErrorClass(row.error_class),
        error=row.error,
        hint=row.hint,
        steps=tuple((step, seconds) for step, seconds in json.loads(row.steps)),
        source=row.source_node,
        target=row.target_node,
        duration_seconds=row.duration_seconds,
        bytes_resent=row.bytes_resent,
        failures=failures,
    )
