"""File servers that the users run on their hosts already: which URL of theirs a file has, and whether they answer."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from config.globs import glob_matches
from config.types import HttpServerSpec
from engine.remote.types import Endpoint, ProbeResult
from engine.transport.reach import bracketed
from engine.transport.reach_probe import Reach


@dataclass(frozen=True, slots=True)
class ForeignServer:
    """A server that answers a reader: its item of the configuration, and the address at which it does."""

    spec: HttpServerSpec
    host: str


def servers_of(node_id: str, servers: Iterable[HttpServerSpec]) -> tuple[HttpServerSpec, ...]:
    """Return the items that a node matches, in the order of the file."""
    return tuple(spec for spec in servers if glob_matches(node_id, spec.node))


def plain_url(server: ForeignServer, path: str, source_root: str) -> str | None:
    """Return a file's URL, or None where it does not lie in the folder that the server shows."""
    folder = os.path.normpath(os.path.join(source_root, server.spec.root))
    if not (source_root or os.path.isabs(server.spec.root)) or not path.startswith(folder.rstrip("/") + "/"):
        return None
    below = path[len(folder.rstrip("/")) :]
    return f"http://{bracketed(server.host)}:{server.spec.port}{quote(os.fsencode(below))}"


class ForeignServers:
    """Owned by the event loop."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def answering(self, source: Endpoint, reader: Endpoint) -> tuple[ForeignServer, ...]:
        """Return the servers of a node that answer the reader; raises NodeUnreachable for a lost reader."""
        found = []
        for spec in servers_of(source.node_id, self._reach.settings.servers):
            hosts, _ = await self._reach.hosts(source, reader)
            name = f"{source.node_id} port {spec.port}"
            host, _ = await self._reach.first_answering(name, reader.node_id, hosts, spec.port, "/", _anything)
            if host is not None:
                found.append(ForeignServer(spec, host))
        return tuple(found)

    def failed(self, source: Endpoint, reader: Endpoint) -> None:
        """Probe the servers of a node again before they are used the next time."""
        for spec in servers_of(source.node_id, self._reach.settings.servers):
            self._reach.forget(f"{source.node_id} port {spec.port}", reader.node_id)


def _anything(result: ProbeResult) -> str | None:
    """Whatever it says of its top folder, a server is there; what it gives is verified."""
    return None
