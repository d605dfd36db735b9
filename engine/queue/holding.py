"""Transfers that wait until somebody lets them go on: paused one by one, or stopped by a paused node."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.model import RUNNING_STATES, TransferState
from engine.queue.moves import move
from engine.queue.rows import NEVER
from engine.queue.states import CLAIMABLE_STATES
from engine.store.schema import transfers
from engine.views import PAUSED as PAUSED

ROWS_AT_ONCE = 500

_HOLDABLE = [state.value for state in CLAIMABLE_STATES | RUNNING_STATES]


async def hold(connection: AsyncConnection, ids: Sequence[int], reason: str, until: float | None, now: float) -> int:
    """Let live transfers wait, until a time if one is given; return how many. Whoever runs one stopped it before."""
    held = 0
    for start in range(0, len(ids), ROWS_AT_ONCE):
        part = list(ids[start : start + ROWS_AT_ONCE])
        chosen = select(transfers).where(transfers.c.id.in_(part), transfers.c.state.in_(_HOLDABLE))
        for row in (await connection.execute(chosen.order_by(transfers.c.id))).all():
            if until is None or row.not_before != until or row.state != TransferState.WAITING.value:
                await move(connection, row, TransferState.WAITING, reason, "", now, {"not_before": until})
            held += 1
    return held


async def paused(connection: AsyncConnection, ids: Sequence[int]) -> list[int]:
    """Return those of ``ids`` that were paused one by one."""
    found: list[int] = []
    for start in range(0, len(ids), ROWS_AT_ONCE):
        part = list(ids[start : start + ROWS_AT_ONCE])
        waiting = transfers.c.state == TransferState.WAITING.value
        chosen = select(transfers.c.id).where(transfers.c.id.in_(part), waiting, transfers.c.not_before >= NEVER)
        found += [row.id for row in await connection.execute(chosen)]
    return found
