"""Moves into plans: what goes from one source to one set of targets for one reason travels as one plan. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.model import EntryKey, SyncPlan, Transport
from engine.planner.chains import transport_chain
from engine.planner.context import PlanContext
from engine.planner.moves import Move, Why

MOST_ENTRIES = 100
MOST_BYTES = 10**9
"""The users' own limits of one plan (max entries and max size per plan); one larger file is a plan by itself."""


@dataclass
class _Group:
    source: str
    targets: tuple[str, ...]
    why: Why
    chain: tuple[Transport, ...]
    entries: list[EntryKey] = field(default_factory=list)
    size_bytes: int = 0

    def has_room(self, size_bytes: int) -> bool:
        return len(self.entries) < MOST_ENTRIES and self.size_bytes + size_bytes <= MOST_BYTES


def group(moves: Sequence[Move], context: PlanContext) -> tuple[SyncPlan, ...]:
    """Return plans in the order of their most urgent move. ``moves`` must be in order of urgency."""
    groups: list[_Group] = []
    open_groups: dict[tuple[object, ...], _Group] = {}
    for first, targets, chain in _by_entry(moves, context):
        why = first.demand.why
        kind = (first.source, targets, why, chain)
        current = open_groups.get(kind)
        if current is None or not current.has_room(first.size_bytes):
            current = open_groups[kind] = _Group(first.source, targets, why, chain)
            groups.append(current)
        current.entries.append(first.demand.entry.key)
        current.size_bytes += first.size_bytes
    return tuple(_plan(found) for found in groups)


def _by_entry(
    moves: Sequence[Move], context: PlanContext
) -> Iterable[tuple[Move, tuple[str, ...], tuple[Transport, ...]]]:
    """Yield the first of the moves that differ in nothing but the target, with all their targets and their chain."""
    wanted = _targets(moves, context)
    joined: dict[tuple[object, ...], tuple[Move, list[str], tuple[Transport, ...]]] = {}
    for move in moves:
        key = str(move.demand.entry.key)
        chain = _chain(move, context, len(wanted[key]))
        kind = (key, move.source, move.demand.why, chain)
        joined.setdefault(kind, (move, [], chain))[1].append(move.target)
    return ((move, tuple(sorted(targets)), chain) for move, targets, chain in joined.values())


def _targets(moves: Sequence[Move], context: PlanContext) -> dict[str, set[str]]:
    """Return where each entry is wanted at the same time: by these moves, or by transfers that are queued or run."""
    wanted: dict[str, set[str]] = {}
    for move in moves:
        wanted.setdefault(str(move.demand.entry.key), set()).add(move.target)
    for key, target in context.live:
        if key in wanted:
            wanted[key].add(target)
    return wanted


def _chain(move: Move, context: PlanContext, targets: int) -> tuple[Transport, ...]:
    ends = context.locations[move.source], context.locations[move.target]
    threshold = context.policy.engine.large_file_threshold_bytes
    via = move.demand.why.via
    return transport_chain(move.size_bytes, not ends[0].durable, not ends[1].durable, False, via, threshold, targets)


def _plan(found: _Group) -> SyncPlan:
    why = found.why
    return SyncPlan(
        source=found.source,
        targets=found.targets,
        entries=tuple(found.entries),
        priority=why.priority,
        reason=why.reason,
        rule=why.rule,
        line=why.line,
        transport_preference=found.chain,
        deadline=why.deadline,
        bytes=found.size_bytes,
    )
