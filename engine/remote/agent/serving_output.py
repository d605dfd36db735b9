"""Writing answers to a socket that does not block: by sendfile where there is one; readers that stall are cut."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from typing import Callable

from engine.remote.agent.throttle import Throttle

CHUNK_BYTES = 4 << 20
COPY_BYTES = 256 << 10
# A reader that takes less than this in this time is cut: it holds a connection that others may need.
STALL_SECONDS = 60.0
LEAST_BYTES = 64 << 10
NO_SENDFILE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EOVERFLOW, errno.ENOTSOCK)
# Linux: the head waits for the first bytes of the file, so that both leave in one packet.
MORE = getattr(socket, "MSG_MORE", 0)


class ReaderGone(Exception):
    """The other end went away or stalled; nothing more can be said to it."""


class Output:
    """One connection's way out. ``sent`` is told of every count of file bytes that left."""

    def __init__(self, connection: socket.socket, throttle: Throttle, sent: Callable[[int], None]) -> None:
        self._socket = connection
        self._throttle = throttle
        self._sent = sent
        self._poll = select.poll()
        self._poll.register(connection, select.POLLOUT)
        self._window_seconds = 0.0
        self._window_bytes = 0
        self._sendfile = hasattr(os, "sendfile")

    def text(self, data: bytes, more: bool = False) -> None:
        """Send a head or a small body; ``more``: file content follows at once."""
        view = memoryview(data)
        while view:
            try:
                count = self._socket.send(view, MORE if more else 0)
            except BlockingIOError:
                self._wait()
                continue
            except OSError as error:
                raise ReaderGone(str(error)) from None
            view = view[count:]
            self._window_bytes += count

    def file(self, fd: int, first: int, past: int, still_good: Callable[[], bool]) -> None:
        """Send bytes [first, past) of a file; raise ReaderGone when it ended early or is not ``still_good``.

        A promised length cannot be taken back: a file that changed meanwhile breaks the connection off.
        """
        position = first
        while position < past:
            if not still_good():
                raise ReaderGone("the file changed")
            end = min(past, position + self._throttle.chunk_bytes(CHUNK_BYTES))
            begun = position
            while position < end:
                position += self._some(fd, position, end - position)
            self._throttle.pay(position - begun)

    def _some(self, fd: int, position: int, count: int) -> int:
        """Return how many bytes left now, at least one."""
        while True:
            try:
                moved = self._send_from(fd, position, count)
            except BlockingIOError:
                self._wait()
                continue
            except OSError as error:
                raise ReaderGone(str(error)) from None
            if moved == 0:
                raise ReaderGone("the file became shorter")
            self._window_bytes += moved
            self._sent(moved)
            return moved

    def _send_from(self, fd: int, position: int, count: int) -> int:
        if self._sendfile:
            try:
                return os.sendfile(self._socket.fileno(), fd, position, count)
            except OSError as error:
                if error.errno not in NO_SENDFILE:
                    raise
                self._sendfile = False
        return self._socket.send(os.pread(fd, min(count, COPY_BYTES), position))

    def _wait(self) -> None:
        """Wait until the reader takes more; only this waiting counts against it, never our own throttle."""
        began = time.monotonic()
        if not self._poll.poll(STALL_SECONDS * 1000):
            raise ReaderGone("it took nothing for %d s" % STALL_SECONDS)
        self._window_seconds += time.monotonic() - began
        if self._window_seconds >= STALL_SECONDS:
            if self._window_bytes < LEAST_BYTES:
                raise ReaderGone("it took %d bytes in %d s" % (self._window_bytes, STALL_SECONDS))
            self._window_seconds, self._window_bytes = 0.0, 0
