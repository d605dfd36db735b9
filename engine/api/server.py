"""The control socket of a running engine: a Unix socket that only the engine's own user may use."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
from pathlib import Path

from engine.api.connection import ClientConnection
from engine.api.paths import prepare_socket_folder
from engine.api.peer import may_connect, peer_uid
from engine.api.wire import MAX_REQUEST_BYTES
from engine.client import EngineClient
from engine.errors import ErrorClass, SyncdeckError

log = logging.getLogger(__name__)

MAX_CLIENTS = 64
_BACKLOG = 128


class ControlServer:
    """Serves an EngineClient on a control socket. The caller holds the lock of the state directory."""

    def __init__(self, client: EngineClient, path: Path) -> None:
        self._client = client
        self._path = path
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; raises SyncdeckError when the socket cannot be made. A dead engine's socket file is replaced."""
        listener = _bind(self._path)
        self._server = await asyncio.start_unix_server(self._connected, sock=listener, limit=MAX_REQUEST_BYTES)

    async def close(self) -> None:
        """Stop listening, end every connection and remove the socket file; a second call does nothing."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        self._path.unlink(missing_ok=True)
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio runs connection callbacks in tasks"
        self._connections.add(task)
        try:
            if self._admits(writer):
                await ClientConnection(self._client, reader, writer).serve()
            else:
                writer.close()
        except asyncio.CancelledError:
            # Only close() cancels this task, and then the task itself is the whole of what must end.
            log.debug("a client of the control socket was disconnected")
        finally:
            self._connections.discard(task)

    def _admits(self, writer: asyncio.StreamWriter) -> bool:
        if len(self._connections) > MAX_CLIENTS:
            log.warning("refused a client of the control socket: %d are connected", MAX_CLIENTS)
            return False
        uid = peer_uid(writer.get_extra_info("socket"))
        if not may_connect(uid):
            log.warning("refused a client of the control socket: it runs as user id %s", uid)
            return False
        return True


def _bind(path: Path) -> socket.socket:
    """Return a bound socket that nobody else may open.

    The mode is set between bind and listen: until a socket listens, nobody can connect to it, so there is no
    moment in which a lax umask lets a stranger in.
    """
    try:
        prepare_socket_folder(path)
        _remove_stale(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(os.fspath(path))
            os.chmod(path, 0o600)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise SyncdeckError(
            "make control socket",
            str(path),
            error.strerror or str(error),
            "name a state directory on a local file system with --state",
            ErrorClass.CONFIG,
        ) from error
    return listener


def _remove_stale(path: Path) -> None:
    """Remove the socket of an engine that was killed; anything else by that name is not ours to remove."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(17, "a file that is no socket has the control socket's name")
    path.unlink()
