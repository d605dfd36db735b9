"""A data server: gives files of its node over HTTP to whoever holds a URL that its engine signed.

The job comes on stdin, then orders; when stdin ends, so does the server.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
import socket
import sys
import threading
import time
from typing import Any, Dict, List, Optional, Set, Tuple

from engine.remote.agent.failures import Failure, from_exception
from engine.remote.agent.frames import LineWriter, read_frame
from engine.remote.agent.serving_connection import Connection
from engine.remote.agent.serving_output import Output
from engine.remote.agent.serving_requests import Refused, answer_head
from engine.remote.agent.throttle import Throttle

MOST_CONNECTIONS = 256
BACKLOG = 128
REPORT_SECONDS = 0.25
PORT_TRIES = 20
# A thread here only loops over system calls; the default of 8 MiB would count against a container's limit.
STACK_BYTES = 512 << 10


class Listeners:
    """Listening sockets on one port at every address of the job that this machine has."""

    def __init__(self, addresses: List[str], port: int) -> None:
        """Raise Failure when there is no address, or the port is taken."""
        self.refused: Dict[str, str] = {}
        self.sockets: List[socket.socket] = []
        for attempt in range(PORT_TRIES):
            if self._listen(addresses, port, last=port != 0 or attempt == PORT_TRIES - 1):
                break
        if not self.sockets:
            cause = "; ".join("%s: %s" % pair for pair in self.refused.items()) or "no address was given"
            raise Failure("config", "it can listen nowhere: %s" % cause, "free the port, or choose another one")
        self.port: int = self.sockets[0].getsockname()[1]
        self.bound = [str(listener.getsockname()[0]) for listener in self.sockets]

    def _listen(self, addresses: List[str], port: int, last: bool) -> bool:
        """Return False when a port that was free at one address is taken at another: all are tried anew."""
        self.refused = {}
        for address in addresses:
            try:
                listener = _listener(address, port)
            except OSError as error:
                if port and self.sockets and error.errno == errno.EADDRINUSE and not last:
                    for made in self.sockets:
                        made.close()
                    self.sockets = []
                    return False
                self.refused[address] = str(error.strerror or error)
                continue
            self.sockets.append(listener)
            port = port or int(listener.getsockname()[1])
        return True


def _listener(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


class Server:
    """Accepts connections, a thread for each, and counts what they send."""

    def __init__(self, job: Dict[str, Any], most_connections: int = MOST_CONNECTIONS) -> None:
        self._secret = base64.b64decode(job["secret"])
        # The expiry of a URL is written with the engine's clock; this node's own may be wrong.
        self._clock_offset: float = job["now"] - time.monotonic()
        self._most = most_connections
        self._connections: Set[Connection] = set()
        self._lock = threading.Lock()
        self.throttle = Throttle(job["rate"], time.monotonic)
        self.wire = 0

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._connections)

    def accept_from(self, listener: socket.socket) -> None:
        """Accept for ever."""
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                time.sleep(0.05)  # Out of descriptors, or the connection was gone already.
                continue
            self._take(accepted)

    def _take(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        output = Output(accepted, self.throttle, self._count)
        connection = Connection(accepted, output, self._secret, self._engine_time)
        with self._lock:
            room = len(self._connections) < self._most or self._make_room()
            if room:
                self._connections.add(connection)
        if not room:
            _turn_away(accepted)
            return
        try:
            threading.Thread(target=self._serve, args=(connection, accepted), daemon=True).start()
        except RuntimeError:  # No more threads may be started here.
            with self._lock:
                self._connections.discard(connection)
            _turn_away(accepted)

    def _make_room(self) -> bool:
        """Break off the connection that has been idle longest; return False when none is idle."""
        idle = [(one.idle_since, one) for one in self._connections if one.idle_since is not None]
        if not idle:
            return False
        longest = min(idle, key=lambda pair: pair[0])[1]
        longest.close()
        self._connections.discard(longest)
        return True

    def _serve(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            connection.run()
        finally:
            with self._lock:
                self._connections.discard(connection)
            accepted.close()

    def _count(self, sent: int) -> None:
        with self._lock:
            self.wire += sent

    def _engine_time(self) -> float:
        return self._clock_offset + time.monotonic()


def _turn_away(accepted: socket.socket) -> None:
    """Say that there is no room and close; a new connection's buffer takes so little at once."""
    busy = Refused(503)
    head = answer_head(busy.status, [("Retry-After", "1"), ("Content-Length", "0")], keep_alive=False)
    with contextlib.suppress(OSError):
        accepted.send(head)
    accepted.close()


def _report(server: Server, lines: LineWriter) -> None:
    """Say how much left and how many connections are open, whenever that changed."""
    told: Optional[Tuple[int, int]] = None
    while True:
        now = server.wire, server.open
        if now != told:
            lines.write({"wire": now[0], "open": now[1]})
            told = now
        time.sleep(REPORT_SECONDS)


def _obey(server: Server) -> None:
    """Take orders until stdin ends."""
    while True:
        order = read_frame(0)
        if order is None:
            return
        if "rate" in order:
            server.throttle.set(order["rate"])


def main(source: bytes) -> None:
    """Be a data server: the job comes first on stdin, then orders; its end is the server's."""
    job = read_frame(0)
    if job is None:
        sys.exit(97)
    lines = LineWriter(1)
    try:
        threading.stack_size(STACK_BYTES)
        listeners = Listeners(job["addresses"], job["port"])
        server = Server(job)
    except Exception as error:  # noqa: BLE001 - every failure travels to the engine
        lines.write({"error": from_exception(error).as_json()})
        os._exit(1)
    for listener in listeners.sockets:
        threading.Thread(target=server.accept_from, args=(listener,), daemon=True).start()
    lines.write({"ready": {"port": listeners.port, "addresses": listeners.bound, "refused": listeners.refused}})
    threading.Thread(target=_report, args=(server, lines), daemon=True).start()
    _obey(server)
    os._exit(0)
