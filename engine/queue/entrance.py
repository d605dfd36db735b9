"""Into the queue: new transfers, and newer wishes for those that are in it already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.codes import TransferCode
from engine.model import LIVE_STATES, TransferState
from engine.queue.moves import MOVED_AT_ONCE
from engine.queue.rows import NEVER, new_row, route_columns
from engine.queue.states import CLAIMABLE_STATES
from engine.queue.values import NewTransfer
from engine.store.schema import edges, entries, transfers

ENQUEUED_AT_ONCE = 200
"""Rows per transaction: many enough to share a flush, few enough to hold nobody up."""

_LIVE = [state.value for state in LIVE_STATES]


async def enqueue(connection: AsyncConnection, wanted: Sequence[NewTransfer], now: float) -> list[int]:
    """Put transfers in; one that is live already gains by the newer wish. Return the ids in the order given."""
    ids = await _live(connection, wanted)
    sizes = await _sizes(connection, wanted)
    fresh: dict[tuple[str, str], dict[str, Any]] = {}
    for new in wanted:
        place = _place(new)
        if place in ids:
            await _raise(connection, ids[place], new, sizes, now)
        elif place not in fresh:
            fresh[place] = new_row(new, _size(new, sizes), now)
    if fresh:
        await _insert(connection, fresh, ids, now)
    return [ids[_place(new)].id for new in wanted]


def _place(new: NewTransfer) -> tuple[str, str]:
    return (str(new.key), new.target)


def _size(new: NewTransfer, sizes: dict[str, int]) -> int:
    return new.bytes_total or sizes.get(str(new.key), 0)


async def _live(connection: AsyncConnection, wanted: Sequence[NewTransfer]) -> dict[tuple[str, str], Any]:
    keys = {str(new.key) for new in wanted}
    statement = select(transfers).where(transfers.c.key.in_(keys), transfers.c.state.in_(_LIVE))
    return {(row.key, row.target): row for row in await connection.execute(statement)}


async def _sizes(connection: AsyncConnection, wanted: Sequence[NewTransfer]) -> dict[str, int]:
    keys = {str(new.key) for new in wanted if not new.bytes_total}
    statement = select(entries.c.key, entries.c.size_bytes).where(entries.c.key.in_(keys))
    return {row.key: row.size_bytes for row in await connection.execute(statement)}


async def _insert(
    connection: AsyncConnection,
    fresh: dict[tuple[str, str], dict[str, Any]],
    ids: dict[tuple[str, str], Any],
    now: float,
) -> None:
    rows = list(fresh.values())
    returned = insert(transfers).returning(transfers.c.id, transfers.c.key, transfers.c.target)
    first = {"from_state": None, "to_state": TransferState.QUEUED.value, "evidence": "", "run_id": None}
    for start in range(0, len(rows), MOVED_AT_ONCE):
        lines = []
        for row in await connection.execute(returned, rows[start : start + MOVED_AT_ONCE]):
            ids[(row.key, row.target)] = row
            lines.append({"transfer_id": row.id, "at": now, "reason": fresh[(row.key, row.target)]["reason"]})
        await connection.execute(insert(edges), [{**first, **line} for line in lines])


async def _raise(connection: AsyncConnection, row: Any, new: NewTransfer, sizes: dict[str, int], now: float) -> None:
    """Let a live transfer gain: the higher priority, the earlier deadline, while it waits also the newer route."""
    if not hasattr(row, "state"):
        return  # Put in by this very call: the same wish twice.
    due = min(row.due, NEVER if new.deadline is None else new.deadline)
    changes: dict[str, Any] = {
        "priority": max(row.priority, int(new.priority)),
        "due": due,
        "deadline": None if due == NEVER else due,
        "emergency": row.emergency or new.emergency,
        "may_fill": row.may_fill or new.may_fill,
    }
    if TransferState(row.state) in CLAIMABLE_STATES:
        changes |= route_columns(new, _size(new, sizes) or row.bytes_total)
        if new.emergency and not row.emergency and row.code != TransferCode.PAUSED:  # A person's pause stands.
            changes["not_before"] = None
    if any(getattr(row, name) != value for name, value in changes.items()):
        statement = update(transfers).where(transfers.c.id == bindparam("transfer"))
        await connection.execute(statement.values(updated_at=now, **changes), {"transfer": row.id})
