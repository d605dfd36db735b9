"""Out of the queue: which transfers a run takes next, under a lease; and taking over what another run left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.model import Transfer, TransferState
from engine.queue.moves import move, row_of
from engine.queue.rows import transfer
from engine.queue.states import CLAIMABLE_STATES, RUNNING_STATES
from engine.queue.values import Recovered
from engine.store.schema import transfers

_CLAIMABLE = [state.value for state in CLAIMABLE_STATES]
_RUNNING = [state.value for state in RUNNING_STATES]


async def claim(
    connection: AsyncConnection,
    run_id: str,
    lease_until: float,
    limit: int,
    exclude: Collection[str],
    per_node: int | None,
    now: float,
) -> list[Transfer]:
    """Lease up to ``limit`` transfers, most urgent first, that touch no excluded node and no node at its limit."""
    load = await _load(connection) if per_node is not None else Counter[str]()
    closed = set(exclude) | {node for node, count in load.items() if per_node is not None and count >= per_node}
    claimed: list[Transfer] = []
    while len(claimed) < limit:
        # Again after each full node: everything of it is skipped by the database, not row by row.
        row = await _next(connection, closed, now)
        if row is None:
            break
        columns = {"run_id": run_id, "lease_until": lease_until}
        await move(connection, row, TransferState.CLAIMED, "claimed", "", now, columns)
        claimed.append(transfer(await row_of(connection, row.id)))
        nodes = {row.source_node, row.target_node}
        load.update(nodes)
        if per_node is not None:
            closed |= {node for node in nodes if load[node] >= per_node}
    return claimed


async def void_leases(connection: AsyncConnection, run_id: str, lease_until: float, now: float) -> Recovered:
    """Take over what other runs left running: intents to publish stay, everything else is queued again."""
    others = or_(transfers.c.run_id.is_(None), transfers.c.run_id != run_id)
    statement = select(transfers).where(transfers.c.state.in_(_RUNNING), others).order_by(transfers.c.id)
    requeued, intents = 0, []
    for row in (await connection.execute(statement)).all():
        if _is_intent(row):
            lease = {"run_id": run_id, "lease_until": lease_until, "updated_at": now}
            await connection.execute(update(transfers).where(transfers.c.id == row.id).values(**lease))
            intents.append(transfer(await row_of(connection, row.id)))
        else:
            reason = "the engine stopped while it ran"
            await move(connection, row, TransferState.QUEUED, reason, f"lease of run {row.run_id} voided", now, {})
            requeued += 1
    return Recovered(requeued, tuple(intents))


def _is_intent(row: Any) -> bool:
    return row.state == TransferState.PUBLISHING.value and None not in (row.temp_path, row.final_path, row.sha256)


async def _load(connection: AsyncConnection) -> Counter[str]:
    """Return how many running transfers each node has a part in."""
    columns = (transfers.c.source_node, transfers.c.target_node, func.count().label("running"))
    statement = select(*columns).where(transfers.c.state.in_(_RUNNING))
    load: Counter[str] = Counter()
    for row in await connection.execute(statement.group_by(transfers.c.source_node, transfers.c.target_node)):
        for node in {row.source_node, row.target_node}:
            load[node] += row.running
    return load


async def _next(connection: AsyncConnection, closed: Collection[str], now: float) -> Any | None:
    ready = or_(transfers.c.not_before.is_(None), transfers.c.not_before <= now)
    statement = (
        select(transfers)
        .where(transfers.c.state.in_(_CLAIMABLE), ready)
        .where(transfers.c.source_node.not_in(closed), transfers.c.target_node.not_in(closed))
        .order_by(transfers.c.priority.desc(), transfers.c.due, transfers.c.id)
        .limit(1)
    )
    return (await connection.execute(statement)).one_or_none()
