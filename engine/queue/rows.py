"""Transfers and edges as rows and back."""

from __future__ import annotations

from typing import Any

from engine.codes import TransferCode
from engine.errors import ErrorClass
from engine.locations import node_of
from engine.model import DataType, EntryKey, SyncPriority, Transfer, TransferState, Transport
from engine.queue.values import Edge, NewTransfer, TransferFields

NEVER = 9e15
"""The due time of a transfer without a deadline: later than any."""


def new_row(new: NewTransfer, bytes_total: int, now: float) -> dict[str, Any]:
    """Return the row of a transfer that was just asked for."""
    return {
        "key": str(new.key),
        "data_type": new.key.data_type.value,
        "path": new.key.path,
        "origin": new.key.origin,
        "target": new.target,
        "target_node": node_of(new.target),
        "state": TransferState.QUEUED.value,
        "reason": new.reason,
        "bytes_done": 0,
        "bytes_on_wire": 0,
        "attempts": 0,
        "created_at": now,
        "updated_at": now,
        "emergency": new.emergency,
        "may_fill": new.may_fill,
        "priority": int(new.priority),
        **deadline_columns(new.deadline),
        **route_columns(new, bytes_total),
    }


def route_columns(new: NewTransfer, bytes_total: int) -> dict[str, Any]:
    """Return the columns that a newer plan for the same content and target may replace."""
    return {
        "source": new.source,
        "source_node": node_of(new.source),
        "bytes_total": bytes_total,
        "sha256": new.sha256,
        "rule": new.rule,
        "line": new.line,
        "transport_preference": ",".join(transport.value for transport in new.transport_preference),
    }


def deadline_columns(deadline: float | None) -> dict[str, Any]:
    """Return a deadline with the column that sorts by it."""
    return {"deadline": deadline, "due": NEVER if deadline is None else deadline}


def field_columns(fields: TransferFields) -> dict[str, Any]:
    """Return fields that go with an edge as columns."""
    row: dict[str, Any] = dict(fields)
    for name in ("transport", "error_class", "code"):
        if row.get(name) is not None:
            row[name] = row[name].value
    if "source" in row:
        row["source_node"] = node_of(row["source"])
    return row


def transfer(row: Any) -> Transfer:
    """Return a row of the transfers table as a transfer."""
    return Transfer(
        id=row.id,
        key=EntryKey(DataType(row.data_type), row.path, row.origin),
        source=row.source,
        target=row.target,
        state=TransferState(row.state),
        reason=row.reason,
        priority=SyncPriority(row.priority),
        bytes_total=row.bytes_total,
        bytes_done=row.bytes_done,
        bytes_on_wire=row.bytes_on_wire,
        attempts=row.attempts,
        transport=None if row.transport is None else Transport(row.transport),
        transport_preference=tuple(Transport(name) for name in row.transport_preference.split(",") if name),
        error_class=None if row.error_class is None else ErrorClass(row.error_class),
        hint=row.hint,
        deadline=row.deadline,
        not_before=row.not_before,
        rule=row.rule,
        line=row.line,
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        bytes_per_second=row.bytes_per_second,
        sha256=row.sha256,
        run_id=row.run_id,
        temp_path=row.temp_path,
        final_path=row.final_path,
        emergency=row.emergency,
        may_fill=row.may_fill,
        code=None if row.code is None else TransferCode(row.code),
    )


def edge(row: Any) -> Edge:
    """Return a row of the edges table as an edge."""
    source = None if row.from_state is None else TransferState(row.from_state)
    return Edge(row.at, source, TransferState(row.to_state), row.reason, row.evidence, row.run_id)
