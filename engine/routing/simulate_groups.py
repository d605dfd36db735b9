"""Entries that no rule and no disk can tell apart, together: what holds for one of them holds for all. Pure."""

from __future__ import annotations

import fnmatch
import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from config.globs import glob_matches
from config.types import Policy, RuleMatch, RuleSpec
from engine.model import DataEntry
from engine.routing.matching import deciding_rule
from engine.routing.simulate_image import ODD, CatalogImage, Kind, Pause

_PAUSE_EVERY = 2_000
_BLOCK = 4_096
_KINDS_AT_ONCE = 200
Band = Callable[[int], object]
"""What tells entries of one kind apart, by row id."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Entries about which one rule decides, and that the same disks have room for: row ids, by where copies are.

    ``mark`` is what tells them from others otherwise (None: nothing).
    """

    first: int
    pieces: tuple[tuple[Kind, Sequence[int]], ...]
    mark: Hashable = None


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
    marks: Mapping[str, Hashable],
    pause: Pause = lambda: None,
) -> Iterator[Alike]:
    """Yield the entries that neither ``rules`` nor the free space (``rooms``, in bytes) can tell apart together.

    ``marks`` are keys that something else tells from the others: a transfer that is queued, the newest of its kind.
    Those that are to be looked at one by one are left out: ``image.members()[ODD]``.
    """
    told = _Told(image, [rule.match for rule in rules], rooms, now)
    known = image.members(pause)
    marked = _marked(image, marks, pause)
    together: dict[tuple[Hashable, ...], list[tuple[Kind, Sequence[int]]]] = {}
    bands: dict[Hashable, list[Band]] = {}
    for number, kind in enumerate(image.kinds):
        if number % _KINDS_AT_ONCE == 0:
            pause()
        rows: Sequence[int] = known[number]
        if kind is None or not rows:
            continue
        group, told_by = told.group(kind)
        here = marked.get(number)
        if here:
            for mark, few in _by_mark(here).items():
                together.setdefault((mark, *group), []).append((kind, few))
                bands[(mark, *group)] = told_by
            rows = array("i", [row_id for row_id in rows if row_id not in here])
        if rows:
            together.setdefault((None, *group), []).append((kind, rows))
            bands[(None, *group)] = told_by
    for group_of, pieces in together.items():
        yield from _told(group_of[0], pieces, bands[group_of], pause)


def touched_by(
    image: CatalogImage, policy: Policy, now: float, pause: Pause = lambda: None
) -> tuple[dict[str, Touched], tuple[int, ...]]:
    """Return what each rule decides about, by name, and the entries that are to be looked at one by one."""
    found: dict[str, Touched] = {}
    for alike in grouped(image, policy.rules, (), now, {}, pause):
        rule = deciding_rule(image.entry(alike.first), policy, now)
        if rule is not None:
            for _, rows in alike.pieces:
                for block in blocks((rows,)):
                    pause()
                    add_touched(found, rule, len(block), image.bytes_of(block))
    return found, tuple(image.members(pause)[ODD])


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


def blocks(pieces: Iterable[Sequence[int]]) -> Iterator[array[int]]:
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


def _marked(image: CatalogImage, marks: Mapping[str, Hashable], pause: Pause) -> dict[int, dict[int, Hashable]]:
    """Return the marks of row ids, by kind."""
    found: dict[int, dict[int, Hashable]] = {}
    keys = marks.keys()
    for start in range(0, len(image.keys) if marks else 0, _PAUSE_EVERY):
        pause()
        page = image.keys[start : start + _PAUSE_EVERY]
        if not keys.isdisjoint(page):
            for row_id, key in enumerate(page, start):
                if key in marks:
                    found.setdefault(image.kind_of[row_id], {})[row_id] = marks[key]
    return found


def _by_mark(marked: Mapping[int, Hashable]) -> dict[Hashable, array[int]]:
    found: dict[Hashable, array[int]] = {}
    for row_id, mark in marked.items():
        found.setdefault(mark, array("i")).append(row_id)
    return found


class _Told:
    """What tells kinds and entries apart: the matches that could hold for them, and the free space."""

    def __init__(self, image: CatalogImage, matches: Sequence[RuleMatch], rooms: Collection[int], now: float) -> None:
        self._image = image
        self._matches = matches
        self._rooms = rooms
        self._now = now
        self._bands: dict[object, list[Band]] = {}
        self._could: dict[tuple[object, str | None], tuple[tuple[int, ...], bool]] = {}

    def group(self, kind: Kind) -> tuple[tuple[Hashable, ...], list[Band]]:
        """Return what a kind has in common with all that no rule tells from it, and what tells its entries apart."""
        asked = (kind.data_type, kind.config_key)
        known = self._could.get(asked)
        if known is None:
            could = tuple(number for number, match in enumerate(self._matches) if _could_hold(match, kind))
            regional = any(self._matches[number].region != "*" for number in could)
            known = self._could[asked] = could, regional
            if could not in self._bands:
                matches = [self._matches[number] for number in could]
                self._bands[could] = _bands(self._image, matches, self._rooms, self._now)
        could, regional = known
        where = (kind.origin or kind.locations) if regional else None
        return (kind.data_type, could, where), self._bands[could]


def _could_hold(match: RuleMatch, kind: Kind) -> bool:
    if kind.data_type not in match.data_types:
        return False
    return glob_matches(kind.config_key or "", match.config_key)


def _told(
    mark: Hashable, pieces: Sequence[tuple[Kind, Sequence[int]]], bands: Sequence[Band], pause: Pause
) -> Iterator[Alike]:
    """Yield entries of some kinds; those of one group are in the same bands."""
    if not bands:
        yield Alike(pieces[0][1][0], tuple(pieces), mark)
        return
    found: dict[object, list[tuple[Kind, Sequence[int]]]] = {}
    done = 0
    for kind, rows in pieces:
        parts: dict[object, array[int]] = {}
        for start in range(0, len(rows), _PAUSE_EVERY):
            if done // _PAUSE_EVERY != (done + len(rows)) // _PAUSE_EVERY:
                pause()
            block = rows[start : start + _PAUSE_EVERY]
            for row_id, *told in zip(block, *(map(band, block) for band in bands), strict=True):
                group = tuple(told)
                if group in parts:
                    parts[group].append(row_id)
                else:
                    parts[group] = array("i", (row_id,))
        done += len(rows)
        for told_by, part in parts.items():
            found.setdefault(told_by, []).append((kind, part))
    for parts_alike in found.values():
        yield Alike(parts_alike[0][1][0], tuple(parts_alike), mark)


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
