"""Routing rules: those of the file, then the built-in ones. The first that matches an entry decides."""

from __future__ import annotations

from collections.abc import Iterator

from config.document import Document
from config.rules_file import RulesApart
from config.schema.cluster import ClusterFile
from config.schema.rule import Rule, RuleMatchSection
from config.types import PRIORITIES, DataType, RuleMatch, RulePlace, RuleSpec
from config.units import Bounds, parse_duration, parse_size

BUILT_IN_PREFIX = "built-in:"


def build_rules(
    document: Document, cluster: ClusterFile, replication_target: int, apart: RulesApart | None = None
) -> tuple[RuleSpec, ...]:
    """Return the rules in the order of deciding; every entry is matched by one of the last, built-in ones.

    ``apart`` are those of ``data_plane.rules_file``: they come after those of the configuration file.
    """
    others = _apart_rules(apart) if apart is not None else ()
    return (*_file_rules(document, cluster), *others, *built_in_rules(replication_target))


def built_in_rules(replication_target: int) -> tuple[RuleSpec, ...]:
    """Return the users' routing table: trainers get games, NPZ and models, GPU nodes models, drives everything.

    Whatever the type, ``replication_target`` copies are on durable places; those above count towards it.
    """
    safe = RulePlace("durable", replication_target)
    external = RulePlace("external", None)
    training = RulePlace("training", None)
    gpu = RulePlace("gpu", None)
    return (
        _built_in(DataType.GAMES, "normal", external, training, safe),
        _built_in(DataType.MODELS, "high", external, training, gpu, safe),
        _built_in(DataType.NPZ, "high", external, training, safe),
        _built_in(DataType.CHECKPOINT, "low", external, safe),
    )


def _built_in(data_type: DataType, priority: str, *places: RulePlace) -> RuleSpec:
    match = RuleMatch(data_types=frozenset({data_type}))
    return RuleSpec(f"{BUILT_IN_PREFIX}{data_type.value}", match, places, PRIORITIES[priority])


def _file_rules(document: Document, cluster: ClusterFile) -> Iterator[RuleSpec]:
    for index, rule in enumerate(cluster.routing.rules or ()):
        yield _rule(rule, document.mark(("sync_routing", "rules", index)).line)


def _apart_rules(apart: RulesApart) -> Iterator[RuleSpec]:
    for index, rule in enumerate(apart.rules):
        yield _rule(rule, apart.document.mark(("rules", index)).line, apart.document.file)


def _rule(rule: Rule, line: int, file: str = "") -> RuleSpec:
    return RuleSpec(
        name=rule.name,
        match=_match(rule.match or RuleMatchSection()),
        place=tuple(RulePlace(place.selector, place.copies) for place in rule.place),
        priority=rule.priority,
        deadline_seconds=rule.deadline,
        via=tuple(rule.via or ()),
        line=line,
        file=file,
    )


def _match(section: RuleMatchSection) -> RuleMatch:
    size = section.size or Bounds(None, None)
    age = section.age or Bounds(None, None)
    return RuleMatch(
        data_types=frozenset(section.data_type or DataType),
        config_key=section.config_key or "*",
        path=section.path or "*",
        min_size_bytes=parse_size(size.lower) if size.lower else None,
        max_size_bytes=parse_size(size.upper) if size.upper else None,
        min_age_seconds=parse_duration(age.lower) if age.lower else None,
        max_age_seconds=parse_duration(age.upper) if age.upper else None,
        region=section.region or "*",
    )
