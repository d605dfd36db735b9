"""Which address of a node answers another node: asked of the one that will read, and remembered for a while."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass

from config.types import HttpSettings, Policy
from engine.clock import Clock
from engine.remote.types import Endpoint, ProbeResult
from engine.transport.reach import Ways, candidates, forbidden, no_common_network, ways_of
from engine.transport.types import AgentFor

REMEMBERED_SECONDS = 600.0
PROBE_SECONDS = 3.0
RESOLVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a probe came to: ``refusal`` None when the address answered."""

    until: float
    refusal: str | None


Accept = Callable[[ProbeResult], str | None]
"""Returns what is wrong with an answer, or None."""


class Reach:
    """One per engine; owned by the event loop. Its memory is as large as the pairs of nodes that talked of late."""

    def __init__(self, agent_for: AgentFor, policy: Callable[[], Policy], clock: Clock) -> None:
        self._agent_for = agent_for
        self._policy = policy
        self._clock = clock
        self._probed: dict[tuple[str, str, str], Remembered] = {}
        self._resolved: dict[str, tuple[float, tuple[str, ...]]] = {}

    @property
    def settings(self) -> HttpSettings:
        """What the configuration says now."""
        return self._policy().engine.http

    def ways(self, endpoint: Endpoint) -> Ways:
        """Return what the configuration says of a node's addresses."""
        return ways_of(endpoint, self._policy().nodes)

    async def numeric(self, ways: Ways) -> dict[str, tuple[str, ...]]:
        """Return what each address of a node resolves to here; nothing for a name that does not."""
        return {host: await self._resolve(host) for host in ways.hosts}

    async def hosts(self, server: Endpoint, reader: Endpoint) -> tuple[tuple[str, ...], str | None]:
        """Return the addresses worth trying, or none and why."""
        ours, theirs = self.ways(server), self.ways(reader)
        refusal = forbidden(ours, theirs, self.settings)
        if refusal is not None:
            return (), refusal
        numeric = await self.numeric(ours) | await self.numeric(theirs)
        found = candidates(ours, theirs, numeric, self.settings)
        return found, None if found else no_common_network(ours, theirs)

    async def first_answering(
        self, server_id: str, reader_id: str, hosts: tuple[str, ...], port: int, target: str, accept: Accept
    ) -> tuple[str | None, str]:
        """Return the first address at which the reader gets an answer, or None and what the last one said.

        Raises NodeUnreachable when the reader itself cannot be asked.
        """
        refusal = ""
        for host in hosts:
            key = (server_id, reader_id, host)
            known = self._probed.get(key)
            if known is None or known.until <= self._clock.monotonic():
                known = await self._probe(reader_id, host, port, target, accept)
                self._drop_old()
                self._probed[key] = known
            if known.refusal is None:
                return host, ""
            refusal = known.refusal
        return None, refusal

    def forget(self, server_id: str, reader_id: str) -> None:
        """Ask again next time: what was remembered of this pair has failed."""
        for key in [key for key in self._probed if key[:2] == (server_id, reader_id)]:
            del self._probed[key]

    async def _probe(self, reader_id: str, host: str, port: int, target: str, accept: Accept) -> Remembered:
        agent = await self._agent_for(reader_id)
        result = await agent.probe_http(host, port, target, PROBE_SECONDS)
        wrong = accept(result) if result.status is not None else result.reason
        refusal = None if wrong is None else f"{reader_id} asked {host} port {port}: {wrong}"
        return Remembered(self._clock.monotonic() + REMEMBERED_SECONDS, refusal)

    def _drop_old(self) -> None:
        now = self._clock.monotonic()
        for key in [key for key, known in self._probed.items() if known.until <= now]:
            del self._probed[key]

    async def _resolve(self, host: str) -> tuple[str, ...]:
        """The addresses are pinned here: the reader is given numbers, so that no name of its own decides."""
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass
        known = self._resolved.get(host)
        if known is not None and known[0] > self._clock.monotonic():
            return known[1]
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                answers = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            answers = []  # A name that only ssh's own configuration knows is none here.
        found = tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))
        self._resolved[host] = (self._clock.monotonic() + REMEMBERED_SECONDS, found)
        return found
