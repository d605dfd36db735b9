"""How an agent is started on a node, and how its frames are read."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from typing import Any

from config.types import Address
from engine.remote.agent import frames
from engine.remote.agent.boot import agent_argv, text_agent_argv
from engine.remote.ssh import ssh_argv
from engine.remote.types import Endpoint, SshOptions


def agent_command(
    endpoint: Endpoint,
    address: Address | None,
    options: SshOptions,
    source: bytes,
    slot: int = 0,
    forward_agent: bool = False,
) -> list[str]:
    """Return the argv that runs ``source`` as an agent on a node; without an address on this machine."""
    if address is None:
        return agent_argv(sys.executable, source)
    command = remote_command(source)
    return ssh_argv(endpoint, address, options, command, slot=slot, forward_agent=forward_agent)


def remote_command(source: bytes) -> str:
    """Return what ssh is told to run on a node, so that ``source`` may follow on stdin."""
    return shlex.join(agent_argv("python3", source))


def text_agent_command(endpoint: Endpoint, address: Address | None, options: SshOptions, slot: int = 0) -> list[str]:
    """Return the argv that runs an agent which is sent to it as text."""
    if address is None:
        return text_agent_argv(sys.executable)
    return ssh_argv(endpoint, address, options, shlex.join(text_agent_argv("python3")), slot=slot)


async def read_frame(reader: asyncio.StreamReader) -> Any:
    """Return the next frame's value, or None at the end of the stream, also in the middle of a frame."""
    try:
        head = await reader.readexactly(frames.LENGTH.size)
        return json.loads(await reader.readexactly(frames.LENGTH.unpack(head)[0]))
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return None
