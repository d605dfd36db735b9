"""The server's side of one client: reads requests, runs them side by side, writes answers.

It works on any stream pair, so that another listener (TCP, SSH) can serve the same protocol.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

from engine.api.codec import CodecError, JsonValue, decode, encode
from engine.api.methods import Method, methods
from engine.api.wire import (
    MAX_ANSWER_BYTES,
    PROTOCOL,
    BadRequest,
    Request,
    error_to_json,
    pack,
    parse_request,
)
from engine.client import EngineClient
from engine.errors import ErrorClass, SyncdeckError

log = logging.getLogger(__name__)

MAX_REQUESTS_AT_ONCE = 16
"""Per client; further requests stay unread, so a client that floods slows down itself only."""
MAX_WAIT_SECONDS = 300.0


class ClientConnection:
    """One client of the control server."""

    def __init__(self, client: EngineClient, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._client = client
        self._reader = reader
        self._writer = writer
        self._slots = asyncio.Semaphore(MAX_REQUESTS_AT_ONCE)
        self._write_lock = asyncio.Lock()
        self._reading: set[asyncio.Task[None]] = set()
        self._changing: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Serve until the client goes away; what it asked to change is finished, what it asked to read is dropped."""
        try:
            await self._read_requests()
        except ConnectionError:
            log.debug("a client of the control socket went away")
        finally:
            await self._end()

    async def _read_requests(self) -> None:
        while True:
            await self._slots.acquire()
            line = await self._next_line()
            if line is None:
                return
            try:
                request = parse_request(line)
            except BadRequest as error:
                self._slots.release()
                await self._send({"id": error.request_id, "error": error_to_json(error)})
                continue
            self._start(request)

    async def _next_line(self) -> bytes | None:
        """Return the next line, or None at the end of the stream or after a line that is too long to hold."""
        try:
            return await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError:
            error = BadRequest("the line is too long")
            await self._send({"id": None, "error": error_to_json(error)})
            return None

    def _start(self, request: Request) -> None:
        method = methods().get(request.method)
        group = self._changing if method is not None and method.changes else self._reading
        task = asyncio.create_task(self._answer(request, method))
        group.add(task)
        task.add_done_callback(group.discard)
        task.add_done_callback(lambda _: self._slots.release())

    async def _answer(self, request: Request, method: Method | None) -> None:
        try:
            line = await self._result_line(request, method)
        except SyncdeckError as error:
            line = pack({"id": request.id, "error": error_to_json(error)})
        try:
            await self._send_line(line)
        except ConnectionError:
            log.debug("a client left before its answer to %s", request.method)

    async def _result_line(self, request: Request, method: Method | None) -> bytes:
        result = await self._call(request, method)
        # In a thread: a long catalog window or plan takes longer to write out than the event loop may be held.
        line = await asyncio.to_thread(_pack_result, request.id, result)
        if len(line) > MAX_ANSWER_BYTES:
            raise SyncdeckError(
                "answer",
                request.method,
                f"the answer has {len(line)} bytes, more than {MAX_ANSWER_BYTES}",
                "ask for less at once",
                ErrorClass.UNSUPPORTED,
            )
        return line

    async def _call(self, request: Request, method: Method | None) -> object:
        if request.method == "ping":
            return {"protocol": PROTOCOL, "pid": os.getpid()}
        if method is None:
            raise BadRequest(f"there is no method {request.method!r}", request.id)
        arguments = _arguments(request, method)
        try:
            return await getattr(self._client, method.name)(**arguments)
        except SyncdeckError:
            raise
        except Exception as error:
            log.exception("control request %s failed", method.name)
            raise SyncdeckError(
                "answer", method.name, f"{type(error).__name__}: {error}", "see the engine's log", ErrorClass.BUG
            ) from error

    async def _send(self, message: JsonValue) -> None:
        await self._send_line(pack(message))

    async def _send_line(self, line: bytes) -> None:
        async with self._write_lock:
            self._writer.write(line)
            await self._writer.drain()

    async def _end(self) -> None:
        for task in self._reading:
            task.cancel()
        remaining = self._reading | self._changing
        if remaining:
            await asyncio.wait(remaining)
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            log.debug("a client's connection was already gone")


def _arguments(request: Request, method: Method) -> dict[str, Any]:
    """Return the decoded parameters; raises BadRequest for an unknown, missing or unfit one."""
    unknown = request.params.keys() - method.parameters.keys()
    if unknown:
        raise BadRequest(f"{method.name} has no parameter {sorted(unknown)[0]!r}", request.id)
    missing = method.required - request.params.keys()
    if missing:
        raise BadRequest(f"{method.name} needs {', '.join(sorted(missing))}", request.id)
    try:
        arguments = {name: decode(method.parameters[name], value) for name, value in request.params.items()}
    except CodecError as error:
        raise BadRequest(f"{method.name}: {error.place or 'a parameter'}: {error.cause}", request.id) from None
    if "timeout_seconds" in arguments:
        arguments["timeout_seconds"] = min(max(arguments["timeout_seconds"], 0.0), MAX_WAIT_SECONDS)
    return arguments


def _pack_result(request_id: int, result: object) -> bytes:
    return pack({"id": request_id, "result": encode(result)})
