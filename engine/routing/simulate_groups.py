"""Entries that no rule and no disk can tell apart, together: what holds for one of them holds for all. Pure."""

from __future__ import annotations

import fnmatch
import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from config.types import Policy, RuleMatch, RuleSpec
from engine.model import DataEntry
from engine.routing.matching import deciding_rule
from engine.routing.simulate_image import ABSENT, ODD, CatalogImage, Kind, Pause

_PAUSE_EVERY = 2_000
_BLOCK = 4_096
Band = Callable[[int], object]
"""What tells entries of one kind apart, by row id."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """All entries: groups of row ids, and those that are to be looked at one by one."""

    groups: tuple[array[int], ...]
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
    apart: Set[str],
    pause: Pause = lambda: None,
) -> Grouped:
    """Return the entries in groups that neither ``rules`` nor the free space (``rooms``, in bytes) can tell apart.

    ``apart`` are keys that something else tells from the others: a transfer that is queued, the newest of its kind.
    """
    kinds = _Told(image, [rule.match for rule in rules], rooms, now)
    known = image.members(pause)
    special = _rows_of(image, apart, pause)
    cut = {image.kind_of[row_id] for row_id in special}
    together: dict[object, list[array[int]]] = {}
    bands: dict[object, list[Band]] = {}
    for number, kind in enumerate(image.kinds):
        rows = known[number]
        if kind is None or not rows:
            continue
        if number in cut:
            rows = array("i", [row_id for row_id in rows if row_id not in special])
        group, told_by = kinds.group(kind)
        together.setdefault(group, []).append(rows)
        bands[group] = told_by
    groups = tuple(block for group, rows in together.items() for block in _told(rows, bands[group], pause))
    odd = [row_id for row_id in special if image.kind_of[row_id] not in (ABSENT, ODD)]
    return Grouped(groups, (*known[ODD], *sorted(odd)))


def touched_by(
    image: CatalogImage, policy: Policy, now: float, pause: Pause = lambda: None
) -> tuple[dict[str, Touched], tuple[int, ...]]:
    """Return what each rule decides about, by name, and the entries that are to be looked at one by one."""
    known = grouped(image, policy.rules, (), now, frozenset(), pause)
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


def _rows_of(image: CatalogImage, keys: Set[str], pause: Pause) -> set[int]:
    """Return the row ids of some keys."""
    found: set[int] = set()
    for start in range(0, len(image.keys) if keys else 0, _PAUSE_EVERY):
        pause()
        page = image.keys[start : start + _PAUSE_EVERY]
        if not keys.isdisjoint(page):
            found.update(row_id for row_id, key in enumerate(page, start) if key in keys)
    return found


class _Told:
    """What tells kinds and entries apart: the matches that could hold for them, and the free space."""

    def __init__(self, image: CatalogImage, matches: Sequence[RuleMatch], rooms: Collection[int], now: float) -> None:
        self._image = image
        self._matches = matches
        self._rooms = rooms
        self._now = now
        self._bands: dict[object, list[Band]] = {}
        self._held: dict[tuple[str, str], bool] = {}

    def group(self, kind: Kind) -> tuple[object, list[Band]]:
        """Return what a kind has in common with all that no rule tells from it, and what tells its entries apart."""
        could = tuple(number for number, match in enumerate(self._matches) if self._could_hold(match, kind))
        bands = self._bands.get(could)
        if bands is None:
            matches = [self._matches[number] for number in could]
            bands = self._bands[could] = _bands(self._image, matches, self._rooms, self._now)
        return (kind.data_type, could, kind.origin, kind.special, kind.locations), bands

    def _could_hold(self, match: RuleMatch, kind: Kind) -> bool:
        if kind.data_type not in match.data_types:
            return False
        asked = (kind.config_key or "", match.config_key)
        held = self._held.get(asked)
        if held is None:
            held = self._held[asked] = match.config_key == "*" or fnmatch.fnmatchcase(*asked)
        return held


def _told(pieces: Sequence[array[int]], bands: Sequence[Band], pause: Pause) -> Iterator[array[int]]:
    """Yield the entries of some kinds in blocks; those of one block are in the same bands."""
    found: dict[object, list[array[int]]] = {}
    for block in _blocks(pieces):
        pause()
        if not bands:
            yield block
            continue
        parts: dict[object, array[int]] = {}
        for row_id, *told in zip(block, *(map(band, block) for band in bands), strict=True):
            group = tuple(told)
            if group in parts:
                parts[group].append(row_id)
            else:
                parts[group] = array("i", (row_id,))
        for told_by, part in parts.items():
            found.setdefault(told_by, []).append(part)
    for rows in found.values():
        yield from _blocks(rows)


def _blocks(pieces: Sequence[array[int]]) -> Iterator[array[int]]:
    """Yield rows in blocks that are neither so large that a step over one is long, nor many and small."""
    block = array("i")
    for rows in pieces:
        start = 0
        while start < len(rows):
            taken = min(len(rows) - start, _BLOCK - len(block))
            block.extend(rows[start : start + taken])
            start += taken
            if len(block) == _BLOCK:
                yield block
                block = array("i")
    if block:
        yield block


def _bands(image: CatalogImage, matches: Sequence[RuleMatch], rooms: Collection[int], now: float) -> list[Band]:
    bands: list[Band] = []
    bounds = {least for m in matches if (least := m.min_size_bytes) is not None}
    bounds |= {most + 1 for m in matches if (most := m.max_size_bytes) is not None}
    edges, sizes = sorted(bounds | {room + 1 for room in rooms}), image.sizes
    edges = [edge for edge in edges if 0 < edge <= image.largest]
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
