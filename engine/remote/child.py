"""A child process whose end is known at once, also when somebody else still holds its pipes."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, SubprocessStreamProtocol
from collections.abc import Mapping, Sequence

# A banner longer than this is no banner; the agent's own frames are far shorter.
STREAM_LIMIT_BYTES = 4 << 20
KEPT_STDERR_BYTES = 64 << 10
# How long what a child wrote last may take to be read after its end.
DRAIN_SECONDS = 2.0


class _Protocol(SubprocessStreamProtocol):
    """asyncio's own wait() also waits for the pipes, which an ssh master connection keeps after its client."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=limit, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


class Child:
    """A running child, leader of a process group of its own. Made by ``spawn``."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self.pid: int = transport.get_pid()
        self.stdin: asyncio.StreamWriter | None = protocol.stdin
        self.stdout: asyncio.StreamReader | None = protocol.stdout
        self.stderr: asyncio.StreamReader | None = protocol.stderr

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal, None while it runs."""
        return self._transport.get_returncode()

    async def exited(self) -> int:
        """Return the exit code as soon as the process ended."""
        await self._protocol.exited.wait()
        code = self.returncode
        assert code is not None
        return code

    async def drained(self, *readers: asyncio.Task[None]) -> int:
        """Return the exit code when the process ended and ``readers`` took what it left, if they soon can."""
        code = await self.exited()
        if readers:
            await asyncio.wait(readers, timeout=DRAIN_SECONDS)
        return code

    async def kill(self) -> None:
        """End the child with its process group, wait until it is gone, and let go of its pipes."""
        if self.returncode is None:
            end_group(self.pid)
        await asyncio.shield(self.exited())
        self._transport.close()


async def spawn(
    argv: Sequence[str],
    *,
    stdin: int = PIPE,
    stdout: int = PIPE,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start a child in a session of its own, its stderr piped: nothing of it may draw into our terminal."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.subprocess_exec(
        lambda: _Protocol(STREAM_LIMIT_BYTES, loop),
        *argv,
        stdin=stdin,
        stdout=stdout,
        stderr=PIPE,
        env=None if env is None else dict(env),
        start_new_session=True,
        pass_fds=tuple(pass_fds),
    )
    return Child(transport, protocol)


def end_group(pid: int) -> None:
    """SIGKILL the process group that ``pid`` leads; a group that is gone already is fine."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # macOS answers EPERM for a group whose members are all zombies.
        return


class StderrTail:
    """Keeps the last words that a child wrote to stderr, so that its pipe never fills."""

    def __init__(self, reader: asyncio.StreamReader | None) -> None:
        assert reader is not None
        self._kept = bytearray()
        self.task = asyncio.create_task(self._keep(reader), name="stderr")

    def text(self) -> str:
        """Return what was kept."""
        return self._kept.decode("utf-8", "replace")

    async def _keep(self, reader: asyncio.StreamReader) -> None:
        while part := await reader.read(4096):
            self._kept += part
            del self._kept[:-KEPT_STDERR_BYTES]
