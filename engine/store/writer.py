"""The one writer: a task that owns the one writing connection and commits what waits in groups.

A caller's cancellation never reaches the driver: units run in the writer's own task, and a caller that goes
away leaves its unit to finish (or, when it has not begun, to be skipped). Transactions that are cancelled
midway on this pair of libraries wedge for ever; see docs/decisions/0003-store.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction

from engine.errors import ErrorClass
from engine.store.errors import StoreClosed, explain

T = TypeVar("T")
Unit = Callable[[AsyncConnection], Awaitable[T]]

GROUP_SECONDS = 0.02
"""How long a transaction goes on taking what waits: one flush to disk then serves them all."""


@dataclass(slots=True)
class _Job:
    unit: Unit[Any]
    future: asyncio.Future[Any]
    value: Any = None

    def fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def succeed(self) -> None:
        if not self.future.done():
            self.future.set_result(self.value)


class Writer:
    """Runs units of writing one after the other; each sees its own exception only."""

    def __init__(self, engine: AsyncEngine, path: Path) -> None:
        self._engine = engine
        self._path = path
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._connection: AsyncConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        """Begin to serve."""
        self._task = asyncio.get_running_loop().create_task(self._serve(), name="store writer")

    async def write(self, unit: Unit[T]) -> T:
        """Run a unit in a transaction and return its value once that is committed, durably.

        Raises what the unit raised (its changes are then undone, those of others are not), StoreError when
        the database failed, StoreClosed after ``close``.
        """
        if self._closing or self._task is None or self._task.done():
            raise StoreClosed(
                "write to the state database", str(self._path), "it is closed", "start the engine", ErrorClass.BUG
            )
        job = _Job(unit, asyncio.get_running_loop().create_future())
        self._jobs.put_nowait(job)
        value: T = await job.future
        return value

    async def close(self) -> None:
        """Finish what was asked for, then give the connection back."""
        if self._task is None:
            return
        if not self._closing:
            self._closing = True
            self._jobs.put_nowait(None)
        await asyncio.wait([self._task])
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _serve(self) -> None:
        while (job := await self._jobs.get()) is not None:
            group: list[_Job] = []
            try:
                ended = await self._commit_group(job, group)
            except (DBAPIError, SQLAlchemyError, OSError) as error:
                await self._drop_connection()
                for member in group:
                    member.fail(explain("write to the state database", self._path, error))
                ended = False
            else:
                for member in group:
                    member.succeed()
            if ended:
                return

    async def _commit_group(self, first: _Job, group: list[_Job]) -> bool:
        """Run jobs in one transaction; return whether the end of the queue was met. Fills ``group``."""
        clock = asyncio.get_running_loop().time
        until = clock() + GROUP_SECONDS
        job: _Job | None = first
        group.append(first)
        if self._connection is None:
            self._connection = await self._engine.connect()
        async with self._connection.begin():
            while job is not None:
                await self._apply(self._connection, job)
                if clock() >= until or self._jobs.empty():
                    return False
                job = self._jobs.get_nowait()
                if job is not None:
                    group.append(job)
        return True

    async def _apply(self, connection: AsyncConnection, job: _Job) -> None:
        if job.future.cancelled():
            return
        savepoint = await connection.begin_nested()
        try:
            job.value = await job.unit(connection)
        except DBAPIError as error:
            job.fail(explain("write to the state database", self._path, error))
            await self._undo(savepoint, error)
        except Exception as error:  # noqa: BLE001 - whatever it was belongs to the caller, who gets it
            job.fail(error)
            await self._undo(savepoint, error)
        else:
            await savepoint.commit()

    async def _undo(self, savepoint: AsyncTransaction, cause: Exception) -> None:
        """Undo one unit. Some errors (a full disk) end SQLite's whole transaction: then that error is everyone's."""
        try:
            await savepoint.rollback()
        except DBAPIError as error:
            raise (cause if isinstance(cause, DBAPIError) else error) from error

    async def _drop_connection(self) -> None:
        """Throw away a connection whose transaction failed as a whole: its state cannot be known."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.invalidate()
            await connection.close()
