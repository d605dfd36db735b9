"""Run a local command that must not outlive the engine, even when the engine is killed with SIGKILL."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence

from engine.remote.child import Child, spawn

# Plain source for an isolated interpreter: the supervisor must start fast and import nothing of ours.
# stdin is the engine's pipe. The command gets a process group of its own, so that all its children end with it.
SUPERVISOR = """
import os, select, signal, subprocess, sys
woken_read, woken_write = os.pipe()
os.set_blocking(woken_write, False)
signal.set_wakeup_fd(woken_write)
signal.signal(signal.SIGCHLD, lambda number, frame: None)
signal.signal(signal.SIGTERM, lambda number, frame: None)
try:
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True, close_fds=False)
except OSError as error:
    sys.stderr.write("%s: %s\\n" % (sys.argv[1], error.strerror))
    os._exit(127)
def end(number):
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        pass
while child.poll() is None:
    ready, _, _ = select.select([0, woken_read], [], [])
    if woken_read in ready:
        numbers = os.read(woken_read, 64)
        if signal.SIGTERM not in numbers:
            continue
    elif os.read(0, 64):
        continue
    end(signal.SIGTERM)
    try:
        child.wait(2)
    except subprocess.TimeoutExpired:
        pass
    end(signal.SIGKILL)
    child.wait()
    os._exit(75)
os._exit(child.returncode if child.returncode >= 0 else 128 - child.returncode)
"""


class GuardedProcess:
    """A running command. It ends when ``kill`` is called, when it is done, or when this process dies."""

    def __init__(self, child: Child) -> None:
        assert child.stdout is not None and child.stderr is not None
        self._child = child
        self.stdout: asyncio.StreamReader = child.stdout
        self.stderr: asyncio.StreamReader = child.stderr

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """The command's exit code (128 + signal number when a signal ended it), None while it runs."""
        return self._child.returncode

    async def wait(self) -> int:
        """Return the command's exit code once it ended; read ``stdout`` and ``stderr`` meanwhile."""
        return await self._child.exited()

    async def kill(self) -> None:
        """End the command and all its children: SIGTERM, after two seconds SIGKILL; returns when they are gone."""
        if self._child.returncode is None and self._child.stdin is not None:
            self._child.stdin.close()
        await asyncio.shield(self._child.exited())
        await self._child.kill()


async def guarded_exec(
    argv: Sequence[str], env: Mapping[str, str] | None = None, pass_fds: Sequence[int] = ()
) -> GuardedProcess:
    """Start ``argv`` under a supervisor that ends its whole process group when this process is gone.

    ``env`` replaces the environment when given; ``pass_fds`` stay open in the command, under their numbers. The exit
    code is 127 when the command does not exist.
    """
    supervised = (sys.executable, "-I", "-S", "-c", SUPERVISOR, *argv)
    return GuardedProcess(await spawn(supervised, env=env, pass_fds=pass_fds))
