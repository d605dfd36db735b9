"""What is past its deadline goes before what is not: it rises in priority, once."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.model import SyncPriority
from engine.queue.states import CLAIMABLE_STATES
from engine.store.schema import transfers

OVERDUE_PRIORITY = SyncPriority.HIGH
"""Above everything ordinary, and still behind what a person or an emergency called critical."""

_WAITING = [state.value for state in CLAIMABLE_STATES]


async def raise_overdue(connection: AsyncConnection, now: float) -> int:
    """Raise every transfer that waits past its deadline; return how many rose."""
    low = transfers.c.priority < int(OVERDUE_PRIORITY)
    late = (transfers.c.state.in_(_WAITING), transfers.c.due <= now, low)
    if not (await connection.execute(select(func.count()).where(*late))).scalar_one():
        return 0
    raised = update(transfers).where(*late).values(priority=int(OVERDUE_PRIORITY), updated_at=now)
    return (await connection.execute(raised)).rowcount
