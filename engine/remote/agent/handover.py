"""Handing an accepted connection from the data server of a node to another agent there, which goes on with it.

Linux only: the name lies in the abstract namespace of Unix sockets (unix(7)), where nothing is left behind by whoever
is killed. Both ends make sure that the other is of the same user.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from contextlib import suppress
from typing import Callable

from engine.remote.agent.failures import Failure

_PEER = struct.Struct("3i")  # struct ucred of unix(7): process, user, group.
_DESCRIPTOR_BYTES = array.array("i", [0]).itemsize
TAKEN_SECONDS = 5.0
LONGEST_WORD_BYTES = 64


class Awaiting:
    """A name under which connections are taken over."""

    def __init__(self, name: str) -> None:
        """Raise Failure where this system has no such names."""
        if not hasattr(socket, "SO_PEERCRED"):
            raise Failure("unsupported", "this system has no abstract Unix sockets", "another transport is used")
        try:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind("\0" + name)
            self._listener.listen(1)
        except OSError as error:
            raise Failure("unsupported", "no connection can be taken over: %s" % error, "see the cause") from None

    def take(self, word: str, patience_seconds: float = TAKEN_SECONDS) -> socket.socket:
        """Wait for the connection that comes with ``word`` and return it, blocking.

        Any other is closed, and so is whoever is of another user or comes without one.
        """
        while True:
            giver, _ = self._listener.accept()
            with giver:
                if not _same_user(giver):
                    continue
                giver.settimeout(patience_seconds)
                try:
                    said, given, _, _ = giver.recvmsg(LONGEST_WORD_BYTES, socket.CMSG_SPACE(_DESCRIPTOR_BYTES))
                except OSError:
                    continue  # It changed its mind.
            taken = _first_descriptor(given)
            if taken is None:
                continue
            connection = socket.socket(fileno=taken)
            if said == word.encode("ascii"):
                connection.setblocking(True)
                return connection
            connection.close()


def hand_over(name: str, word: str, connection: socket.socket, first: Callable[[], None]) -> bool:
    """Give a connection to whoever awaits it with this word, after a call of ``first``; return False where nobody does.

    It stays open here as well.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as way:
        way.settimeout(TAKEN_SECONDS)
        try:
            way.connect("\0" + name)
            if not _same_user(way):
                return False
        except OSError:
            return False
        first()
        with suppress(OSError):  # It left in between: who asked meets the end of the connection.
            given = array.array("i", [connection.fileno()])
            way.sendmsg([word.encode("ascii")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, given)])
    return True


def _same_user(other: socket.socket) -> bool:
    told = other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return bool(_PEER.unpack(told)[1] == os.geteuid())


def _first_descriptor(given: "list[tuple[int, int, bytes]]") -> "int | None":
    for level, kind, data in given:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS) and len(data) >= _DESCRIPTOR_BYTES:
            descriptors = array.array("i", data[: len(data) - len(data) % _DESCRIPTOR_BYTES])
            for other in descriptors[1:]:
                os.close(other)
            os.set_inheritable(descriptors[0], False)
            return descriptors[0]
    return None
