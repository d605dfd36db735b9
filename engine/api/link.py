"""One connection to a control socket: numbers requests and hands each answer to whoever waits for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from engine.api.codec import JsonValue
from engine.api.wire import MAX_ANSWER_BYTES, BadRequest, error_from_json, pack, unpack


class LinkLost(Exception):
    """The connection ended before the answer came."""


class Link:
    """An open connection; dead for ever once ``alive`` is false."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[tuple[Any, int]]] = {}
        self._next_id = 1
        self._lost: str | None = None
        self._task = asyncio.create_task(self._read_answers())

    @classmethod
    async def open(cls, path: Path) -> Link:
        """Connect; raises OSError."""
        reader, writer = await asyncio.open_unix_connection(str(path), limit=MAX_ANSWER_BYTES)
        return cls(reader, writer)

    @property
    def alive(self) -> bool:
        """Whether requests can still be sent."""
        return self._lost is None

    async def call(self, method: str, params: JsonValue) -> tuple[Any, int]:
        """Return the undecoded result and the answer's size in bytes; raises LinkLost or the engine's error."""
        if self._lost is not None:
            raise LinkLost(self._lost)
        request_id, self._next_id = self._next_id, self._next_id + 1
        answer: asyncio.Future[tuple[Any, int]] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        try:
            self._writer.write(pack({"id": request_id, "method": method, "params": params}))
            await self._writer.drain()
            return await answer
        except ConnectionError as error:
            raise LinkLost(str(error)) from error
        finally:
            self._waiting.pop(request_id, None)

    async def close(self) -> None:
        """Disconnect; whoever still waits gets LinkLost."""
        self._task.cancel()
        await asyncio.wait([self._task])
        self._end("the connection was closed")
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError as error:
            self._lost = str(error)

    async def _read_answers(self) -> None:
        try:
            while True:
                self._deliver(await self._reader.readuntil(b"\n"))
        except asyncio.IncompleteReadError:
            self._end("the engine closed the connection")
        except (ConnectionError, asyncio.LimitOverrunError, BadRequest) as error:
            self._end(str(error))

    def _deliver(self, line: bytes) -> None:
        message = unpack(line)
        if not isinstance(message, dict):
            raise BadRequest("the engine's answer is not a JSON object")
        answer = self._waiting.get(message.get("id", 0))
        if "error" in message and message.get("id") is None:
            raise BadRequest(error_from_json(message["error"]).cause)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(error_from_json(message["error"]))
        else:
            answer.set_result((message.get("result"), len(line)))

    def _end(self, reason: str) -> None:
        self._lost = self._lost or reason
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(LinkLost(reason))
