"""Taking an edge: the row, the history line and the rules that allow it, always in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.codes import TransferCode
from engine.errors import ErrorClass
from engine.model import TransferState
from engine.queue.errors import IllegalEdge, LeaseLost, UnknownTransfer
from engine.queue.states import FINAL_STATES, RUNNING_STATES, may
from engine.store.many import ManyRows
from engine.store.schema import edges, transfers
from engine.turns import in_turns

MOVED_AT_ONCE = 50
"""Rows bound per statement: binding more would hold the event loop for milliseconds."""
LOOKED_UP_AT_ONCE = 250
"""Ids per statement where only some columns are wanted, by a statement that is made once."""
_NEEDED = ("id", "key", "target", "state", "run_id", "started_at")
_STANDING = select(*(transfers.c[name] for name in _NEEDED)).where(
    transfers.c.id.in_(bindparam("wanted", expanding=True))
)
_LINES = ManyRows(insert(edges), ("transfer_id", "at", "from_state", "to_state", "reason", "evidence", "run_id"))


@dataclass(frozen=True, slots=True)
class RowMove:
    """One edge to be taken together with others: the row as it is, and what it becomes."""

    row: Any
    state: TransferState
    reason: str
    evidence: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)


async def row_of(connection: AsyncConnection, transfer_id: int) -> Any:
    """Return a transfer's row. Raises UnknownTransfer."""
    row = (await connection.execute(select(transfers).where(transfers.c.id == transfer_id))).one_or_none()
    if row is None:
        raise UnknownTransfer(
            "change transfer", str(transfer_id), "there is no such transfer", "look at the queue again", ErrorClass.BUG
        )
    return row


async def rows_of(connection: AsyncConnection, ids: Sequence[int]) -> list[Any]:
    """Return the rows of transfers in the order of ``ids``; ids that are unknown are left out."""
    found: dict[int, Any] = {}
    for start in range(0, len(ids), MOVED_AT_ONCE):
        part = ids[start : start + MOVED_AT_ONCE]
        for row in await connection.execute(select(transfers).where(transfers.c.id.in_(part))):
            found[row.id] = row
    return [found[number] for number in ids if number in found]


async def standing_of(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, Any]:
    """Return by id what taking an edge needs of a transfer's row; ids that are unknown are left out."""
    found: dict[int, Any] = {}
    for start in range(0, len(ids), LOOKED_UP_AT_ONCE):
        part = {"wanted": ids[start : start + LOOKED_UP_AT_ONCE]}
        found.update({row.id: row for row in await connection.execute(_STANDING, part)})
    return found


def check_lease(row: Any, run_id: str | None) -> None:
    """Raise LeaseLost when a run changes a transfer that is another run's."""
    if run_id is not None and row.run_id is not None and row.run_id != run_id:
        raise LeaseLost(
            "change transfer",
            f"{row.id} ({row.key} to {row.target})",
            f"run {row.run_id} owns it, not {run_id}",
            "stop this engine: another one took the state folder over",
            ErrorClass.BUG,
        )


async def move(
    connection: AsyncConnection,
    row: Any,
    state: TransferState,
    reason: str,
    evidence: str,
    at: float,
    columns: dict[str, Any],
) -> None:
    """Take one edge from the state in ``row``. Raises IllegalEdge."""
    await move_many(connection, [RowMove(row, state, reason, evidence, columns)], at)


async def move_many(connection: AsyncConnection, moves: Sequence[RowMove], at: float) -> None:
    """Take one edge for each of many rows, a few statements for all. Raises IllegalEdge before any is taken."""
    async for one in in_turns(moves):
        _ensure_legal(one.row, one.state)
    lines = []
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    async for one in in_turns(moves):
        # A code belongs to the reason that it came with: the next edge brings its own, or none.
        state = {"state": one.state.value, "reason": one.reason, "code": None, "updated_at": at}
        changes = {**state, **_standing(one.row, one.state, at), **one.columns}
        alike.setdefault(tuple(changes), []).append({"of_id": one.row.id, **_prefixed(changes)})
        lines.append(_edge(one.row, one.state, one.reason, one.evidence, at, changes.get("run_id")))
    for names, rows in alike.items():
        await _change(names).execute(connection, rows)
    await _LINES.execute(connection, lines)


@cache
def _change(names: tuple[str, ...]) -> ManyRows:
    values: dict[str, Any] = {name: bindparam(f"to_{name}") for name in names}
    return ManyRows(update(transfers).where(transfers.c.id == bindparam("of_id")).values(values))


def _prefixed(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {f"to_{name}": value for name, value in changes.items()}


def _ensure_legal(row: Any, state: TransferState) -> None:
    source = TransferState(row.state)
    if not may(source, state):
        raise IllegalEdge(
            "change transfer",
            f"{row.id} ({row.key} to {row.target})",
            f"it is {source.value} and cannot become {state.value}",
            "report this with the log: it is a fault of syncdeck",
            ErrorClass.BUG,
        )


async def move_all(
    connection: AsyncConnection,
    rows: Sequence[Any],
    state: TransferState,
    reason: str,
    at: float,
    code: TransferCode | None = None,
) -> int:
    """Take one edge for every row that may take it; return how many did."""
    columns = {"code": None if code is None else code.value}
    moves = [RowMove(row, state, reason, "", columns) for row in rows if may(TransferState(row.state), state)]
    await move_many(connection, moves, at)
    return len(moves)


def _standing(row: Any, state: TransferState, at: float) -> dict[str, Any]:
    """Return what a state implies for a transfer's other columns."""
    if state in FINAL_STATES:
        return {"finished_at": at, "run_id": None, "lease_until": None, "not_before": None}
    if state in RUNNING_STATES:
        return {"started_at": row.started_at or at, "not_before": None, "finished_at": None}
    if state is TransferState.QUEUED:
        return {"run_id": None, "lease_until": None, "finished_at": None, "not_before": None}
    return {"run_id": None, "lease_until": None}


def _edge(row: Any, state: TransferState, reason: str, evidence: str, at: float, run_id: str | None) -> dict[str, Any]:
    return {
        "transfer_id": row.id,
        "at": at,
        "from_state": row.state,
        "to_state": state.value,
        "reason": reason,
        "evidence": evidence,
        "run_id": run_id or row.run_id,
    }
