"""Taking an edge: the row, the history line and the rules that allow it, always in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import ErrorClass
from engine.model import TransferState
from engine.queue.errors import IllegalEdge, LeaseLost, UnknownTransfer
from engine.queue.states import FINAL_STATES, RUNNING_STATES, may
from engine.store.schema import edges, transfers


async def row_of(connection: AsyncConnection, transfer_id: int) -> Any:
    """Return a transfer's row. Raises UnknownTransfer."""
    row = (await connection.execute(select(transfers).where(transfers.c.id == transfer_id))).one_or_none()
    if row is None:
        raise UnknownTransfer(
            "change transfer", str(transfer_id), "there is no such transfer", "look at the queue again", ErrorClass.BUG
        )
    return row


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
    source = TransferState(row.state)
    if not may(source, state):
        raise IllegalEdge(
            "change transfer",
            f"{row.id} ({row.key} to {row.target})",
            f"it is {source.value} and cannot become {state.value}",
            "report this with the log: it is a fault of syncdeck",
            ErrorClass.BUG,
        )
    changes = {"state": state.value, "reason": reason, "updated_at": at, **_standing(row, state, at), **columns}
    await connection.execute(update(transfers).where(transfers.c.id == row.id).values(**changes))
    await connection.execute(insert(edges).values(_edge(row, state, reason, evidence, at, changes.get("run_id"))))


async def move_all(
    connection: AsyncConnection, rows: Sequence[Any], state: TransferState, reason: str, at: float
) -> int:
    """Take one edge for every row that may take it; return how many did."""
    moved = 0
    for row in rows:
        if may(TransferState(row.state), state):
            await move(connection, row, state, reason, "", at, {})
            moved += 1
    return moved


def _standing(row: Any, state: TransferState, at: float) -> dict[str, Any]:
    """Return what a state implies for a transfer's other columns."""
    if state in FINAL_STATES:
        return {"finished_at": at, "run_id": None, "lease_until": None, "not_before": None}
    if state in RUNNING_STATES:
        return {"started_at": row.started_at or at, "not_before": None, "finished_at": None}
    if state is TransferState.QUEUED:
        return {"run_id": None, "lease_until": None, "finished_at": None, "not_before": None}
    return {"run_id": None, "lease_until": None}


def _edge(
    row: Any, state: TransferState, reason: str, evidence: str, at: float, run_id: str | None
) -> dict[str, Any]:
    return {
        "transfer_id": row.id,
        "at": at,
        "from_state": row.state,
        "to_state": state.value,
        "reason": reason,
        "evidence": evidence,
        "run_id": run_id or row.run_id,
    }
