"""Doing together what many tasks ask for one by one: whatever waits while a request is under way goes with the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from engine.errors import SyncdeckError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Coalescer(Generic[Item, Result]):
    """One request at a time, for at most ``most`` items. Owned by the event loop."""

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | SyncdeckError]]], most: int
    ) -> None:
        """``work`` returns for each item, in order, its result or its own error; what it raises is everyone's."""
        self._work = work
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """Return the item's result; raises its own error, or that of the request which it went with."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run(), name="coalesced requests")
        return await future

    async def stop(self) -> None:
        """End the request that is under way; whoever waits is cancelled."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        try:
            while self._waiting:
                part, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                # Who was cancelled meanwhile wants nothing any more.
                asked = [(item, future) for item, future in part if not future.done()]
                if asked:
                    await self._serve(asked)
        finally:
            self._running = None
            for _, future in self._waiting:
                future.cancel()
            self._waiting.clear()

    async def _serve(self, asked: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._work([item for item, _ in asked])
        except BaseException as error:
            for _, future in asked:
                if not future.done():
                    future.cancel() if isinstance(error, asyncio.CancelledError) else future.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(asked, results, strict=True):
            if future.done():
                continue
            if isinstance(result, SyncdeckError):
                future.set_exception(result)
            else:
                future.set_result(result)
