"""The two agents that carry batches between two places, given one batch after another.

They are joined by a pipe of ours, or, where the target can reach the source's data server, by a connection of their own
for each batch, that this server hands over to the sender.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import select
from asyncio.subprocess import PIPE
from collections.abc import Callable

from engine.errors import ErrorClass, TransferError
from engine.remote.agent import frames
from engine.remote.agent.bundle import agent_source
from engine.remote.agent.compression import widen_pipe
from engine.remote.agent_child import agent_command
from engine.remote.child import spawn
from engine.remote.stream_end import Line, StreamEnd
from engine.remote.stream_verdict import OPERATION, Way, raise_verdict
from engine.remote.types import SshOptions

SENDING = "batch_sending"
News = Callable[[Line], None]


class BatchPair:
    """A sender and a receiver. Made by ``start_pair``; ``kill`` ends both, and so does the end of this process.

    The receiver's pipe stays open here, for each batch's receiver's half goes into it first. ``name`` is what the
    sender awaits connections under, None where the stream follows in that pipe.
    """

    def __init__(
        self, source: Way, target: Way, write_end: int, name: str | None, release: Callable[[], object]
    ) -> None:
        """``release`` is called once, when both have ended."""
        self.source, self.target, self.name = source, target, name
        self.sender: StreamEnd | None = None
        self.receiver: StreamEnd | None = None
        self._write_end: int | None = write_end
        self._release: Callable[[], object] | None = release
        self._sources = agent_source(_receiving(name)), _sender_head(name)
        self._awaits = asyncio.Event()

    @property
    def alive(self) -> bool:
        """Whether both ends run."""
        return all(end is not None and end.exit_code is None for end in (self.sender, self.receiver))

    async def awaited(self, stall_timeout_seconds: float) -> None:
        """Return when the sender takes over connections under the pair's name. Raises TransferError, EndUnreached."""
        assert self.sender is not None
        if self._awaits.is_set():
            return
        receiver, head = self._sources
        self._sources = receiver, b""
        self.sender.send(head)
        ended, awaits = asyncio.create_task(self.sender.ended()), asyncio.create_task(self._awaits.wait())
        try:
            await asyncio.wait((ended, awaits), timeout=stall_timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (ended, awaits):
                task.cancel()
            await asyncio.gather(ended, awaits, return_exceptions=True)
        if self._awaits.is_set():
            return
        if ended.cancelled():
            cause = f"the sender said nothing for {stall_timeout_seconds:.0f} s"
            remedy = "it is tried again by itself"
            raise TransferError(OPERATION, self.sender.node_id, cause, remedy, ErrorClass.TRANSIENT_NETWORK)
        raise_verdict([(self.source, self.sender)])

    def heard(self, line: Line) -> None:
        """Take what the sender says between two batches."""
        if "awaits" in line:
            self._awaits.set()

    async def begin(self, receive: bytes, send: bytes, receiver_said: News, sender_said: News) -> None:
        """Give both their halves of the next batch, as frames; none may be under way."""
        assert self.sender is not None and self.receiver is not None and self._write_end is not None
        self.receiver.begin(receiver_said)
        self.sender.begin(sender_said)
        (receiver, sender), self._sources = self._sources, (b"", b"")
        # The sender's words come after the head: it is told its job only when that is in the pipe.
        await asyncio.to_thread(_write_head, os.dup(self._write_end), receiver + frames.MARKER + receive)
        self.sender.send(sender + send)

    def hang_up(self) -> None:
        """Let go of the pipe: where the sender is gone too, the receiver meets its end and tells what is whole."""
        write_end, self._write_end = self._write_end, None
        if write_end is not None:
            os.close(write_end)

    async def kill(self) -> None:
        """End both ends, if they still run, and wait for them."""
        release, self._release = self._release, None
        if release is None:
            return
        self.hang_up()
        ends = [end for end in (self.sender, self.receiver) if end is not None]
        try:
            await asyncio.gather(*(end.kill() for end in ends))
        finally:
            release()


async def start_pair(
    source: Way, target: Way, options: SshOptions, release: Callable[[], object], apart: bool = False
) -> BatchPair:
    """Start both ends at once; what fails them is told by them. No child is left when this is cancelled.

    ``apart``: the stream goes past us, over connections that the sender takes over.
    """
    read_end, write_end = os.pipe()
    name = f"syncdeck-{secrets.token_hex(16)}" if apart else None
    pair = BatchPair(source, target, write_end, name, release)
    try:
        widen_pipe(write_end)
        try:
            receiver = await spawn(_command(target, _receiving(name), options), stdin=read_end)
            pair.receiver = StreamEnd(target.endpoint, receiver, "receive batch", _unheard, stays=True)
        finally:
            os.close(read_end)
        sender = await spawn(_command(source, SENDING, options), stdout=PIPE if apart else write_end)
        pair.sender = StreamEnd(source.endpoint, sender, "send batch", pair.heard, stays=True)
    except BaseException:
        await asyncio.shield(pair.kill())
        raise
    return pair


def _command(way: Way, mode: str, options: SshOptions) -> list[str]:
    return agent_command(way.endpoint, way.address, options, agent_source(mode), way.slot)


def _receiving(name: str | None) -> str:
    return "batch_receiving" if name is None else "batch_fetching"


def _sender_head(name: str | None) -> bytes:
    return agent_source(SENDING) + frames.encode({"await": name})


def _unheard(line: Line) -> None:
    """Nobody listens between two batches."""


def _write_head(fd: int, head: bytes) -> None:
    """Fill the pipe's beginning, then close ``fd``; a receiver that is gone already says why by itself.

    The descriptor is this thread's own: it may still write when the batch was cancelled. The sender's ssh, which has
    the same pipe as its output, may have set it to never block.
    """
    view = memoryview(head)
    room = select.poll()
    room.register(fd, select.POLLOUT)
    try:
        with contextlib.suppress(BrokenPipeError):
            while view:
                try:
                    view = view[os.write(fd, view) :]
                except BlockingIOError:
                    room.poll()
    finally:
        os.close(fd)
