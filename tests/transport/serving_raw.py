"""A data server as a plain local child, and a client that says exactly the bytes that a test wants said."""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from engine.remote.agent import frames
from engine.remote.agent.boot import agent_argv
from engine.remote.agent.bundle import agent_source
from engine.remote.agent.serving_urls import Grant, data_url
from engine.remote.agent.stats import stat_file

PATIENCE_SECONDS = 60.0


@dataclass
class Answer:
    """One parsed answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), timeout=PATIENCE_SECONDS)
        self._received = b""

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, target: str, method: str = "GET", **headers: str) -> Answer:
        lines = [f"{method} {target} HTTP/1.1", "Host: here"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.say("\r\n".join([*lines, "", ""]).encode())
        return self.answer(with_body=method != "HEAD")

    def answer(self, with_body: bool = True) -> Answer:
        """Read one answer; ConnectionError when the connection ends in it."""
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, self._received = self._received.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("ascii").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers.get("Content-Length", "0")) if with_body else 0
        while len(self._received) < length:
            self._more()
        body, self._received = self._received[:length], self._received[length:]
        return Answer(int(first.split(" ")[1]), headers, body)

    def ended(self) -> bool:
        """Return whether the other end closes, waiting for it."""
        return self.socket.recv(1) == b""

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> None:
        part = self.socket.recv(1 << 20)
        if not part:
            raise ConnectionError(f"it ended after {self._received[:200]!r}")
        self._received += part


@dataclass
class RawServer:
    """A running server and its secret."""

    child: subprocess.Popen[bytes]
    secret: bytes
    ready: dict[str, Any]
    clients: list[Client] = field(default_factory=list)
    _rest: bytes = b""

    @property
    def port(self) -> int:
        return int(self.ready["port"])

    def client(self, host: str = "127.0.0.1") -> Client:
        made = Client(self.port, host)
        self.clients.append(made)
        return made

    def grant(self, path: Path | str, root: Path | str | None = None, **changes: Any) -> str:
        """Return the signed target of a file as it is now."""
        stat = stat_file(str(path)) or [0, 0, 0, 0, 0]
        grant = Grant(str(path), str(root or Path(path).parent), int(time.time()) + 600, stat)
        return data_url(self.secret, grant._replace(**changes))

    def order(self, value: dict[str, Any]) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(frames.encode(value))
        self.child.stdin.flush()

    def line(self) -> dict[str, Any]:
        """Return what it says next."""
        assert self.child.stdout is not None
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self.child.stdout], [], [], PATIENCE_SECONDS)
            assert ready, "it says nothing"
            part = os.read(self.child.stdout.fileno(), 65536)
            assert part, "it ended"
            self._rest += part
        line, self._rest = self._rest.split(b"\n", 1)
        assert line.startswith(frames.LINE_TAG)
        found: dict[str, Any] = json.loads(line[len(frames.LINE_TAG) :])
        return found

    def memory_bytes(self) -> int:
        return int(psutil.Process(self.child.pid).memory_info().rss)


@contextmanager
def raw_server(**changes: Any) -> Iterator[RawServer]:
    """Run a server on loopback."""
    source, secret = agent_source("serving"), os.urandom(32)
    job = {
        "mode": "serving",
        "secret": base64.b64encode(secret).decode("ascii"),
        "addresses": ["127.0.0.1"],
        "port": 0,
        "rate": None,
        "now": time.time(),
        **changes,
    }
    child = subprocess.Popen(agent_argv(sys.executable, source), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    server = RawServer(child, secret, {})
    try:
        assert child.stdin is not None
        child.stdin.write(source + frames.encode(job))
        child.stdin.flush()
        said = server.line()
        server.ready = said.get("ready", said)
        yield server
    finally:
        for client in server.clients:
            client.close()
        child.kill()
        child.communicate()
