"""From one node straight to another: what the source's agent needs to know to reach the target by itself."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.types import Address
from engine.remote.agent.bundle import agent_source
from engine.remote.agent_child import remote_command
from engine.remote.enrol import host_name, known
from engine.remote.ssh import onward_options
from engine.remote.types import Endpoint, SshOptions

USERS_KNOWN_HOSTS = "~/.ssh/known_hosts"


@dataclass(frozen=True, slots=True)
class Onward:
    """One address of the target: who logs in there, the host keys that are trusted for it, as known_hosts has them,
    and the public half of the key to log in with, where the engine knows it (else any that the ssh-agent holds)."""

    address: Address
    user: str
    known_hosts: str
    public_key: str | None

    def order(self, options: SshOptions, head: bytes) -> dict[str, Any]:
        """Return the order that ``agent.pushing`` takes; ``head`` comes first on the receiver's stdin."""
        return {
            "options": onward_options(self.address, options),
            "destination": f"{self.user}@{self.address.host}",
            "command": remote_command(agent_source("receiving")),
            "known_hosts": self.known_hosts,
            "public_key": self.public_key,
            "head": base64.b64encode(head).decode("ascii"),
        }


async def onward_to(target: Endpoint, address: Address, user: str, options: SshOptions) -> Onward | None:
    """Return how to reach the target at an address, or None where no host key is trusted for that."""
    file = Path(os.path.expanduser(options.known_hosts or USERS_KNOWN_HOSTS))
    keys = await known(address, file)
    if not keys:
        return None
    lines = "".join(f"{host_name(address)} {key.key_type} {key.blob}\n" for key in keys)
    return Onward(address, user, lines, _public_key(target.identity_file))


def _public_key(identity_file: str | None) -> str | None:
    """Return what lies beside a private key under its name with ``.pub``; None where nothing readable does."""
    if identity_file is None:
        return None
    try:
        text = Path(f"{os.path.expanduser(identity_file)}.pub").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    words = text.split()[:2]
    return " ".join(words) + "\n" if len(words) == 2 and text.isascii() else None
