"""A channel that is no clean pipe, as a forced command of sshd: ``python unclean_channel.py MODE``.

``pty``: the command runs on a terminal. ``cooked``: a terminal lies between, out of the command's reach: it echoes,
takes lines of 4,095 bytes, and changes line ends. ``noisy``: seven bits, changed line ends, and messages in between.
"""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

MESSAGE = b"\r\nBroadcast message from root@box: updates are available\r\nreboot\r\n"
MESSAGE_EVERY_BYTES = 3_000_000
SEVEN_BITS = bytes(value & 0x7F for value in range(256))


def write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def relay(source: int, target: int, change: Callable[[bytes], bytes]) -> None:
    while True:
        try:
            data = os.read(source, 65536)
        except OSError:  # The terminal's other side is closed.
            return
        if not data:
            return
        write_all(target, change(data))


def _passed_on(target: int, change: Callable[[bytes], bytes], hang_up: Callable[[], None]) -> None:
    """Relay our input until the writer's end of it closes, and hang up then."""
    relay(0, target, change)
    hang_up()


def noise() -> Callable[[bytes], bytes]:
    passed = 0

    def change(data: bytes) -> bytes:
        nonlocal passed
        before, passed = passed, passed + len(data)
        data = data.translate(SEVEN_BITS).replace(b"\n", b"\r\n")
        if before // MESSAGE_EVERY_BYTES != passed // MESSAGE_EVERY_BYTES:
            middle = len(data) // 2
            return data[:middle] + MESSAGE + data[middle:]
        return data

    return change


def on_terminal(command: str) -> int:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv("/bin/sh", ["sh", "-c", command])
    # Closing the terminal would not do: another thread reads from it.
    threading.Thread(target=_passed_on, args=(terminal, bytes, lambda: _hang_up(pid)), daemon=True).start()
    relay(terminal, 1, bytes)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _hang_up(session: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # It ended before.
        os.killpg(session, signal.SIGHUP)


def in_noise(command: str) -> int:
    child = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    fd = child.stdin.fileno()
    threading.Thread(target=_passed_on, args=(fd, noise(), lambda: os.close(fd)), daemon=True).start()
    relay(child.stdout.fileno(), 1, noise())
    return child.wait()


def main(mode: str, command: str) -> int:
    if mode == "pty":
        return on_terminal(command)
    if mode == "cooked":
        return on_terminal(f"cat | ({command}) 2>&1 | cat")
    return in_noise(command)


if __name__ == "__main__":
    os._exit(main(sys.argv[1], os.environ["SSH_ORIGINAL_COMMAND"]))
