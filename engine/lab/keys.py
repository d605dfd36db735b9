"""The keys of a lab: one for its user, one for each node, and the known_hosts file that vouches for the nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncssh

_ALGORITHM = "ssh-ed25519"
Address = tuple[str, int]


def ensure_key(path: Path, comment: str) -> None:
    """Make a key pair at ``path`` (private, mode 0600) and ``path``.pub, unless it is there."""
    if path.exists():
        return
    key = asyncssh.generate_private_key(_ALGORITHM, comment=comment)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    key.write_private_key(str(path))
    key.write_public_key(f"{path}.pub")


def public_key(path: Path) -> str:
    """Return algorithm and key of the pair at ``path``, without its comment."""
    algorithm, key = path.with_name(path.name + ".pub").read_text(encoding="ascii").split()[:2]
    return f"{algorithm} {key}"


def known_hosts_line(host: str, port: int, key: str) -> str:
    """Return the line by which OpenSSH recognises a host on a port (sshd(8), "known_hosts file format")."""
    name = host if port == 22 else f"[{host}]:{port}"
    return f"{name} {key}\n"


def known_hosts_text(before: str, vouched: Mapping[Address, str], waiting: Sequence[Address]) -> str:
    """Return the file that vouches for ``vouched`` and keeps what an operator enrolled for ``waiting`` addresses."""
    names = tuple(known_hosts_line(host, port, "").rstrip("\n") for host, port in waiting)
    enrolled = [line for line in before.splitlines(keepends=True) if names and line.startswith(names)]
    return "".join([*(known_hosts_line(host, port, key) for (host, port), key in vouched.items()), *enrolled])
