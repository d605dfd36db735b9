"""Which user is at the other end of a Unix socket, asked of the kernel."""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import Protocol

_LINUX_UCRED = struct.Struct("3i")
_DARWIN_SOL_LOCAL, _DARWIN_LOCAL_PEERCRED = 0, 1
_DARWIN_XUCRED = struct.Struct("IIh16I")
"""struct xucred of sys/ucred.h: version, uid, number of groups, 16 groups."""


class HasOptions(Protocol):
    """A socket, or what asyncio shows of one."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """Return the bytes of a socket option."""
        ...


def peer_uid(connection: HasOptions, platform: str = sys.platform) -> int | None:
    """Return the peer's effective user id, or None where the platform cannot tell."""
    if platform == "linux":
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _LINUX_UCRED.size)
        return int(_LINUX_UCRED.unpack(raw)[1])
    if platform == "darwin":
        raw = connection.getsockopt(_DARWIN_SOL_LOCAL, _DARWIN_LOCAL_PEERCRED, _DARWIN_XUCRED.size)
        return darwin_uid(raw)
    return None


def darwin_uid(raw: bytes) -> int:
    """Return the user id in the bytes that macOS gives for LOCAL_PEERCRED."""
    return int(_DARWIN_XUCRED.unpack(raw[: _DARWIN_XUCRED.size])[1])


def may_connect(uid: int | None) -> bool:
    """Return whether a user may drive this engine: its own, and root, whom no file mode keeps out anyway."""
    return uid is None or uid in (0, os.geteuid())
