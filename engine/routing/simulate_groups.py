"""Entries that no rule and no disk can tell apart, together: what holds for one of them holds for all. Pure."""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from config.types import Policy, RuleMatch, RuleSpec
from engine.model import DataEntry
from engine.routing.matching import deciding_rule
from engine.routing.simulate_image import ABSENT, ODD, CatalogImage, Pause

_PAUSE_EVERY = 2_000
Band = Callable[[int], object]
"""What tells entries of one kind apart, by row id."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """All entries: groups of row ids, and those that are to be looked at one by one."""

    groups: tuple[Sequence[int], ...]
    alone: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Touched:
    """What a rule decides about."""

    entries: int
    bytes: int


def grouped(
    image: CatalogImage,
    rules: Iterable[RuleSpec],
    rooms: Collection[int],
    now: float,
    apart: Collection[str],
    pause: Pause = lambda: None,
) -> Grouped:
    """Return the entries in groups that neither ``rules`` nor the free space (``rooms``, in bytes) can tell apart.

    ``apart`` are keys that something else tells from the others: a transfer that is queued, the newest of its kind.
    """
    matches = [rule.match for rule in rules]
    bands, alike = _bands(image, matches, rooms, now), _alike(image, matches)
    found: dict[object, list[int]] = {}
    alone: list[int] = []
    special, keys = frozenset(apart), image.keys
    for row_id, kind in enumerate(image.kind_of):
        if row_id % _PAUSE_EVERY == 0:
            pause()
        if kind == ABSENT:
            continue
        if kind == ODD or (special and keys[row_id] in special):
            alone.append(row_id)
            continue
        group: object = (alike[kind], *(band(row_id) for band in bands)) if bands else alike[kind]
        members = found.get(group)
        if members is None:
            found[group] = [row_id]
        else:
            members.append(row_id)
    return Grouped(tuple(found.values()), tuple(alone))


def touched_by(
    image: CatalogImage, policy: Policy, now: float, pause: Pause = lambda: None
) -> tuple[dict[str, Touched], tuple[int, ...]]:
    """Return what each rule decides about, by name, and the entries that are to be looked at one by one."""
    known = grouped(image, policy.rules, (), now, (), pause)
    found: dict[str, Touched] = {}
    for members in known.groups:
        rule = deciding_rule(image.entry(members[0]), policy, now)
        if rule is not None:
            add_touched(found, rule, len(members), image.bytes_of(members))
    return found, known.alone


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


def _alike(image: CatalogImage, matches: Sequence[RuleMatch]) -> list[int]:
    """Return for each kind the first that differs from it in nothing but a config key that no rule tells apart."""
    globs = sorted({match.config_key for match in matches} - {"*"})
    first: dict[object, int] = {}
    found: list[int] = []
    for number, kind in enumerate(image.kinds):
        if kind is None:
            found.append(number)
            continue
        told = tuple(fnmatch.fnmatchcase(kind.config_key or "", glob) for glob in globs)
        seen = (kind.data_type, told, kind.origin, kind.special, kind.locations)
        found.append(first.setdefault(seen, number))
    return found


def _bands(image: CatalogImage, matches: Sequence[RuleMatch], rooms: Collection[int], now: float) -> list[Band]:
    bands: list[Band] = []
    bounds = {least for m in matches if (least := m.min_size_bytes) is not None}
    bounds |= {most + 1 for m in matches if (most := m.max_size_bytes) is not None}
    edges, sizes = sorted(bounds | {room + 1 for room in rooms}), image.sizes
    largest = max(sizes, default=0)
    edges = [edge for edge in edges if 0 < edge <= largest]
    if edges:
        bands.append(lambda row_id: bisect_right(edges, sizes[row_id]))
    ages = sorted({bound for m in matches for bound in (m.min_age_seconds, m.max_age_seconds) if bound is not None})
    if ages:
        bands.append(_age_band(image, ages, now))
    globs = sorted({m.path for m in matches} - {"*"})
    if globs:
        bands.append(_path_band(image, globs))
    return bands


def _age_band(image: CatalogImage, ages: Sequence[float], now: float) -> Band:
    mtimes = image.mtimes

    def band(row_id: int) -> object:
        age = now - mtimes[row_id]
        return bisect_right(ages, age), age in ages

    return band


def _path_band(image: CatalogImage, globs: Sequence[str]) -> Band:
    patterns = [re.compile(fnmatch.translate(glob)).match for glob in globs]

    def band(row_id: int) -> object:
        path = image.path(row_id)
        return tuple(match(path) is not None for match in patterns)

    return band
