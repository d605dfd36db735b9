"""What the queue knows of a rescue's open files. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from engine.codes import TransferCode
from engine.model import LIVE_STATES, TransferState
from engine.queue.refused import IS_REFUSED
from engine.rescue.records import Fate
from engine.store.schema import entries, rescue_files, transfers
from engine.store.store import Store

_LIVE = [state.value for state in LIVE_STATES]


@dataclass(frozen=True, slots=True)
class OpenTransfer:
    """One transfer of a file that is not saved yet, live or ended since the rescue began."""

    id: int
    entry_id: int
    key: str
    state: TransferState
    reason: str
    code: TransferCode | None
    source_node: str
    target_node: str
    bytes_done: int

    def moves(self, closed: Collection[str]) -> bool:
        """Return whether it is under way, or will be without anybody's help. ``closed`` are the nodes that cannot be
        used now."""
        if self.state is TransferState.BLOCKED or self.code is TransferCode.PAUSED:
            return False
        return self.code is not TransferCode.NODE_CLOSED or not {self.source_node, self.target_node} & set(closed)


class RescueTransfers:
    """Reads transfers of a rescue. Raises StoreError."""

    def __init__(self, store: Store, endangered: Callable[[], Collection[str]]) -> None:
        """``endangered`` returns the nodes where nothing is safe: those that may vanish, and those that fail."""
        self._store = store
        self.endangered = endangered

    async def live(self, rescue_id: int, nodes: Collection[str]) -> list[OpenTransfer]:
        """Return the live transfers that bring open files of a rescue away from ``nodes``."""
        statement = _of_open(rescue_id, nodes).where(transfers.c.state.in_(_LIVE), ~IS_REFUSED)
        return await self._read(statement)

    async def cancelled(self, rescue_id: int, nodes: Collection[str], since: float) -> list[OpenTransfer]:
        """Return those that a person cancelled since then, the newest of each file."""
        ended = (transfers.c.state == TransferState.CANCELLED.value, transfers.c.finished_at >= since)
        by_person = transfers.c.code == TransferCode.CANCELLED_BY_OPERATOR.value
        return await self._read(_of_open(rescue_id, nodes).where(*ended, by_person))

    async def copied_since(self, rescue_id: int, nodes: Collection[str], since: float) -> set[int]:
        """Return the row ids of open entries of which a copy that was begun after that has arrived at a safe place."""
        statement = _of_open(rescue_id, {*nodes, *self.endangered()}).where(
            transfers.c.state == TransferState.DONE.value, transfers.c.started_at > since
        )
        return {found.entry_id for found in await self._read(statement)}

    async def coming(self, nodes: Collection[str]) -> int:
        """Return how many transfers from ``nodes`` are under way or queued."""
        statement = select(func.count()).select_from(transfers)
        statement = statement.where(
            transfers.c.state.in_(_LIVE), ~IS_REFUSED, transfers.c.source_node.in_(sorted(nodes))
        )
        return await self._store.query(lambda c: int(c.execute(statement).scalar_one()))

    async def of_node(self, node: str) -> tuple[list[int], list[int]]:
        """Return the ids of the live transfers to a node, and of those from it that do not run."""
        running = [state.value for state in LIVE_STATES - {TransferState.QUEUED, TransferState.WAITING}]
        live = transfers.c.state.in_(_LIVE)
        coming = select(transfers.c.id).where(live, transfers.c.target_node == node)
        waiting = select(transfers.c.id).where(
            live, transfers.c.source_node == node, transfers.c.state.not_in(running), ~transfers.c.emergency
        )

        def look(connection: Connection) -> tuple[list[int], list[int]]:
            return list(connection.execute(coming).scalars()), list(connection.execute(waiting).scalars())

        return await self._store.query(look)

    async def _read(self, statement: Select[Any]) -> list[OpenTransfer]:
        def look(connection: Connection) -> list[OpenTransfer]:
            return [_open_transfer(row) for row in connection.execute(statement)]

        return await self._store.query(look)


def _open_transfer(row: Any) -> OpenTransfer:
    return OpenTransfer(
        id=row.id,
        entry_id=row.entry_id,
        key=row.key,
        state=TransferState(row.state),
        reason=row.reason,
        code=None if row.code is None else TransferCode(row.code),
        source_node=row.source_node,
        target_node=row.target_node,
        bytes_done=row.bytes_done,
    )


def _of_open(rescue_id: int, nodes: Collection[str]) -> Select[Any]:
    return (
        select(
            transfers.c.id,
            rescue_files.c.entry_id,
            transfers.c.key,
            transfers.c.state,
            transfers.c.reason,
            transfers.c.code,
            transfers.c.source_node,
            transfers.c.target_node,
            transfers.c.bytes_done,
        )
        .select_from(transfers)
        .join(entries, entries.c.key == transfers.c.key)
        .join(rescue_files, rescue_files.c.entry_id == entries.c.id)
        .where(
            rescue_files.c.rescue_id == rescue_id,
            rescue_files.c.fate == Fate.OPEN.value,
            transfers.c.target_node.not_in(sorted(nodes)),
        )
        .order_by(transfers.c.id)
    )
