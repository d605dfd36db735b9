"""One command on a lab node: joins an SSH channel to a child process without losing a byte at its end.

asyncssh's own redirection loses the end of the output of a command that exits at once (measured: 13 of 30 runs),
so the pipes are read and written here; the exit status goes out only when both outputs have ended.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import asyncssh

_READ_BYTES = 256 * 1024
_PIPE_BYTES = 1024 * 1024  # Linux's largest pipe without privileges; fewer wake-ups for bulk data


class CommandSession(asyncssh.SSHServerSession[bytes]):
    """Runs the requested command with ``/bin/sh -c`` in the node's folder, or a shell that reads standard input."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._loop = asyncio.get_running_loop()
        self._command: str | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._stdin: int | None = None
        self._outputs: dict[int, bool] = {}
        self._unwritten = bytearray()
        self._stdin_ended = False
        self._status: int | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        """Remember the channel."""
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        """Accept any command."""
        self._command = command
        return True

    def shell_requested(self) -> bool:
        """Accept a shell without a terminal."""
        return True

    def session_started(self) -> None:
        """Start the child and watch its pipes."""
        argv = ["/bin/sh"] if self._command is None else ["/bin/sh", "-c", self._command]
        child = subprocess.Popen(
            argv,
            cwd=self._folder,
            env=self._environment,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        assert child.stdin is not None and child.stdout is not None and child.stderr is not None
        self._child = child
        self._stdin = _own(child.stdin.fileno())
        self._outputs = {_own(child.stdout.fileno()): False, _own(child.stderr.fileno()): True}
        for stream in (child.stdin, child.stdout, child.stderr):
            stream.close()
        self._watch_outputs()
        threading.Thread(target=self._wait_for, args=(child,), name="lab-wait", daemon=True).start()

    def _wait_for(self, child: subprocess.Popen[bytes]) -> None:
        status = child.wait()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._exited, status)

    def _exited(self, status: int) -> None:
        self._status = status
        self._finish_when_complete()

    def _watch_outputs(self) -> None:
        for descriptor in self._outputs:
            self._loop.add_reader(descriptor, self._readable, descriptor)

    def pause_writing(self) -> None:
        """The client does not keep up: leave the rest in the pipe, so that the command waits."""
        for descriptor in self._outputs:
            self._loop.remove_reader(descriptor)

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._watch_outputs()

    def _readable(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(descriptor)
            del self._outputs[descriptor]
            os.close(descriptor)
            self._finish_when_complete()
        elif self._outputs[descriptor]:
            self._channel.write_stderr(data)
        else:
            self._channel.write(data)

    def _finish_when_complete(self) -> None:
        if self._status is None or self._outputs or self._channel.is_closing():
            return
        if self._status < 0:
            self._channel.exit_with_signal(signal.Signals(-self._status).name.removeprefix("SIG"))
        else:
            self._channel.exit(self._status)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Give the client's bytes to the command; hold the client back when it does not take them."""
        if self._stdin is None:
            return
        if self._unwritten:
            self._unwritten += data
            return
        written = self._write(data)
        if self._stdin is not None and written < len(data):
            self._unwritten += data[written:]
            self._channel.pause_reading()
            self._loop.add_writer(self._stdin, self._writable)

    def _write(self, data: bytes | bytearray) -> int:
        assert self._stdin is not None
        try:
            return os.write(self._stdin, data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            self._close_stdin()
            return len(data)

    def _writable(self) -> None:
        del self._unwritten[: self._write(self._unwritten)]
        if self._unwritten:
            return
        if self._stdin is not None:
            self._loop.remove_writer(self._stdin)
        self._channel.resume_reading()
        if self._stdin_ended:
            self._close_stdin()

    def eof_received(self) -> bool:
        """Close the command's input once it has all bytes; keep our own direction open."""
        self._stdin_ended = True
        if not self._unwritten:
            self._close_stdin()
        return True

    def signal_received(self, signal: str) -> None:
        """Pass a signal on to the command's process group."""
        self._signal_group(_signal_number(signal))

    def connection_lost(self, exc: Exception | None) -> None:
        """Hang up: the command's group gets SIGHUP, as from a terminal that went away."""
        self._close_stdin()
        for descriptor in list(self._outputs):
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
        self._outputs.clear()
        self._signal_group(signal.SIGHUP)

    def _close_stdin(self) -> None:
        self._unwritten.clear()
        if self._stdin is not None:
            self._loop.remove_writer(self._stdin)
            os.close(self._stdin)
            self._stdin = None

    def _signal_group(self, number: int) -> None:
        if self._child is None or self._status is not None:
            return
        try:
            os.killpg(self._child.pid, number)
        except ProcessLookupError:
            return  # it ended first


def _own(descriptor: int) -> int:
    """Return a non-blocking duplicate that lives until we close it, with a large pipe where the system has them."""
    own = os.dup(descriptor)
    os.set_blocking(own, False)
    enlarge = getattr(fcntl, "F_SETPIPE_SZ", None)
    if enlarge is not None:
        try:
            fcntl.fcntl(own, enlarge, _PIPE_BYTES)
        except PermissionError:
            return own  # the user's pipe budget is used up: the default size works too
    return own


def _signal_number(name: str) -> int:
    return getattr(signal, f"SIG{name}", signal.SIGTERM)
