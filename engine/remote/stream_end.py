"""One end of a stream: its child process, what it said in tagged lines, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from config.types import Address
from engine.remote.agent import frames, lines
from engine.remote.agent.bundle import agent_source, text_head
from engine.remote.agent_child import agent_command, text_agent_command
from engine.remote.child import KEPT_STDERR_BYTES, Child, spawn
from engine.remote.types import Endpoint, SshOptions

Line = dict[str, Any]
LAST_WORDS = ("done", "sent", "error")


class StreamEnd:
    """A running sender or receiver. ``said`` holds the last line of each kind; ``news`` is told of every line.

    ``heard``: on what it speaks, where that is not all that the child writes. ``stays``: the child outlives its stream,
    whose last word ends it, and may then ``begin`` another.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        child: Child,
        mode: str,
        news: Callable[[Line], None],
        text: bool = False,
        heard: Sequence[asyncio.StreamReader | None] | None = None,
        stays: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self.said: Line = {}
        self.noise = bytearray()
        self.killed = False
        self._child = child
        self._news = news
        self._text = text
        self._ends_by_word = text or stays
        self._last_word = asyncio.Event()
        self._readers = [
            asyncio.create_task(self._read(reader), name=f"{mode} at {endpoint.node_id}")
            for reader in (heard if heard is not None else (child.stdout, child.stderr))
            if reader is not None
        ]

    @property
    def node_id(self) -> str:
        """The node at which this end runs."""
        return self.endpoint.node_id

    @property
    def exit_code(self) -> int | None:
        """The child's exit code, None while it runs."""
        return self._child.returncode

    @property
    def noise_text(self) -> str:
        """What was written besides the agent's own lines: ssh's complaints, a login shell's greeting."""
        return self.noise.decode("utf-8", "replace")

    @property
    def succeeded(self) -> bool:
        """Whether the child did its part to the end; where it stays, or beyond a terminal, only its word tells."""
        return (self._ends_by_word or self.exit_code == 0) and ("done" in self.said or "sent" in self.said)

    def order(self, value: Line) -> None:
        """Give an order to a sender; one that ended meanwhile takes none."""
        self.send(lines.order_line(value) if self._text else frames.encode(value))

    def send(self, frame: bytes) -> None:
        """Write to the child, unless it ended meanwhile."""
        assert self._child.stdin is not None
        if not self._child.stdin.is_closing():
            self._child.stdin.write(frame)

    def begin(self, news: Callable[[Line], None]) -> None:
        """Forget what was said in an earlier stream; ``news`` is told of every line of the one that begins."""
        self.said = {}
        self._news = news
        self._last_word.clear()

    def hear(self, value: Line) -> None:
        """Take a line of this end's, whichever way it came."""
        self.said.update(value)
        self._news(value)
        if any(word in value for word in LAST_WORDS):
            self._last_word.set()

    async def ended(self) -> None:
        """Return when the child ended and what it said was read.

        What lies between us and an end that is sent as text may outlive it: there its last word counts, as it does
        where the child stays.
        """
        drained = asyncio.create_task(self._child.drained(*self._readers))
        said = asyncio.create_task(self._last_word.wait())
        waiting = (drained, said) if self._ends_by_word else (drained,)
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (drained, said):
                task.cancel()
            await asyncio.gather(drained, said, return_exceptions=True)

    async def kill(self) -> None:
        """End the child, if it still runs, and wait for it."""
        if self._child.returncode is None:
            self.killed = True
        await self._child.kill()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await _next_line(reader):
            value = lines.tagged(line, frames.LINE_TAG)
            if isinstance(value, dict):
                self.hear(value)
            else:
                self.noise += line
                del self.noise[:-KEPT_STDERR_BYTES]


async def _next_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:  # Longer than the limit: noise, and readline dropped it.
        return b"\n"


async def start_receiver(
    endpoint: Endpoint,
    address: Address | None,
    options: SshOptions,
    slot: int,
    stdin: int,
    news: Callable[[Line], None],
    text: bool = False,
) -> StreamEnd:
    """Start the end that reads its source, its job and then the stream from ``stdin``."""
    if text:
        command = text_agent_command(endpoint, address, options, slot)
    else:
        command = agent_command(endpoint, address, options, agent_source("receiving"), slot)
    return StreamEnd(endpoint, await spawn(command, stdin=stdin), "receive", news, text)


def receiver_head(job: Line, text: bool) -> bytes:
    """Return what must come first on a receiver's stdin."""
    return text_head("text_receiving", job) if text else agent_source("receiving") + frames.encode(job)


async def start_sender(
    endpoint: Endpoint,
    address: Address | None,
    options: SshOptions,
    slot: int,
    stdout: int,
    news: Callable[[Line], None],
    job: Line,
    text: bool = False,
) -> StreamEnd:
    """Start the end that writes the stream to ``stdout`` and lives only as long as we hold its stdin.

    One that is sent as text waits until it was heard to be ready for ``sender_head``.
    """
    source = agent_source("live_sending" if job["live"] else "sending")
    if text:
        command = text_agent_command(endpoint, address, options, slot)
    else:
        command = agent_command(endpoint, address, options, source, slot)
    end = StreamEnd(endpoint, await spawn(command, stdout=stdout), "send", news, text)
    if not text:
        end.send(source + frames.encode(job))
    return end


def sender_head(job: Line) -> bytes:
    """Return what a sender that is sent as text reads first."""
    return text_head("text_sending", job)
