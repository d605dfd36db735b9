"""One entry to one target: what the planner thinks in before it groups moves into plans."""

from __future__ import annotations

from dataclasses import dataclass

from config.types import RuleSpec
from engine.model import DataEntry, Refusal, SyncPriority, Transport
from engine.planner.obstacles import Obstacle


@dataclass(frozen=True, slots=True)
class Why:
    """What asks for a move: the rule and line that decide, how urgent it is, and whether that is ``fixed``."""

    rule: str
    line: int | None
    reason: str
    priority: SyncPriority
    deadline: float | None = None
    via: tuple[Transport, ...] = ()
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """A copy that is wanted at ``targets[0]``; the other targets will do where that one has no room.

    ``rank_bytes`` orders demands of one urgency, smaller first. ``again``: a transfer that is queued already is
    asked for once more, which raises its urgency.
    """

    entry: DataEntry
    targets: tuple[str, ...]
    why: Why
    rank_bytes: int = 0
    again: bool = False

    @property
    def order(self) -> tuple[int, float, int, str, tuple[str, ...]]:
        """The order of urgency: priority, the earlier deadline, then a stable one."""
        deadline = float("inf") if self.why.deadline is None else self.why.deadline
        return (-int(self.why.priority), deadline, self.rank_bytes, str(self.entry.key), self.targets)


@dataclass(frozen=True, slots=True)
class Move:
    """An admitted demand: entry, source, target."""

    demand: Demand
    source: str
    target: str
    size_bytes: int


def refusal(demand: Demand, target: str, found: Obstacle) -> Refusal:
    """Return an obstacle as the refusal of a demand; the obstacle's own line goes before the rule's."""
    line = found.line if found.line is not None else demand.why.line
    return Refusal(demand.entry.key, target, found.reason, found.remedy, demand.why.rule, line, found.code)


def deadline_of(rule: RuleSpec | None, now: float) -> float | None:
    """Return when a rule wants its files to have arrived, in seconds since the epoch."""
    return None if rule is None or rule.deadline_seconds is None else now + rule.deadline_seconds
