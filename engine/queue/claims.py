"""Out of the queue: which transfers a run takes next, under a lease; and taking over what another run left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.model import Transfer, TransferState
from engine.queue.fans import Fans
from engine.queue.moves import RowMove, move, move_many, row_of, rows_of
from engine.queue.rows import transfer
from engine.queue.states import CLAIMABLE_STATES, RUNNING_STATES
from engine.queue.values import Grouping, Narrow, Recovered
from engine.store.schema import transfers
from engine.turns import in_turns

_CLAIMABLE = [state.value for state in CLAIMABLE_STATES]
_RUNNING = [state.value for state in RUNNING_STATES]
RESTORE = "restore"
"""The rule of transfers that are read from an archive: each is unpacked by itself."""
_ALIKE = ("source", "target", "priority", "transport_preference", "emergency", "may_fill")
"""What transfers of one batch have in common."""


async def claim(
    connection: AsyncConnection,
    run_id: str,
    lease_until: float,
    limit: int,
    exclude: Collection[str],
    per_node: int | None,
    now: float,
    grouping: Grouping | None = None,
    load: Mapping[str, int] | None = None,
    narrow: Narrow | None = None,
) -> list[tuple[Transfer, ...]]:
    """Lease up to ``limit`` groups, most urgent first, that touch no excluded node and no node at its limit.

    Of one priority and deadline the older goes first; of an emergency's files the smaller.

    A group is one transfer, or with ``grouping`` those that can travel with it. ``load`` says how many groups each
    node has a part in already; without it every running transfer counts for one.
    """
    counted = Counter(load) if load is not None else Counter[str]()
    if per_node is not None and load is None:
        counted = await _load(connection)
    closed = set(exclude) | {node for node, count in counted.items() if per_node is not None and count >= per_node}
    batches = Counter(grouping.running if grouping is not None else {})
    full = {node for node, count in batches.items() if grouping is not None and count >= grouping.batches_per_node}
    groups: list[tuple[Transfer, ...]] = []
    narrow = narrow or Narrow()
    links = Counter(narrow.running)
    for node in sorted(set(narrow.probing) - closed):
        row = None if counted[node] or len(groups) >= limit else await _smallest(connection, node, closed, now)
        if row is not None:
            groups.append(await _lease(connection, [row], run_id, lease_until, now))
            counted.update({row.source_node, row.target_node})
            links[(row.source_node, row.target_node)] += 1
        closed.add(node)
    fans = Fans(narrow.fanned)
    while len(groups) < limit:
        # Again after each full node: everything of it is skipped by the database, not row by row.
        spent = [link for link, most in narrow.limits.items() if links[link] >= most]
        row = await _next(connection, closed, now, grouping, full, spent)
        if row is None:
            break
        rows = [row] if grouping is None else await _with_fellows(connection, row, now, grouping)
        groups.append(await _lease(connection, rows, run_id, lease_until, now))
        nodes = {row.source_node, row.target_node} if len(rows) > 1 else fans.count(groups[-1][0])
        counted.update(nodes)
        links[(row.source_node, row.target_node)] += 1
        if grouping is not None and len(rows) > 1:
            batches.update(nodes)
            full |= {node for node in nodes if batches[node] >= grouping.batches_per_node}
        if per_node is not None:
            closed |= {node for node in nodes if counted[node] >= per_node}
    return groups


async def _lease(
    connection: AsyncConnection, rows: Sequence[Any], run_id: str, lease_until: float, now: float
) -> tuple[Transfer, ...]:
    columns = {"run_id": run_id, "lease_until": lease_until}
    moves = [RowMove(row, TransferState.CLAIMED, "claimed", "", columns) for row in rows]
    await move_many(connection, moves, now)
    found = await rows_of(connection, [row.id for row in rows])
    return tuple([transfer(row) async for row in in_turns(found)])


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


async def _next(
    connection: AsyncConnection,
    closed: Collection[str],
    now: float,
    grouping: Grouping | None,
    full: Collection[str],
    spent: Sequence[tuple[str, str]],
) -> Any | None:
    statement = _claimable(now).where(transfers.c.source_node.not_in(closed), transfers.c.target_node.not_in(closed))
    if spent:
        statement = statement.where(tuple_(transfers.c.source_node, transfers.c.target_node).not_in(spent))
    if grouping is not None and full:
        # Where enough batches run, what belongs into one waits for the next: singles keep their place beside them.
        elsewhere = and_(transfers.c.source_node.not_in(full), transfers.c.target_node.not_in(full))
        statement = statement.where(or_(elsewhere, not_(_small(grouping))))
    row = (await connection.execute(statement.limit(1))).one_or_none()
    if row is None or not row.emergency:
        return row
    # The rules queued many of its files before it was asked for: their age says nothing of their place in it.
    rank = (transfers.c.emergency.is_(True), transfers.c.priority == row.priority, transfers.c.due == row.due)
    statement = statement.where(*rank).order_by(None).order_by(transfers.c.bytes_total, transfers.c.id)
    return (await connection.execute(statement.limit(1))).one()


async def _smallest(connection: AsyncConnection, node: str, closed: Collection[str], now: float) -> Any | None:
    """Return the smallest transfer that a node takes part in, the other end being open."""
    touches = or_(transfers.c.source_node == node, transfers.c.target_node == node)
    open_ends = and_(transfers.c.source_node.not_in(closed), transfers.c.target_node.not_in(closed))
    statement = _claimable(now).where(touches, open_ends).order_by(None)
    statement = statement.order_by(transfers.c.bytes_total, transfers.c.id).limit(1)
    return (await connection.execute(statement)).one_or_none()


async def _with_fellows(connection: AsyncConnection, row: Any, now: float, grouping: Grouping) -> list[Any]:
    """Return the row, first, and what can travel with it; only the row where it goes alone."""
    if row.id in grouping.alone:
        return [row]
    most_files, most_bytes = grouping.sizes.get((row.source, row.target), (grouping.most_files, grouping.most_bytes))
    alike = (getattr(transfers.c, name) == getattr(row, name) for name in _ALIKE)
    statement = _claimable(now).where(*alike, _small(grouping)).limit(most_files + len(grouping.alone))
    # Two columns first: thousands of whole rows in one answer would hold the event loop.
    narrow = await connection.execute(statement.with_only_columns(transfers.c.id, transfers.c.bytes_total))
    found = {other: size for other, size in narrow if other not in grouping.alone}
    if row.id not in found:
        return [row]
    chosen, total = [row.id], row.bytes_total
    for other, size in found.items():
        if other == row.id:
            continue
        total += size
        if len(chosen) >= most_files or total > most_bytes:
            break
        chosen.append(other)
    return await rows_of(connection, chosen)


def _claimable(now: float) -> Select[Any]:
    ready = or_(transfers.c.not_before.is_(None), transfers.c.not_before <= now)
    statement = select(transfers).where(transfers.c.state.in_(_CLAIMABLE), ready)
    return statement.order_by(transfers.c.priority.desc(), transfers.c.due, transfers.c.id)


def _small(grouping: Grouping) -> ColumnElement[bool]:
    live = and_(func.lower(transfers.c.path).like("%.db"), transfers.c.origin == transfers.c.source_node)
    sized = transfers.c.bytes_total.between(1, grouping.largest_bytes)
    of_files = and_(not_(live), transfers.c.rule != RESTORE)
    return and_(sized, of_files, transfers.c.transport_preference.not_in(grouping.unbatched))
