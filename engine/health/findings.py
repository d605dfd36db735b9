"""What needs the operator: one list, sorted by what would be lost. Pure.

A new kind of finding is one function in one of the rooms below, added to ``SOURCES``. Ids are stable while the
same thing is wrong, so that a finding can be told once and its recovery noticed; thresholds are the policy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from engine.health.data import data_findings
from engine.health.inputs import HealthInputs
from engine.health.itself import engine_findings
from engine.health.levels import ORDER
from engine.health.nodes import node_findings
from engine.health.storage import leftover_findings, storage_findings, unreadable_findings
from engine.views import FindingView

__all__ = ["HealthInputs", "diff", "find"]

SOURCES: tuple[Callable[[HealthInputs], Iterator[FindingView]], ...] = (
    engine_findings,
    node_findings,
    data_findings,
    storage_findings,
    unreadable_findings,
    leftover_findings,
)


def find(inputs: HealthInputs) -> list[FindingView]:
    """Return all findings: critical before warning before note, then by the bytes at risk, then by id."""
    found = [finding for source in SOURCES for finding in source(inputs)]
    return sorted(found, key=lambda f: (ORDER[f.severity], -f.at_risk_bytes, f.id))


def diff(
    old: Sequence[FindingView], new: Sequence[FindingView]
) -> tuple[tuple[FindingView, ...], tuple[FindingView, ...]]:
    """Return what appeared (or became worse) and what recovered between two lists of findings, by id."""
    before = {finding.id: finding for finding in old}
    now = {finding.id for finding in new}
    appeared = tuple(f for f in new if f.id not in before or ORDER[f.severity] < ORDER[before[f.id].severity])
    recovered = tuple(f for f in old if f.id not in now)
    return appeared, recovered
