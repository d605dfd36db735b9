"""Streams straight from node to node over SSH: where the configuration allows it, where it worked, and why not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from config.globs import glob_matches
from config.types import Policy
from engine.clock import Clock
from engine.remote.diagnose import most_telling
from engine.remote.direct import run_direct
from engine.remote.links import Links
from engine.remote.onward import Onward, onward_to
from engine.remote.stream import Unreached
from engine.remote.types import Endpoint, Progress, RateChanges, SshOptions, StreamJob, StreamOutcome
from engine.transport.reach import apart, ways_of
from engine.transport.types import AgentFor

log = logging.getLogger(__name__)

REMEMBERED_SECONDS = 600.0
"""As long as a probe of a data server is remembered."""
DIRECT_WAY = "straight from node to node, over SSH"


@dataclass(frozen=True, slots=True)
class Relayed:
    """The stream must go through the engine. ``reason`` is empty where nobody asked for anything else."""

    reason: str = ""

    @property
    def words(self) -> str:
        """What an operator is told of it."""
        return f"through the engine: {self.reason}" if self.reason else ""


class DirectStreams:
    """One per engine; owned by the event loop. ``policy`` is asked anew each time: the configuration may change."""

    def __init__(
        self, agent_for: AgentFor, policy: Callable[[], Policy], options: SshOptions, links: Links, clock: Clock
    ) -> None:
        self._agent_for = agent_for
        self._policy = policy
        self._options = options
        self._links = links
        self._clock = clock
        self._refused: dict[tuple[str, str], tuple[float, str]] = {}

    async def stream(
        self, source: Endpoint, target: Endpoint, job: StreamJob, progress: Progress, rate_changes: RateChanges
    ) -> StreamOutcome | Relayed:
        """Return the outcome, or why nothing moved and the stream must be relayed; raise as ``run_stream`` does."""
        refusal = self._refusal(source, target)
        if refusal is not None:
            return refusal
        ways = await self._ways(target)
        if not ways:
            return self._remember(source, target, f"no host key is enrolled for an address of {target.node_id}")
        try:
            outcome = await run_direct(
                source, target, ways, job, self._options, progress, links=self._links, rate_changes=rate_changes
            )
        except Unreached as unreached:
            beyond = [failure for failure in unreached.failures if failure.subject == target.node_id]
            if not beyond:
                raise most_telling(unreached.failures) from None
            cause = most_telling(beyond).cause
            return self._remember(source, target, f"{source.node_id} cannot reach {target.node_id} by SSH: {cause}")
        return replace(outcome, way=DIRECT_WAY)

    def _refusal(self, source: Endpoint, target: Endpoint) -> Relayed | None:
        """Return why not, as far as that is known without asking anybody."""
        policy = self._policy()
        patterns = policy.engine.ssh.forward_agent
        if source.local or target.local or not any(glob_matches(source.node_id, pattern) for pattern in patterns):
            return Relayed()
        reason = apart(ways_of(target, policy.nodes), ways_of(source, policy.nodes))
        if reason is not None:
            return Relayed(reason)
        until, known = self._refused.get((source.node_id, target.node_id), (0.0, ""))
        return Relayed(known) if until > self._clock.monotonic() else None

    async def _ways(self, target: Endpoint) -> tuple[Onward, ...]:
        user = target.user or (await self._agent_for(target.node_id)).info.user
        found = [await onward_to(target, address, user, self._options) for address in self._links.addresses(target)]
        return tuple(one for one in found if one is not None)

    def _remember(self, source: Endpoint, target: Endpoint, reason: str) -> Relayed:
        now = self._clock.monotonic()
        self._refused = {pair: known for pair, known in self._refused.items() if known[0] > now}
        self._refused[source.node_id, target.node_id] = (now + REMEMBERED_SECONDS, reason)
        log.info("streams go through the engine for a while: %s", reason)
        return Relayed(reason)
