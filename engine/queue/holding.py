"""Transfers that wait until somebody lets them go on: paused one by one, or stopped by a paused node."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.codes import TransferCode
from engine.model import RUNNING_STATES, TransferState
from engine.queue.moves import move
from engine.queue.rows import field_columns
from engine.queue.states import CLAIMABLE_STATES
from engine.store.schema import transfers

ROWS_AT_ONCE = 500
IS_PAUSED = and_(transfers.c.state == TransferState.WAITING.value, transfers.c.code == TransferCode.PAUSED.value)

_HOLDABLE = [state.value for state in CLAIMABLE_STATES | RUNNING_STATES]


async def hold(
    connection: AsyncConnection,
    ids: Sequence[int],
    reason: str,
    code: TransferCode | None,
    until: float | None,
    now: float,
) -> int:
    """Let live transfers wait, until a time if one is given; return how many. Whoever runs one stopped it before."""
    columns = field_columns({"not_before": until, "code": code})
    held = 0
    for start in range(0, len(ids), ROWS_AT_ONCE):
        part = list(ids[start : start + ROWS_AT_ONCE])
        chosen = select(transfers).where(transfers.c.id.in_(part), transfers.c.state.in_(_HOLDABLE))
        for row in (await connection.execute(chosen.order_by(transfers.c.id))).all():
            if until is None or row.not_before != until or row.state != TransferState.WAITING.value:
                await move(connection, row, TransferState.WAITING, reason, "", now, columns)
            held += 1
    return held


async def paused(connection: AsyncConnection, ids: Sequence[int]) -> list[int]:
    """Return those of ``ids`` that were paused one by one."""
    found: list[int] = []
    for start in range(0, len(ids), ROWS_AT_ONCE):
        part = list(ids[start : start + ROWS_AT_ONCE])
        chosen = select(transfers.c.id).where(transfers.c.id.in_(part), IS_PAUSED)
        found += [row.id for row in await connection.execute(chosen)]
    return found
