"""A TCP proxy that does to connections what networks do, in a thread of its own, by a seed."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from dataclasses import dataclass
from enum import StrEnum

PIECE_BYTES = 64 << 10
HELD_BYTES = 256 << 10
THROTTLED_PIECE_BYTES = 256
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, no seconds: close sends a reset
START_SECONDS = 10.0


class Kind(StrEnum):
    """What is done to a connection."""

    NONE = "none"
    DELAY = "delay"
    CUT_BY_BYTES = "cut by bytes"
    CUT_BY_TIME = "cut by time"
    THROTTLE = "throttle"
    CORRUPT = "corrupt"
    TRUNCATE = "truncate"
    BLACK_HOLE = "black hole"
    SILENT = "silent"
    RESET_ON_CONNECT = "reset on connect"
    RESET = "reset"


@dataclass(frozen=True)
class Fault:
    """A kind, and how much of it. Kinds that wait for bytes strike once per connection, after between one and two
    times ``after_bytes`` in both directions together."""

    kind: Kind
    after_bytes: int = 0
    seconds: float = 0.0
    bytes_per_second: int = 0


NO_FAULT = Fault(Kind.NONE)
_STRIKING = frozenset({Kind.CUT_BY_BYTES, Kind.CORRUPT, Kind.TRUNCATE, Kind.SILENT, Kind.RESET})


class _Over(Exception):
    """The connection is over."""


class _Link:
    """One connection through the proxy: when the fault strikes, and what has passed."""

    def __init__(self, fault: Fault, chance: random.Random) -> None:
        self.fault = fault
        self.passed = 0
        self.silent = False
        self.strikes_at: int | None = None
        if fault.kind in _STRIKING:
            self.strikes_at = fault.after_bytes + chance.randrange(max(1, fault.after_bytes))
        self.lives_seconds: float | None = None
        if fault.kind is Kind.CUT_BY_TIME:
            self.lives_seconds = fault.seconds * (1 + chance.random())
        self.corrupts_bit = 1 << chance.randrange(8)


class Proxy:
    """Listens on a loopback port of its own and passes on to another; ``fault`` and ``to_port`` may be changed for new
    connections.

    ``passed`` counts the bytes handed on to either end, ``struck`` how often a fault did something."""

    def __init__(self, to_port: int, fault: Fault = NO_FAULT, seed: int = 0) -> None:
        self.fault = fault
        self.to_port = to_port
        self.port = 0
        self.passed = 0
        self.struck = 0
        self.silenced = 0
        self.connections = 0
        self.open = 0
        self._chance = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._serving: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"proxy to {to_port}", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        assert self._started.wait(START_SECONDS), "the proxy did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        assert not self._thread.is_alive(), "the proxy did not end"

    def cut(self) -> None:
        """Break all connections that are open now."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._serving])

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0, limit=PIECE_BYTES))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            running = asyncio.all_tasks(self._loop)
            for task in running:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*running, return_exceptions=True))
            self._loop.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        link = _Link(self.fault, self._chance)
        far_writer: asyncio.StreamWriter | None = None
        graceful = link.fault.kind is Kind.TRUNCATE
        try:
            if link.fault.kind is Kind.RESET_ON_CONNECT:
                self.struck += 1
                return
            if link.fault.kind is Kind.BLACK_HOLE:
                self.struck += 1
                while await near_reader.read(PIECE_BYTES):
                    continue
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to_port, limit=PIECE_BYTES)
            for held in (near_writer, far_writer):
                _hold_little(held)
            graceful = await self._pass_on(link, (near_reader, near_writer), (far_reader, far_writer)) or graceful
        except OSError:
            return  # Either end went away, which is its own affair.
        finally:
            for writer in (near_writer, far_writer):
                if writer is not None:
                    _end(writer, graceful)
            self.open -= 1

    async def _pass_on(
        self,
        link: _Link,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> bool:
        """Pass both ways until both ended; return whether they ended by themselves."""
        ways = [
            asyncio.create_task(self._way(link, near[0], far[1])),
            asyncio.create_task(self._way(link, far[0], near[1])),
        ]
        try:
            done, waiting = await asyncio.wait(ways, timeout=link.lives_seconds, return_when=asyncio.FIRST_EXCEPTION)
            if waiting and not any(task.exception() for task in done):
                self.struck += 1
            return not waiting and not any(task.exception() for task in done)
        finally:
            for task in ways:
                task.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _way(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        throttled = link.fault.kind is Kind.THROTTLE
        while piece := await reader.read(THROTTLED_PIECE_BYTES if throttled else PIECE_BYTES):
            if link.fault.kind is Kind.DELAY:
                await asyncio.sleep(link.fault.seconds)
            if throttled:
                await asyncio.sleep(len(piece) / link.fault.bytes_per_second)
            if link.silent:
                await _for_ever()  # Neither end learns anything of the other, not even that it went away.
            if link.strikes_at is not None and link.passed + len(piece) > link.strikes_at:
                piece = await self._strike(link, piece, writer)
            link.passed += len(piece)
            self.passed += len(piece)
            writer.write(piece)
            await writer.drain()
        writer.write_eof()

    async def _strike(self, link: _Link, piece: bytes, writer: asyncio.StreamWriter) -> bytes:
        """Do what the fault does at this byte; return what is passed on if the connection lives."""
        assert link.strikes_at is not None
        at = max(0, link.strikes_at - link.passed)
        self.struck += 1
        if link.fault.kind is Kind.CORRUPT:
            link.strikes_at = None
            return piece[:at] + bytes([piece[at] ^ link.corrupts_bit]) + piece[at + 1 :]
        writer.write(piece[:at])
        await writer.drain()
        self.passed += at
        if link.fault.kind is Kind.SILENT:
            self.silenced += 1
            link.silent = True
            await _for_ever()
        raise _Over


def _hold_little(writer: asyncio.StreamWriter) -> None:
    """What was handed on and not taken yet is lost when a connection breaks: no more than ``HELD_BYTES``."""
    writer.transport.set_write_buffer_limits(high=HELD_BYTES // 4)
    # The system takes it twice, for what it needs beside.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HELD_BYTES // 4)


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def _end(writer: asyncio.StreamWriter, graceful: bool) -> None:
    """Close as a peer that is done does, or as one that broke."""
    if graceful:
        writer.close()
        return
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
    writer.transport.abort()
