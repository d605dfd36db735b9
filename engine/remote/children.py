"""Child processes of the engine: what they run, what they say on stderr, and their frames."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from typing import Any

from config.types import Address
from engine.remote.agent import frames
from engine.remote.agent.boot import agent_argv
from engine.remote.ssh import ssh_argv
from engine.remote.types import Endpoint, SshOptions

KEPT_STDERR_BYTES = 64 << 10
# A banner longer than this is no banner; the agent's own frames are far shorter.
STREAM_LIMIT_BYTES = 4 << 20


def agent_command(
    endpoint: Endpoint, address: Address | None, options: SshOptions, source: bytes, slot: int = 0
) -> list[str]:
    """Return the argv that runs ``source`` as an agent on a node; without an address on this machine."""
    if address is None:
        return agent_argv(sys.executable, source)
    return ssh_argv(endpoint, address, options, shlex.join(agent_argv("python3", source)), slot=slot)


class StderrTail:
    """Keeps the last words that a child wrote to stderr, so that its pipe never fills."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._kept = bytearray()
        self._task = asyncio.create_task(self._keep(reader), name="stderr")

    def text(self) -> str:
        """Return what was kept."""
        return self._kept.decode("utf-8", "replace")

    async def drained(self) -> str:
        """Return everything, once the child closed its stderr."""
        await asyncio.shield(self._task)
        return self.text()

    async def _keep(self, reader: asyncio.StreamReader) -> None:
        while part := await reader.read(4096):
            self._kept += part
            del self._kept[:-KEPT_STDERR_BYTES]


async def read_frame(reader: asyncio.StreamReader) -> Any:
    """Return the next frame's value, or None at the end of the stream, also in the middle of a frame."""
    try:
        head = await reader.readexactly(frames.LENGTH.size)
        return json.loads(await reader.readexactly(frames.LENGTH.unpack(head)[0]))
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return None
