"""What each rule decides about, on the whole catalog. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from config.types import Policy, RuleSpec
from engine.model import DataEntry
from engine.routing.matching import deciding_rule
from engine.routing.simulation.image import CatalogImage, Pause


@dataclass(frozen=True, slots=True)
class Touched:
    """What a rule decides about."""

    entries: int
    bytes: int


def touched_by(
    image: CatalogImage, policy: Policy, now: float, pause: Pause = lambda: None
) -> tuple[dict[str, Touched], tuple[int, ...]]:
    """Return what each rule decides about, by name, and the entries that are to be looked at one by one.

    Loads numpy: for a thread.
    """
    from engine.routing.simulation.groups import grouped

    found: dict[str, Touched] = {}
    alikes, odd = grouped(image, policy.rules, (), now, {}, pause)
    for alike in alikes:
        rule = deciding_rule(image.entry(alike.first), policy, now)
        if rule is not None:
            for block in alike.blocks():
                pause()
                add_touched(found, rule, len(block), sum(map(image.sizes.__getitem__, block)))
    return found, odd


def touched_alone(found: dict[str, Touched], entries: Iterable[DataEntry], policy: Policy, now: float) -> None:
    """Add entries that are looked at one by one."""
    for entry in entries:
        rule = deciding_rule(entry, policy, now)
        if rule is not None:
            add_touched(found, rule, 1, entry.size_bytes)


def add_touched(found: dict[str, Touched], rule: RuleSpec, entries: int, size_bytes: int) -> None:
    """Add entries to what a rule decides about."""
    before = found.get(rule.name, Touched(0, 0))
    found[rule.name] = Touched(before.entries + entries, before.bytes + size_bytes)
