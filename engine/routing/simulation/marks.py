"""What tells single keys from others that are like them: a transfer that is queued, the newest of their kind. Pure."""

from __future__ import annotations

from typing import NamedTuple

from engine.planner.context import PlanContext
from engine.routing.simulation.groups import Alike


class Mark(NamedTuple):
    """Whether copies of a key are on their way; whether it is the newest."""

    moves: bool
    newest: bool


NO_MARK = Mark(False, False)


def marks_of(old: PlanContext, new: PlanContext) -> dict[str, Mark]:
    """Return the marks of the keys that have one."""
    newest = new.newest or frozenset()
    moving = {key for key, _ in (*old.live, *new.live)}
    return {key: Mark(key in moving, key in newest) for key in moving | newest}


def mark_of(alike: Alike) -> Mark:
    """Return the mark of entries that are alike."""
    return alike.mark if isinstance(alike.mark, Mark) else NO_MARK
