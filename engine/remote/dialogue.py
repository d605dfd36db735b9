"""A request that goes on as a conversation: what the node says, and what it is told meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from engine.errors import ErrorClass, SyncdeckError

FAREWELL_SECONDS = 3.0
"""How long a stopped request may take to say that it ended, with everything that it had started."""


class Dialogue:
    """One running request. Made by ``AgentSession.pages``, which ends it."""

    def __init__(
        self,
        answers: asyncio.Queue[dict[str, Any]],
        send: Callable[[dict[str, Any]], None],
        result: Callable[[dict[str, Any]], Any],
        node_id: str,
        patience_seconds: float,
    ) -> None:
        self._answers = answers
        self._send = send
        self._result = result
        self._node_id = node_id
        self._patience_seconds = patience_seconds
        self.finished = False

    def tell(self, word: str, what: object) -> None:
        """Give an order."""
        self._send({"tell": [word, what]})

    async def hear(self, word: str) -> Any:
        """Return the next item that holds ``word``; signs of life are passed over. Raises SyncdeckError."""
        while True:
            answer = await self._next()
            if "item" not in answer:
                self._result(answer)
                raise self._silent("it ended before it had said all")
            if word in answer["item"]:
                return answer["item"]

    async def result(self) -> Any:
        """Return the request's result once it ended. Raises SyncdeckError."""
        while "item" in (answer := await self._next()):
            continue
        return self._result(answer)

    async def follow(self, heard: Callable[[Any], None]) -> Any:
        """Return the request's result once it ended; every item is handed to ``heard``. Raises SyncdeckError."""
        while "item" in (answer := await self._next()):
            heard(answer["item"])
        return self._result(answer)

    async def stop(self) -> None:
        """Cancel the request and wait until the node says that it ended, if it soon does."""
        if self.finished:
            return
        self._send({"cancel": 1})
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                while not self.finished:
                    await self._next()
        except (TimeoutError, SyncdeckError):
            return  # The node is lost or slow: what it leaves behind is swept.

    async def _next(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._patience_seconds):
                answer = await self._answers.get()
        except TimeoutError:
            raise self._silent(f"it said nothing for {self._patience_seconds:.0f} s") from None
        if "item" in answer:
            self._send({"more": 1})
        else:
            self.finished = True
        return answer

    def _silent(self, cause: str) -> SyncdeckError:
        return SyncdeckError(
            "compare pages at", self._node_id, cause, "it is tried again by itself", ErrorClass.TRANSIENT_NETWORK
        )
