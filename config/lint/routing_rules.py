"""Routing rules and the number of copies: what can never be fulfilled."""

from __future__ import annotations

from collections.abc import Iterator

from config.document import Path
from config.globs import glob_matches
from config.lint.rule import Context, Hit, LintRule, both
from config.places import decision_at, places
from config.presets.preset import ringrift
from config.selector import Selector, attributes_of
from config.types import DataType, Policy, RuleMatch, RuleSpec, Severity


def _file_rules(context: Context) -> Iterator[tuple[RuleSpec, Path]]:
    """Yield the rules of the file; the policy has them first, in the same order."""
    for index, _ in enumerate(context.cluster.routing.rules or ()):
        yield context.policy.rules[index], ("sync_routing", "rules", index)


def _selected_and_eligible(policy: Policy, selector: str, data_types: frozenset[DataType]) -> tuple[int, int]:
    """Return how many places a selector picks, and how many of those receive one of the types."""
    parsed, selected, eligible = Selector.parse(selector), 0, 0
    for node, drive in places(policy):
        if parsed.matches(attributes_of(node, drive)):
            selected += 1
            eligible += any(decision_at(policy, node, drive, kind).receives for kind in data_types)
    return selected, eligible


def _selects_nothing(context: Context) -> Iterator[Hit]:
    for rule, path in _file_rules(context):
        for index, place in enumerate(rule.place):
            selected, eligible = _selected_and_eligible(context.policy, place.selector, rule.match.data_types)
            where = (*path, "place", index, "selector")
            if not selected:
                yield Hit(where, f"rule {rule.name}: the selector {place.selector!r} matches no host and no drive")
            elif not eligible:
                yield Hit(where, f"rule {rule.name}: no place that {place.selector!r} selects receives such data")


def _too_few_places(context: Context) -> Iterator[Hit]:
    for rule, path in _file_rules(context):
        for index, place in enumerate(rule.place):
            _, eligible = _selected_and_eligible(context.policy, place.selector, rule.match.data_types)
            if place.copies is not None and 0 < eligible < place.copies:
                message = (
                    f"rule {rule.name} wants {place.copies} copies on {place.selector!r}, but {eligible} can receive"
                )
                yield Hit((*path, "place", index, "copies"), message)


def _covers(wide: RuleMatch, narrow: RuleMatch) -> bool:
    """Return whether everything that ``narrow`` matches is surely matched by ``wide`` too."""
    texts = ("config_key", "path", "region")
    bounds = ("min_size_bytes", "max_size_bytes", "min_age_seconds", "max_age_seconds")
    return (
        wide.data_types >= narrow.data_types
        and all(getattr(wide, name) in ("*", getattr(narrow, name)) for name in texts)
        and all(getattr(wide, name) in (None, getattr(narrow, name)) for name in bounds)
    )


def _unreachable(context: Context) -> Iterator[Hit]:
    rules = list(_file_rules(context))
    for position, (rule, path) in enumerate(rules):
        earlier = next(((r, at) for r, at in rules[:position] if _covers(r.match, rule.match)), None)
        if earlier is not None:
            message = f"rule {rule.name} never decides: rule {earlier[0].name} before it matches all that it matches"
            yield from both(context, path, earlier[1], message)


def _repeated_name(context: Context) -> Iterator[Hit]:
    seen: dict[str, Path] = {}
    for rule, path in _file_rules(context):
        if rule.name in seen:
            yield from both(context, seen[rule.name], path, f"two rules are called {rule.name}")
        seen.setdefault(rule.name, path)


def _config_key_matches_nothing(context: Context) -> Iterator[Hit]:
    for rule, path in _file_rules(context):
        glob = rule.match.config_key
        if glob != "*" and not any(glob_matches(key, glob) for key in ringrift().all_config_keys()):
            yield Hit((*path, "match", "config_key"), f"rule {rule.name}: config_key {glob!r} matches no config key")


def _target_unreachable(context: Context) -> Iterator[Hit]:
    stated = [("sync_routing", "replication_target"), ("data_plane", "min_replication_factor")]
    values = (context.cluster.routing.replication_target, context.cluster.plane.min_replication_factor)
    path = next((path for path, value in zip(stated, values, strict=True) if value is not None), None)
    if path is None:
        return
    target = context.policy.replication_target
    short = {
        kind: eligible
        for kind in DataType
        if (eligible := _selected_and_eligible(context.policy, "durable", frozenset({kind}))[1]) < target
    }
    if short:
        listed = ", ".join(f"{kind.value} {count}" for kind, count in short.items())
        yield Hit(path, f"{target} copies are wanted, but fewer durable places can receive: {listed}")


RULES = (
    LintRule(
        "rule-selects-nothing",
        Severity.WARNING,
        "a rule's selector matches no place, or none that receives",
        "correct the selector, or let a host that it selects receive",
        _selects_nothing,
    ),
    LintRule(
        "rule-too-few-places",
        Severity.WARNING,
        "a rule wants more copies than places can receive",
        "lower copies, or widen the selector",
        _too_few_places,
    ),
    LintRule(
        "rule-unreachable",
        Severity.WARNING,
        "a rule that never decides, because an earlier one matches everything that it matches",
        "put the narrower rule first, or remove it",
        _unreachable,
    ),
    LintRule("rule-repeated-name", Severity.WARNING, "two rules have one name", "rename one", _repeated_name),
    LintRule(
        "rule-config-key-unknown",
        Severity.WARNING,
        "a rule's config_key glob matches no config key",
        "write board_players or a glob of it, such as hex8_*",
        _config_key_matches_nothing,
    ),
    LintRule(
        "replication-target-unreachable",
        Severity.WARNING,
        "more copies are wanted than durable places can receive",
        "lower the target, add durable hosts, or let more of them receive",
        _target_unreachable,
    ),
)
