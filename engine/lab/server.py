"""The SSH servers of one machine: one listening port, host key and folder for each of its nodes."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from engine.lab.session import CommandSession

LOOPBACK = "127.0.0.1"
# The cipher decides the speed of a lab copy (measured: 1.5 times with AES-GCM on a machine with AES instructions).
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr")


@dataclass(frozen=True, slots=True)
class ServedNode:
    """What it takes to serve one node. ``port`` is the one it had before, or 0."""

    node_id: str
    home: Path
    host_key: Path
    authorized_keys: Path
    port: int


class _NodeServer(asyncssh.SSHServer):
    """Lets the lab's own key in, under any user name, and runs what it asks for in the node's folder."""

    def __init__(self, node: ServedNode) -> None:
        self._node = node

    def session_requested(self) -> CommandSession:
        """Return a session for one command."""
        return CommandSession(self._node.home, command_environment(self._node.home, os.environ))


def command_environment(home: Path, ours: Mapping[str, str]) -> dict[str, str]:
    """Return what a command on a node sees: its own home and little else, as on a fresh machine."""
    return {
        "HOME": str(home),
        "PATH": ours.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "USER": "lab",
        "LOGNAME": "lab",
        "TMPDIR": str(home / "tmp"),
    }


async def serve(node: ServedNode) -> asyncssh.SSHAcceptor:
    """Listen on the node's former port on loopback, or on a free one when another process has taken that.

    Raises OSError when loopback cannot be listened on.
    """
    try:
        return await _listen(node, node.port)
    except OSError as error:
        if node.port == 0 or error.errno != errno.EADDRINUSE:
            raise
    return await _listen(node, 0)


async def _listen(node: ServedNode, port: int) -> asyncssh.SSHAcceptor:
    return await asyncssh.listen(
        LOOPBACK,
        port,
        server_factory=lambda: _NodeServer(node),
        server_host_keys=[str(node.host_key)],
        authorized_client_keys=str(node.authorized_keys),
        encryption_algs=list(CIPHERS),
        compression_algs=None,
        encoding=None,
        line_editor=False,
        allow_pty=False,
        allow_scp=False,
        agent_forwarding=False,
        x11_forwarding=False,
    )
