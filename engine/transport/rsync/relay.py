"""Our end of the relay between rsync and its ssh: it hears the cap as it changes, and tells the bytes on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from engine.remote.agent import frames
from engine.remote.agent.relaying import as_command
from engine.remote.agent_child import read_frame
from engine.transport.rates import RateCap


class Relay:
    """The remote shell to give to rsync, and the descriptor that it needs to inherit."""

    def __init__(self, shell_argv: Sequence[str], theirs: socket.socket) -> None:
        self.pass_fds = (theirs.fileno(),)
        self.argv = tuple(as_command([str(theirs.fileno()), *shell_argv]))


@asynccontextmanager
async def relay(shell_argv: Sequence[str], rate: RateCap, on_wire: Callable[[int], None]) -> AsyncIterator[Relay]:
    """Give the relay in front of ``shell_argv``; ``on_wire`` hears of the bytes in both directions so far.

    Changes of ``rate`` reach a running relay at once. On leaving, the relay ends, if it still runs.
    """
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)

    def order(bytes_per_second: int | None) -> None:
        if not writer.is_closing():
            writer.write(frames.encode({"rate": bytes_per_second}))

    order(rate.bytes_per_second)
    unsubscribe = rate.subscribe(order)
    listening = asyncio.create_task(_listen(reader, on_wire), name="rsync relay")
    try:
        yield Relay(shell_argv, theirs)
        # What it wrote last is on its way: it ends when the relay, the only other holder, has ended.
        theirs.close()
        await listening
    finally:
        unsubscribe()
        theirs.close()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _listen(reader: asyncio.StreamReader, on_wire: Callable[[int], None]) -> None:
    while (news := await read_frame(reader)) is not None:
        on_wire(news["wire"])
