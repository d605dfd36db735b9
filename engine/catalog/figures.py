"""Figures over entries, as parts that add up to the whole: pure.

Each figure is a sum, a least or a greatest value, so figures of any parts of the catalog make those of all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

from engine.catalog.values import FreshnessRow, HeldRow, LocationCount, NodeRisk, Totals

Row = TypeVar("Row")

NOTHING = Totals(0, 0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the entries of one part of the catalog, or of all of it, come to."""

    freshness: Sequence[FreshnessRow] = ()
    risks: Sequence[NodeRisk] = ()
    """What would be lost with each node, the worst first."""
    held: Sequence[HeldRow] = ()
    counts: Sequence[LocationCount] = ()
    totals: Totals = NOTHING


def add_up(parts: Iterable[Figures]) -> Figures:
    """Return the figures of all parts together."""
    all_parts = list(parts)
    totals = (one.totals for one in all_parts)
    return Figures(
        sorted(_merged((one.freshness for one in all_parts), _kind, _fresher), key=_by_kind),
        sorted(_merged((one.risks for one in all_parts), lambda r: r.node_id, _riskier), key=_worst_first),
        _merged((one.held for one in all_parts), lambda r: (r.location, r.config_key, r.data_type), _more_held),
        sorted(_merged((one.counts for one in all_parts), _by_state, _counted), key=_by_state),
        _total(totals),
    )


def _merged(
    rows: Iterable[Sequence[Row]], group: Callable[[Row], Hashable], both: Callable[[Row, Row], Row]
) -> list[Row]:
    found: dict[Hashable, Row] = {}
    for row in chain.from_iterable(rows):
        key = group(row)
        known = found.get(key)
        found[key] = row if known is None else both(known, row)
    return list(found.values())


def _kind(row: FreshnessRow) -> Hashable:
    return row.config_key, row.data_type


def _by_kind(row: FreshnessRow) -> tuple[str, str]:
    return row.config_key or "", row.data_type.value


def _by_state(row: LocationCount) -> tuple[str, str]:
    return row.location, row.state.value


def _worst_first(row: NodeRisk) -> tuple[int, str]:
    return -row.bytes, row.node_id


def _fresher(one: FreshnessRow, other: FreshnessRow) -> FreshnessRow:
    return FreshnessRow(
        one.config_key,
        one.data_type,
        max(one.newest_mtime, other.newest_mtime),
        one.entries + other.entries,
        min(one.copies, other.copies),
        one.at_risk_bytes + other.at_risk_bytes,
        one.at_risk_entries + other.at_risk_entries,
        one.off_site_entries + other.off_site_entries,
    )


def _riskier(one: NodeRisk, other: NodeRisk) -> NodeRisk:
    return NodeRisk(one.node_id, one.entries + other.entries, one.bytes + other.bytes)


def _more_held(one: HeldRow, other: HeldRow) -> HeldRow:
    return replace(
        one,
        newest_mtime=max(one.newest_mtime, other.newest_mtime),
        entries=one.entries + other.entries,
        outdated=one.outdated + other.outdated,
    )


def _counted(one: LocationCount, other: LocationCount) -> LocationCount:
    return replace(one, replicas=one.replicas + other.replicas, bytes=one.bytes + other.bytes)


def _total(totals: Iterable[Totals]) -> Totals:
    every = list(totals)
    return Totals(sum(one.entries for one in every), sum(one.replicas for one in every))
