"""Freshness by config key and data type, with what the trainers hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.types import DataType, Policy
from engine.catalog.values import FreshnessRow, HeldRow, Places
from engine.locations import node_of
from engine.views import FreshnessView, TrainerFreshness

TRAINING_TYPES = frozenset({DataType.NPZ, DataType.MODELS})
AGE_STEP_SECONDS = 10.0
"""Ages are given in steps, so that a view in which only time passed is the same view."""


def freshness_views(
    rows: Sequence[FreshnessRow], held: Sequence[HeldRow], policy: Policy, places: Places, now: float
) -> tuple[FreshnessView, ...]:
    """Return one view per config key and data type, those with something at risk and few copies first."""
    by_group: dict[tuple[str | None, DataType], list[HeldRow]] = {}
    for row in held:
        by_group.setdefault((row.config_key, row.data_type), []).append(row)
    off_site_possible = len({place.provider for place in places.places}) > 1
    views = [
        _view(row, by_group.get((row.config_key, row.data_type), []), policy, off_site_possible, now) for row in rows
    ]
    return tuple(sorted(views, key=lambda v: (-v.at_risk_bytes, v.copies - v.wanted, v.config_key, v.data_type)))


def _view(
    row: FreshnessRow, held: Sequence[HeldRow], policy: Policy, off_site_possible: bool, now: float
) -> FreshnessView:
    off_site = "yes" if row.off_site_entries >= row.entries else "no"
    return FreshnessView(
        config_key=row.config_key or "(none)",
        data_type=row.data_type.value,
        newest_age_seconds=age(row.newest_mtime, now),
        copies=row.copies,
        wanted=policy.replication_target,
        off_site=off_site if off_site_possible else "not configured",
        at_risk_bytes=row.at_risk_bytes,
        trainers=_trainers(row, held, policy, now) if row.data_type in TRAINING_TYPES else (),
        entries=row.entries,
    )


def _trainers(row: FreshnessRow, held: Sequence[HeldRow], policy: Policy, now: float) -> tuple[TrainerFreshness, ...]:
    there: Mapping[str, HeldRow] = {node_of(h.location): h for h in held}
    views = []
    for node in policy.nodes.values():
        if not (node.training and node.ready and policy.receives(node.node_id, row.data_type).receives):
            continue
        found = there.get(node.node_id)
        newest = found is not None and found.outdated == 0 and found.newest_mtime >= row.newest_mtime
        views.append(TrainerFreshness(node.node_id, age(found.newest_mtime, now) if found else None, newest))
    return tuple(views)


def age(at: float, now: float) -> float:
    """Return an age in seconds, in steps: exact below a minute is nobody's need, quiet screens are."""
    return max(0.0, (now - at) // AGE_STEP_SECONDS * AGE_STEP_SECONDS)
