"""A real ssh-agent with one key, ended at the end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.fleet_sshd import wait_for_the_end_of


@contextmanager
def ssh_agent(identity: Path | None) -> Iterator[str]:
    """Run an agent that holds ``identity`` (None: no key); yields the path of its socket."""
    said = subprocess.run(["ssh-agent", "-s"], check=True, capture_output=True, text=True).stdout
    found = dict(word.split("=", 1) for word in said.replace(";", "\n").split("\n") if "=" in word)
    agent = psutil.Process(int(found["SSH_AGENT_PID"]))
    socket = found["SSH_AUTH_SOCK"]
    try:
        if identity is not None:
            add = ["ssh-add", "-q", str(identity)]
            subprocess.run(add, check=True, env={**os.environ, "SSH_AUTH_SOCK": socket}, stdin=subprocess.DEVNULL)
        yield socket
    finally:
        agent.terminate()
        wait_for_the_end_of([agent])
