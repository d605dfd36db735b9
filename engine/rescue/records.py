"""Rescues as they are stored: what is to be saved, what was, and what could not be. They outlive the engine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.catalog.exposure import ExposedEntry
from engine.store.dialect import upsert
from engine.store.schema import rescue_files, rescues
from engine.store.store import Store

KEPT_RESCUES = 50
"""Rescues that are over and still remembered."""
WRITTEN_AT_ONCE = 200
SHOWN_UNSAVED = 100


class RescueKind(StrEnum):
    """Why a node is saved: it may be lost at any moment, or it is to be switched off."""

    EMERGENCY = "emergency"
    DRAIN = "drain"


class RescueState(StrEnum):
    """How a rescue stands. A stuck one goes on by itself as soon as it can."""

    RUNNING = "running"
    DONE = "done"
    STUCK = "stuck"


class Fate(StrEnum):
    """What became of one file of a rescue: GONE files vanished before they were saved."""

    OPEN = "open"
    SAVED = "saved"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Rescue:
    """One emergency or drain. ``asked`` are the nodes that were named, none for every endangered one; ``closed``: it
    is not looked after any more. ``unsaved``: (key, why), at most a hundred of ``unsaved_total``."""

    id: int
    kind: RescueKind
    nodes: tuple[str, ...]
    asked: tuple[str, ...]
    allow_fill: bool
    started_at: float
    state: RescueState = RescueState.RUNNING
    closed: bool = False
    finished_at: float | None = None
    files_total: int = 0
    files_done: int = 0
    bytes_total: int = 0
    bytes_done: int = 0
    unsaved: tuple[tuple[str, str], ...] = field(default=())
    unsaved_total: int = 0
    sentence: str = ""


class RescueRecords:
    """The tables of rescues. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, rescue: Rescue) -> int:
        """Store a new rescue and return its id; the ``id`` it has does not count."""
        row = {name: value for name, value in _row(rescue).items() if name != "id"}

        async def put(connection: AsyncConnection) -> int:
            statement = insert(rescues).values(**row).returning(rescues.c.id)
            return int((await connection.execute(statement)).scalar_one())

        return await self._store.write(put)

    async def save(self, rescue: Rescue) -> None:
        """Store a rescue as it is now."""
        row = _row(rescue)

        async def put(connection: AsyncConnection) -> None:
            await connection.execute(update(rescues).where(rescues.c.id == rescue.id).values(**row))

        await self._store.write(put)

    async def open(self) -> list[Rescue]:
        """Return the rescues that are looked after, oldest first."""
        statement = select(rescues).where(~rescues.c.closed).order_by(rescues.c.id)
        return await self._select(statement)

    async def newest(self, count: int) -> list[Rescue]:
        """Return the newest rescues first."""
        return await self._select(select(rescues).order_by(rescues.c.id.desc()).limit(count))

    async def _select(self, statement: Any) -> list[Rescue]:
        return await self._store.query(lambda c: [_rescue(row) for row in c.execute(statement)])

    async def files(self, rescue_id: int) -> dict[int, tuple[int, Fate]]:
        """Return the bytes and the fate of every entry of a rescue, by the entry's row id."""
        wanted = rescue_files.c
        statement = select(wanted.entry_id, wanted.size_bytes, wanted.fate).where(wanted.rescue_id == rescue_id)

        def look(connection: Connection) -> dict[int, tuple[int, Fate]]:
            return {row.entry_id: (row.size_bytes, Fate(row.fate)) for row in connection.execute(statement)}

        return await self._store.query(look)

    async def put_open(self, rescue_id: int, found: Sequence[ExposedEntry]) -> None:
        """Add entries to a rescue, or open them again, with these sizes."""
        rows = [
            {"rescue_id": rescue_id, "entry_id": e.entry_id, "size_bytes": e.bytes, "fate": Fate.OPEN.value}
            for e in found
        ]
        statement = upsert(rescue_files, None, ("rescue_id", "entry_id"), ("size_bytes", "fate"))
        for start in range(0, len(rows), WRITTEN_AT_ONCE):
            part = rows[start : start + WRITTEN_AT_ONCE]

            async def put(connection: AsyncConnection, part: list[dict[str, Any]] = part) -> None:
                await connection.execute(statement, part)

            await self._store.write(put)

    async def settle(self, rescue_id: int, fates: Mapping[int, Fate]) -> None:
        """Write down what became of entries."""
        for fate in Fate:
            ids = [entry_id for entry_id, found in fates.items() if found is fate]
            for start in range(0, len(ids), WRITTEN_AT_ONCE):
                part = ids[start : start + WRITTEN_AT_ONCE]
                mine = (rescue_files.c.rescue_id == rescue_id) & rescue_files.c.entry_id.in_(part)

                async def put(connection: AsyncConnection, mine: Any = mine, fate: Fate = fate) -> None:
                    await connection.execute(update(rescue_files).where(mine).values(fate=fate.value))

                await self._store.write(put)

    async def prune(self) -> None:
        """Forget the files of rescues that are over, and all but the newest of these."""
        over = select(rescues.c.id).where(rescues.c.closed)
        old = over.order_by(rescues.c.id.desc()).offset(KEPT_RESCUES).limit(-1)

        async def put(connection: AsyncConnection) -> None:
            await connection.execute(delete(rescue_files).where(rescue_files.c.rescue_id.in_(over)))
            await connection.execute(delete(rescues).where(rescues.c.id.in_(old)))

        await self._store.write(put)


def _row(rescue: Rescue) -> dict[str, Any]:
    return {
        "id": rescue.id,
        "kind": rescue.kind.value,
        "nodes": json.dumps(rescue.nodes),
        "asked": json.dumps(rescue.asked),
        "allow_fill": rescue.allow_fill,
        "state": rescue.state.value,
        "closed": rescue.closed,
        "started_at": rescue.started_at,
        "finished_at": rescue.finished_at,
        "files_total": rescue.files_total,
        "files_done": rescue.files_done,
        "bytes_total": rescue.bytes_total,
        "bytes_done": rescue.bytes_done,
        "unsaved": json.dumps(rescue.unsaved[:SHOWN_UNSAVED]),
        "unsaved_total": rescue.unsaved_total,
        "sentence": rescue.sentence,
    }


def _rescue(row: Any) -> Rescue:
    return Rescue(
        id=row.id,
        kind=RescueKind(row.kind),
        nodes=tuple(json.loads(row.nodes)),
        asked=tuple(json.loads(row.asked)),
        allow_fill=row.allow_fill,
        started_at=row.started_at,
        state=RescueState(row.state),
        closed=row.closed,
        finished_at=row.finished_at,
        files_total=row.files_total,
        files_done=row.files_done,
        bytes_total=row.bytes_total,
        bytes_done=row.bytes_done,
        unsaved=tuple((key, why) for key, why in json.loads(row.unsaved)),
        unsaved_total=row.unsaved_total,
        sentence=row.sentence,
    )
