"""What a fetch tells the engine, a few times a second: how far it is, what it can serve, which sources failed."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from engine.remote.agent.fetching_spans import Spans
from engine.remote.agent.frames import LineWriter

REPORT_SECONDS = 0.25
MOST_SPANS_TOLD = 1024

Failures = Dict[str, Tuple[int, Optional[Tuple[str, str]]]]
"""For each source: how often it came under other URLs, and (reason, class) where it failed."""


class Reporter:
    """Remembers what was told, so that only what changed is told again."""

    def __init__(self, lines: LineWriter) -> None:
        self._lines = lines
        self._next_at = 0.0
        self._have: Optional[Spans] = None
        self._failures: Failures = {}

    def due(self, now: float) -> bool:
        """Return whether it is time (monotonic seconds) for the next report."""
        if now < self._next_at:
            return False
        self._next_at = now + REPORT_SECONDS
        return True

    def tell(self, at: int, wire: int, hashed: int, have: Spans, failures: Failures) -> None:
        """Write the lines; of very many spans, the longest."""
        self._lines.write({"at": at, "wire": wire, "hashed": hashed})
        if have != self._have:
            self._have = have
            self._lines.write({"have": sorted(have, key=lambda span: span[0] - span[1])[:MOST_SPANS_TOLD]})
        for identity, (turn, failure) in failures.items():
            if failure is not None and self._failures.get(identity) != (turn, failure):
                self._lines.write({"source": {"id": identity, "failed": failure[0], "class": failure[1]}})
        self._failures = failures
