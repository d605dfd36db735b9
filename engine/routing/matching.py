"""Which rule an entry falls under: pure."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from config.globs import glob_matches
from config.types import NodeSpec, Policy, RuleMatch, RuleSpec
from engine.locations import node_of
from engine.model import DataEntry


def deciding_rule(entry: DataEntry, policy: Policy, now: float) -> RuleSpec | None:
    """Return the first rule that matches an entry, or None."""
    return next((rule for rule in policy.rules if matches(rule.match, entry, policy.nodes, now)), None)


def matches(match: RuleMatch, entry: DataEntry, nodes: Mapping[str, NodeSpec], now: float) -> bool:
    """Return whether every field that a match states holds. A bound that cannot be judged yet does not hold."""
    return (
        entry.data_type in match.data_types
        and glob_matches(entry.config_key or "", match.config_key)
        and (match.path == "*" or fnmatchcase(entry.key.path, match.path))
        and _between(float(entry.size_bytes), match.min_size_bytes, match.max_size_bytes)
        and _age_matches(match, entry, now)
        and (match.region == "*" or any(glob_matches(region, match.region) for region in _regions(entry, nodes)))
    )


def newest_mtime(entry: DataEntry) -> float | None:
    """Return when the current version, else the newest file, was written, in seconds since the epoch."""
    if entry.current is not None:
        return entry.current.mtime
    return max((replica.stat.mtime_ns / 1e9 for replica in entry.replicas), default=None)


def _age_matches(match: RuleMatch, entry: DataEntry, now: float) -> bool:
    if match.min_age_seconds is None and match.max_age_seconds is None:
        return True
    written = newest_mtime(entry)
    return written is not None and _between(now - written, match.min_age_seconds, match.max_age_seconds)


def _between(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _regions(entry: DataEntry, nodes: Mapping[str, NodeSpec]) -> set[str]:
    """Return the origin's region; where a name has no origin, those of the nodes that hold it."""
    ids = {entry.key.origin} if entry.key.origin else {node_of(replica.location) for replica in entry.replicas}
    return {spec.region for spec in (nodes.get(node_id) for node_id in ids) if spec is not None and spec.region}
