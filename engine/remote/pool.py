"""One live session for each node, opened when it is needed and again after it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.remote.connect import open_session
from engine.remote.links import Links
from engine.remote.session import AgentSession
from engine.remote.types import Endpoint, NodeAgent, SshOptions


class SessionPool:
    """``endpoints`` returns the endpoint of a node id as the configuration has it now."""

    def __init__(self, endpoints: Callable[[str], Endpoint], options: SshOptions, links: Links | None = None) -> None:
        self.links = links or Links()
        self._endpoints = endpoints
        self._options = options
        self._sessions: dict[str, AgentSession] = {}
        self._opening: dict[str, asyncio.Task[AgentSession]] = {}
        self._closed = False

    async def get(self, node_id: str) -> NodeAgent:
        """Return the node's session; callers at the same time share one attempt. Raises NodeUnreachable."""
        endpoint = self._endpoints(node_id)
        session = self._sessions.get(node_id)
        if session is not None:
            if session.alive and session.endpoint == endpoint:
                return session
            await self.drop(node_id)
        opening = self._opening.get(node_id)
        if opening is None:
            opening = asyncio.create_task(self._open(endpoint), name=f"connect {node_id}")
            self._opening[node_id] = opening
        # A caller that gives up leaves the attempt to the others, and to the next.
        return await asyncio.shield(opening)

    async def drop(self, node_id: str) -> None:
        """Close the node's session, if there is one; the next ``get`` opens another."""
        session = self._sessions.pop(node_id, None)
        if session is not None:
            await session.close()

    async def close(self) -> None:
        """Close every session, end every attempt and every agent that waits for work."""
        self._closed = True
        for opening in self._opening.values():
            opening.cancel()
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        await asyncio.gather(*(self.drop(node_id) for node_id in list(self._sessions)))
        await self.links.idle.close()

    async def _open(self, endpoint: Endpoint) -> AgentSession:
        try:
            if self._closed:
                raise RuntimeError("the session pool is closed")
            session = await open_session(endpoint, self._options, self.links)
            self._sessions[endpoint.node_id] = session
            return session
        finally:
            del self._opening[endpoint.node_id]
