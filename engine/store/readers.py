"""Reading the state database: short reads on the event loop, large ones in threads. Neither ever blocks a writer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import ErrorClass
from engine.store.connections import reading_engine, thread_engine
from engine.store.errors import StoreClosed, explain

T = TypeVar("T")
Unit = Callable[[AsyncConnection], Awaitable[T]]

LOOP_CONNECTIONS = 2
THREADS = 3


class Readers:
    """A small pool of read-only connections for the loop, and one for threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = reading_engine(path, LOOP_CONNECTIONS)
        self._thread_engine = thread_engine(path, THREADS)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="store-read")
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def read(self, unit: Unit[T]) -> T:
        """Run a short read on one consistent state and return its value. Raises StoreError.

        The read runs in a task of its own, so a caller's cancellation never reaches the driver.
        """
        self._check_open()
        task = asyncio.get_running_loop().create_task(self._in_transaction(unit))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def query(self, work: Callable[[Connection], T]) -> T:
        """Run a read in a thread and return its value: for many rows, which are shaped there too. Raises StoreError."""
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._in_thread, work)

    async def close(self) -> None:
        """Wait for running reads, then close every connection."""
        self._closed = True
        if self._running:
            await asyncio.wait(self._running)
        await self._engine.dispose()
        await asyncio.to_thread(self._threads.shutdown)
        self._thread_engine.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed(
                "read the state database", str(self._path), "it is closed", "start the engine", ErrorClass.BUG
            )

    async def _in_transaction(self, unit: Unit[T]) -> T:
        try:
            async with self._engine.connect() as connection:
                return await unit(connection)
        except DBAPIError as error:
            raise explain("read the state database", self._path, error) from error

    def _in_thread(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._thread_engine.connect() as connection:
                return work(connection)
        except DBAPIError as error:
            raise explain("read the state database", self._path, error) from error
