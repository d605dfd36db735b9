"""What planning refuses until a person acts stands in the queue as blocked, and leaves it when the reason is gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.model import TransferState
from engine.queue import entrance
from engine.queue.moves import move, move_all, row_of
from engine.queue.rows import field_columns
from engine.queue.states import CLAIMABLE_STATES
from engine.queue.values import RefusedTransfer
from engine.store.schema import transfers

PLANNER = "planner"
"""Stands as the run of a transfer that the planner blocked: it may block it no more, executors never did."""

# "is not distinct from" and not "=": its opposite must hold for the rows that no run owns.
IS_REFUSED = and_(transfers.c.state == TransferState.BLOCKED.value, transfers.c.run_id.is_not_distinct_from(PLANNER))


async def refuse(connection: AsyncConnection, refused: Sequence[RefusedTransfer], now: float) -> int:
    """Put in what is refused, blocked from the first moment; return how many there are now that were not before."""
    ids = await entrance.enqueue(connection, [one.wanted for one in refused], now)
    blocked = 0
    for number, one in zip(ids, refused, strict=True):
        row = await row_of(connection, number)
        if TransferState(row.state) in CLAIMABLE_STATES:
            columns = {**field_columns({"hint": one.remedy, "code": one.code}), "run_id": PLANNER}
            await move(connection, row, TransferState.BLOCKED, one.wanted.reason, "", now, columns)
            blocked += 1
    return blocked


async def lift(connection: AsyncConnection, gone: Collection[tuple[str, str]], now: float) -> int:
    """End what stands as refused for these (key, target): nothing is in its way any more; return how many."""
    keys = {key for key, _ in gone}
    rows = (await connection.execute(select(transfers).where(IS_REFUSED, transfers.c.key.in_(keys)))).all()
    chosen = [row for row in rows if (row.key, row.target) in gone]
    return await move_all(connection, chosen, TransferState.CANCELLED, "nothing stands in its way any more", now)


def changes(
    standing: Set[tuple[str, str]], refused_now: Set[tuple[str, str]], looked_at: Set[str]
) -> tuple[Set[tuple[str, str]], Set[tuple[str, str]]]:
    """Return what is newly refused, and what no longer is among the keys that were looked at. Pure."""
    gone = {place for place in standing if place[0] in looked_at and place not in refused_now}
    return refused_now - standing, gone
