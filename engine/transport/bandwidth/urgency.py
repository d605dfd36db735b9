"""Making way for urgent transfers on the links that they share with others: pure.

While something urgent uses a link, all the others on it together have a ceiling: 15 % of what the link carries, so that
the urgent have the 80 % that emergency saves are promised, and bursts do not take it from them. What a link carries is
the smaller of its written limit and the highest sum of bytes/s that was measured on it; with nothing measured yet it is
taken to be small, and the ceiling grows within a second as the urgent show what goes through. A written limit alone is
not believed: a limit of 100 MB/s on a link of 10 would hold nobody back.

Where the urgent do not use their part, the ceiling is raised in steps. A step that costs the urgent a tenth of their
rate is taken back, and none is tried for a while: so it is found out whether they cannot use the link (another end is
slow), or are crowded out of it. It is the additive search of congestion control, with the urgent's rate as the signal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from engine.transport.bandwidth.sharing import Demand, share

CEILING_PART = 0.15
URGENT_PART = 0.8
IDLE_PART = 0.7
"""Below this part of what they are promised the urgent leave something to others."""
USED_PART = 0.8
"""From this part of their ceiling on the others could use more."""
ROOM = 1.1
STEP = 1.5
STEP_SECONDS = 2.0
HARM_PART = 0.9
"""Below this part of their best rate of late the urgent are taken to be crowded out."""
HOLD_SECONDS = 10.0
LEAST_CAPACITY = 1_000_000.0
"""What a link is taken to carry, in bytes/s, before anything was measured on it."""


@dataclass
class Way:
    """One link while something urgent uses it: what it carries, and how far the others' ceiling is raised."""

    carries: float
    confirmed: bool
    """Whether ``carries`` was measured before the others were squeezed."""
    raised: float = 0.0
    next_step_at: float | None = None
    _rates: deque[tuple[float, float]] = field(default_factory=deque)

    def ceiling(self, written: float | None) -> float:
        """Return what the others may have together, in bytes/s."""
        known = self.carries if written is None else min(self.carries, written)
        return max(CEILING_PART * known, self.raised)

    def look(self, now: float, urgent: float, others: float, written: float | None) -> None:
        """Take what moves now, in bytes/s, and raise or lower the ceiling."""
        self.carries = max(self.carries, urgent + others)
        self._rates.append((now, urgent))
        while self._rates[0][0] < now - HOLD_SECONDS:
            self._rates.popleft()
        if self.next_step_at is None:
            self.next_step_at = now + STEP_SECONDS
        if now < self.next_step_at:
            return
        entitled = CEILING_PART * (self.carries if written is None else min(self.carries, written))
        offered = URGENT_PART * (self.carries if written is None else written)
        if self.raised > entitled and urgent < HARM_PART * max(rate for _, rate in self._rates):
            self.raised = 0.0
            self.next_step_at = now + HOLD_SECONDS
            self._rates.clear()
            return
        has_room = urgent < IDLE_PART * offered or not self.confirmed
        if has_room and others >= USED_PART * self.ceiling(written):
            raised = self.ceiling(written) * STEP
            # Within a written limit the urgent keep what they use, and a little to grow.
            self.raised = raised if written is None else min(raised, max(0.0, written - urgent * ROOM))
            self.next_step_at = now + STEP_SECONDS


def share_with_urgent(
    demands: Sequence[Demand], urgent: Collection[int], written: Mapping[str, float], ceilings: Mapping[str, float]
) -> dict[int, float | None]:
    """Return every flow's cap in bytes/s, None where nothing bounds it; no written limit is ever passed in sum.

    ``ceilings`` are what the flows that are not urgent may have together of the links that they share with urgent ones.
    """
    first = [demand for demand in demands if demand.id in urgent]
    others = [demand for demand in demands if demand.id not in urgent]
    bounds = dict(written)
    for link, ceiling in ceilings.items():
        bounds[link] = min(ceiling, written.get(link, ceiling))
    for_others = share(others, bounds)
    left = dict(written)
    for demand in others:
        for link in dict.fromkeys(demand.links):
            if link in left:
                left[link] = max(0.0, left[link] - (for_others[demand.id] or 0.0))
    return for_others | share(first, left)
