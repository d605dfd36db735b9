"""When a fetch that gets nothing any more gives up: pure."""

from __future__ import annotations

from typing import Optional

from engine.remote.agent.failures import Failure
from engine.remote.agent.fetching_plan import Plan

# How long peers may take to have, or the engine to offer, what nobody has any more.
PATIENCE_SECONDS = 10.0
# How long the engine may take to sign a URL anew, or to find a peer's file under the name it was published under.
FRESH_URL_SECONDS = 3.0
# And to start a data server again that ended, on a node far away.
FRESH_SERVER_SECONDS = 15.0


class Hope:
    """How long to wait for the engine to mend sources that failed. Times are monotonic seconds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._until = 0.0
        self.final = False
        """Whether the engine said that it mends nothing any more."""
        self._idle_since: Optional[float] = None

    def fresh_url(self, now: float) -> None:
        """The engine can mend this by another URL."""
        self._until = max(self._until, now + FRESH_URL_SECONDS)

    def fresh_server(self, now: float) -> None:
        """The engine can mend this by starting a server."""
        self._until = max(self._until, now + FRESH_SERVER_SECONDS)

    def end(self) -> None:
        """The engine mends nothing any more."""
        self.final = True

    def ensure(self, now: float) -> None:
        """Raise Failure when no source will ever bring what is missing."""
        failure = self._plan.all_failed()
        if failure is not None and not self._plan.runs and (self.final or now >= self._until):
            raise Failure(failure[1], failure[0], "it is tried again by itself")
        if not self._plan.nothing_to_ask():
            self._idle_since = None
            return
        self._idle_since = self._idle_since or now
        if now - self._idle_since > max(PATIENCE_SECONDS, self._until - self._idle_since):
            cause = "no source has what is missing any more"
            raise Failure("transient-network", cause, "it is tried again by itself")
