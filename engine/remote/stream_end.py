"""One end of a stream: its child process, what it said in tagged lines, and how it ended."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import Any

from config.types import Address
from engine.remote.agent import frames
from engine.remote.agent.bundle import agent_source
from engine.remote.children import KEPT_STDERR_BYTES, STREAM_LIMIT_BYTES, agent_command
from engine.remote.connect import end_child
from engine.remote.types import Endpoint, SshOptions

Line = dict[str, Any]


class StreamEnd:
    """A running sender or receiver. ``said`` holds the last line of each kind; ``news`` is told of every line."""

    def __init__(self, endpoint: Endpoint, process: Process, mode: str, news: Callable[[Line], None]) -> None:
        self.endpoint = endpoint
        self.said: Line = {}
        self.noise = bytearray()
        self.killed = False
        self._process = process
        self._news = news
        self._readers = [
            asyncio.create_task(self._read(reader), name=f"{mode} at {endpoint.node_id}")
            for reader in (process.stdout, process.stderr)
            if reader is not None
        ]

    @property
    def node_id(self) -> str:
        """The node at which this end runs."""
        return self.endpoint.node_id

    @property
    def exit_code(self) -> int | None:
        """The child's exit code, None while it runs."""
        return self._process.returncode

    @property
    def noise_text(self) -> str:
        """What was written besides the agent's own lines: ssh's complaints, a login shell's greeting."""
        return self.noise.decode("utf-8", "replace")

    @property
    def succeeded(self) -> bool:
        """Whether the child did its part to the end."""
        return self.exit_code == 0 and ("done" in self.said or "sent" in self.said)

    def order(self, value: Line) -> None:
        """Give an order to a sender; one that ended meanwhile takes none."""
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(frames.encode(value))

    async def ended(self) -> None:
        """Return when the child ended and everything that it said was read."""
        await asyncio.gather(*self._readers)
        await self._process.wait()

    async def kill(self) -> None:
        """End the child, if it still runs, and wait for it."""
        if self._process.returncode is None:
            self.killed = True
        await end_child(self._process)
        if self._process.stdin is not None:
            self._process.stdin.close()
        await asyncio.gather(*self._readers)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await _next_line(reader):
            if line.startswith(frames.LINE_TAG):
                value = json.loads(line[len(frames.LINE_TAG) :])
                self.said.update(value)
                self._news(value)
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
) -> StreamEnd:
    """Start the end that reads its source, its job and then the stream from ``stdin``."""
    process = await asyncio.create_subprocess_exec(
        *agent_command(endpoint, address, options, agent_source("receiving"), slot),
        stdin=stdin,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
        limit=STREAM_LIMIT_BYTES,
    )
    return StreamEnd(endpoint, process, "receive", news)


async def start_sender(
    endpoint: Endpoint,
    address: Address | None,
    options: SshOptions,
    slot: int,
    stdout: int,
    news: Callable[[Line], None],
    job: Line,
) -> StreamEnd:
    """Start the end that writes the stream to ``stdout`` and lives only as long as we hold its stdin."""
    source = agent_source("sending")
    process = await asyncio.create_subprocess_exec(
        *agent_command(endpoint, address, options, source, slot),
        stdin=PIPE,
        stdout=stdout,
        stderr=PIPE,
        start_new_session=True,
        limit=STREAM_LIMIT_BYTES,
    )
    assert process.stdin is not None
    process.stdin.write(source + frames.encode(job))
    return StreamEnd(endpoint, process, "send", news)
