"""One running data server: the agent's serving mode as a child, on this machine or over SSH."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
from dataclasses import dataclass

from config.types import Address
from engine.clock import Clock
from engine.errors import ErrorClass, NodeUnreachable, TransferError
from engine.model import NodeState
from engine.remote.agent import frames
from engine.remote.agent.bundle import agent_source
from engine.remote.agent_child import agent_command
from engine.remote.child import spawn
from engine.remote.connect import HELLO_SECONDS, addresses_of
from engine.remote.diagnose import Diagnosis, diagnose, most_telling, remedy_for, unreachable
from engine.remote.links import Links
from engine.remote.ssh import known_ciphers
from engine.remote.stream_end import Line, StreamEnd
from engine.remote.types import Endpoint, SshOptions

OPERATION = "start the data server of"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ServerJob:
    """What a server is started with: addresses to listen at where the machine has them, port (0: any), bytes/s."""

    addresses: tuple[str, ...]
    port: int
    bytes_per_second: int | None


class ServingChild:
    """A server that said it is ready. ``close`` ends it; it also ends by itself when this process does."""

    def __init__(self, clock: Clock) -> None:
        self.secret = secrets.token_bytes(SECRET_BYTES)
        self.port = 0
        self.wire = 0
        self._clock = clock
        self._end: StreamEnd | None = None
        self._held = contextlib.ExitStack()
        self._rate: int | None = None
        self._spoke = asyncio.Event()
        self._active_at = clock.monotonic()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._end is not None and self._end.exit_code is None

    @property
    def idle_seconds(self) -> float:
        """How long nothing was asked of it and nothing left."""
        return self._clock.monotonic() - self._active_at

    def touch(self) -> None:
        """Count as used now."""
        self._active_at = self._clock.monotonic()

    def set_rate(self, bytes_per_second: int | None) -> None:
        """Change the cap over everything that this server sends."""
        if bytes_per_second != self._rate and self._end is not None:
            self._rate = bytes_per_second
            self._end.order({"rate": bytes_per_second})

    async def start(
        self, endpoint: Endpoint, address: Address | None, options: SshOptions, links: Links, job: ServerJob
    ) -> None:
        """Start it over one address (None: here) and wait until it listens; raises NodeUnreachable, TransferError."""
        source = agent_source("serving")
        await links.turn(endpoint)
        try:
            slot = 0 if address is None else self._held.enter_context(links.slot(endpoint.node_id))
            child = await spawn(agent_command(endpoint, address, options, source, slot))
            self._end = end = StreamEnd(endpoint, child, "serve", self._heard)
            self._rate = job.bytes_per_second
            frame = {
                "mode": "serving",
                "secret": base64.b64encode(self.secret).decode("ascii"),
                "addresses": list(job.addresses),
                "port": job.port,
                "rate": job.bytes_per_second,
                "now": self._clock.now(),
            }
            assert child.stdin is not None
            child.stdin.write(source + frames.encode(frame))
            await self._ready(end, options.connect_timeout_seconds + HELLO_SECONDS)
        except BaseException:
            await asyncio.shield(self.close())
            raise

    async def close(self) -> None:
        """End it, if it still runs, and wait for that."""
        end, self._end = self._end, None
        try:
            if end is not None:
                await end.kill()
        finally:
            self._held.close()

    def _heard(self, line: Line) -> None:
        if "wire" in line:
            if line["wire"] != self.wire or line["open"]:
                self.touch()
            self.wire = line["wire"]
        if "ready" in line:
            self.port = line["ready"]["port"]
        self._spoke.set()

    async def _ready(self, end: StreamEnd, seconds: float) -> None:
        """Return when it listens; raise why it does not."""
        spoke = asyncio.create_task(self._spoke.wait())
        ended = asyncio.create_task(end.ended())
        try:
            await asyncio.wait((spoke, ended), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (spoke, ended):
                task.cancel()
            await asyncio.gather(spoke, ended, return_exceptions=True)
        node_id = end.node_id
        if "ready" in end.said:
            return
        if "error" in end.said:
            error = end.said["error"]
            raise TransferError(OPERATION, node_id, error["cause"], error["remedy"], ErrorClass(error["class"]))
        if end.exit_code is not None:
            raise unreachable(OPERATION, node_id, diagnose(node_id, end.exit_code, end.noise_text))
        state = NodeState.TIMED_OUT
        cause = f"it said nothing for {seconds:.0f} s"
        late = Diagnosis(state, ErrorClass.TRANSIENT_NETWORK, cause, remedy_for(state, node_id))
        raise unreachable(OPERATION, node_id, late)


async def start_server(
    endpoint: Endpoint, options: SshOptions, links: Links, clock: Clock, job: ServerJob
) -> ServingChild:
    """Return a server that listens, started over the first address that answers.

    Raises NodeUnreachable, TransferError.
    """
    await asyncio.to_thread(_prepare)
    failures: list[NodeUnreachable] = []
    for address in addresses_of(endpoint, links):
        server = ServingChild(clock)
        try:
            await server.start(endpoint, address, options, links, job)
        except NodeUnreachable as failure:
            failures.append(failure)
            continue
        if address is not None:
            links.answered(endpoint.node_id, address)
        return server
    raise most_telling(failures)


def _prepare() -> None:
    """Do the slow first-time work off the event loop."""
    agent_source("serving")
    known_ciphers()
