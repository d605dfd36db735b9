"""What tells single keys from others that are like them: a transfer that is queued, the newest of their kind. Pure."""

from __future__ import annotations

from typing import NamedTuple

from engine.planner.context import PlanContext
from engine.routing.simulate_groups import Alike


class Mark(NamedTuple):
    """Where copies of a key are on their way, before and after; whether it is the newest."""

    before: frozenset[str]
    after: frozenset[str]
    newest: bool


NO_MARK = Mark(frozenset(), frozenset(), False)


def marks_of(old: PlanContext, new: PlanContext) -> dict[str, Mark]:
    """Return the marks of the keys that have one."""
    newest = new.newest or frozenset()
    return {
        key: Mark(old.in_flight(key), new.in_flight(key), key in newest)
        for key in {key for key, _ in (*old.live, *new.live)} | newest
    }


def mark_of(alike: Alike) -> Mark:
    """Return the mark of entries that are alike."""
    return alike.mark if isinstance(alike.mark, Mark) else NO_MARK
