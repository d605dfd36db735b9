"""How long to wait before trying again, and how many retries a node may cause: pure, clock and chance passed in."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from engine.clock import Clock
from engine.errors import ErrorClass

FIRST_DELAY_SECONDS: Mapping[ErrorClass, float] = {
    ErrorClass.TRANSIENT_NETWORK: 2.0,
    ErrorClass.THROTTLED: 10.0,
    ErrorClass.SOURCE_CHANGED: 5.0,
}
"""By class: who is asked to slow down waits longer at once; a file that is written needs time to be finished."""
OTHER_DELAY_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 300.0

BUDGET_SHARE = 0.1
"""Extra tries per first try; the share that Finagle's RetryBudget and the SRE book's client budgets use."""
BUDGET_FLOOR_PER_SECOND = 0.2
"""Twelve a minute are always allowed, so that a quiet node retries as it needs to."""
BUDGET_BURST = 10.0


def backoff(error_class: ErrorClass, attempts: int, chance: random.Random) -> float:
    """Return seconds to wait after attempt number ``attempts``: full jitter below a limit that doubles.

    Full jitter spreads a fleet's retries best (Brooker, "Exponential Backoff And Jitter", 2015).
    """
    first = FIRST_DELAY_SECONDS.get(error_class, OTHER_DELAY_SECONDS)
    return chance.uniform(0.0, min(LONGEST_DELAY_SECONDS, first * 2.0 ** min(max(attempts, 1) - 1, 12)))


@dataclass
class _Account:
    tokens: float
    at: float


class RetryBudget:
    """Bounds the retries of each node: a tenth of its first tries and a floor, so that a storm does not multiply.

    A retry beyond the budget is not refused but put off: each one takes a token, and a debt is worked off at the
    floor's pace. Kept is one small account for each node that ever transferred.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def first_try(self, nodes: Collection[str]) -> None:
        """Earn a tenth of a retry for each node."""
        for node in set(nodes):
            account = self._account(node)
            account.tokens = min(BUDGET_BURST, account.tokens + BUDGET_SHARE)

    def take(self, nodes: Collection[str]) -> float:
        """Spend a retry of each node; return seconds until the budget of all of them allows it."""
        waits = [0.0]
        for node in set(nodes):
            account = self._account(node)
            account.tokens -= 1.0
            waits.append(-account.tokens / BUDGET_FLOOR_PER_SECOND)
        return max(waits)

    def left(self, node: str) -> float:
        """Return how many retries a node may cause now; negative: so many are put off."""
        return self._account(node).tokens

    def _account(self, node: str) -> _Account:
        now = self._clock.monotonic()
        account = self._accounts.setdefault(node, _Account(BUDGET_BURST, now))
        account.tokens = min(BUDGET_BURST, account.tokens + (now - account.at) * BUDGET_FLOOR_PER_SECOND)
        account.at = now
        return account
