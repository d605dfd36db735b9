"""Entries that no rule and no disk can tell apart, together: what holds for one of them holds for all. Pure.

Loads numpy.
"""

from __future__ import annotations

import fnmatch
import re
from array import array
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from config.globs import glob_matches
from config.types import RuleMatch, RuleSpec
from engine.routing.simulation.columns import Numbers, in_order
from engine.routing.simulation.image import ABSENT, ODD, CatalogImage, Pause

_PAUSE_EVERY = 2_000
_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class Alike:
    """Entries, by row id, about which one rule decides, and that the same disks have room for.

    ``mark`` is what tells them from others otherwise (None: nothing).
    """

    row_ids: array[int]
    mark: Hashable = None

    @property
    def first(self) -> int:
        """The row id of one of them."""
        return self.row_ids[0]

    def blocks(self) -> Iterator[array[int]]:
        """Yield the row ids in blocks that are not so large that a step over one is long."""
        for start in range(0, len(self.row_ids), _BLOCK):
            yield self.row_ids[start : start + _BLOCK]


def grouped(
    image: CatalogImage,
    rules: Iterable[RuleSpec],
    rooms: Collection[int],
    now: float,
    marks: Mapping[str, Hashable],
    pause: Pause = lambda: None,
) -> tuple[list[Alike], tuple[int, ...]]:
    """Return the entries that neither ``rules`` nor the free space (``rooms``, in bytes) can tell apart together.

    ``marks`` are keys that something else tells from the others: a transfer that is queued, the newest of its kind.
    With them those that are to be looked at one by one, by row id.
    """
    told = _Told(image, [rule.match for rule in rules], rooms, now)
    group_of_kind = told.groups(pause)
    marked = _marked(image, marks, pause)
    found: dict[tuple[int, ...], array[int]] = {}
    odd: list[int] = []
    codes: dict[Hashable, int] = {None: 0}
    for start in range(0, len(image.kind_of), _BLOCK):
        pause()
        kinds = np.array(image.kind_of[start : start + _BLOCK], dtype=np.int32)
        odd += (np.flatnonzero(kinds == ODD) + start).tolist()
        at = np.flatnonzero((kinds != ODD) & (kinds != ABSENT))
        if not len(at):
            continue
        row_ids, groups = at + start, group_of_kind[kinds[at]]
        mark_of = _codes(row_ids, start, marked, codes)
        bands = told.bands(groups, row_ids)
        order, starts = in_order([groups, mark_of, *bands])
        heads = zip(*(numbers[order[starts]].tolist() for numbers in (groups, mark_of, *bands)), strict=True)
        for group, part in zip(heads, np.split(row_ids[order], starts[1:]), strict=True):
            found.setdefault(group, array("i")).frombytes(np.sort(part).astype(np.int32).tobytes())
    mark_by_code = list(codes)
    return [Alike(row_ids, mark_by_code[group[1]]) for group, row_ids in found.items()], tuple(odd)


def _marked(image: CatalogImage, marks: Mapping[str, Hashable], pause: Pause) -> dict[int, dict[int, Hashable]]:
    """Return the marks of row ids, by block."""
    found: dict[int, dict[int, Hashable]] = {}
    keys = marks.keys()
    for start in range(0, len(image.keys) if marks else 0, _BLOCK):
        pause()
        page = image.keys[start : start + _BLOCK]
        if not keys.isdisjoint(page):
            found[start] = {row_id: marks[key] for row_id, key in enumerate(page, start) if key in marks}
    return found


def _codes(
    row_ids: Numbers, start: int, marked: Mapping[int, Mapping[int, Hashable]], codes: dict[Hashable, int]
) -> Numbers:
    """Return the marks of the entries of a block as numbers, which ``codes`` remembers."""
    found = np.zeros(_BLOCK, dtype=np.int64)
    for row_id, mark in marked.get(start, {}).items():
        found[row_id - start] = codes.setdefault(mark, len(codes))
    chosen: Numbers = found[row_ids - start]
    return chosen


class _Told:
    """What tells kinds and entries apart: the matches that could hold for them, and the free space."""

    def __init__(self, image: CatalogImage, matches: Sequence[RuleMatch], rooms: Collection[int], now: float) -> None:
        self._image = image
        self._matches = matches
        self._rooms = rooms
        self._now = now
        self._groups: dict[Hashable, int] = {}
        self._could: list[tuple[int, ...]] = []
        self._paths: dict[tuple[bool, ...], int] = {}

    def groups(self, pause: Pause) -> Numbers:
        """Return, for each kind, the number of what it has in common with all that no rule tells from it."""
        of_class, regional = self._of_classes(pause)
        found = np.array([of_class[number] for number in self._image.class_of], dtype=np.int32)
        where = np.flatnonzero(np.array(regional, dtype=np.bool_)[np.array(self._image.class_of)]) if regional else ()
        for done, number in enumerate(where):
            if done % _PAUSE_EVERY == 0:
                pause()
            kind = self._image.kinds[number]
            if kind is not None:
                could = self._could[found[number]]
                found[number] = self._number((kind.data_type, could, kind.origin or kind.locations), could)
        return found

    def bands(self, groups: Numbers, row_ids: Numbers) -> list[Numbers]:
        """Return what tells entries apart that are of one group each, as numbers."""
        sizes, ages, paths = (np.zeros(len(row_ids), dtype=np.int64) for _ in range(3))
        by_could: dict[tuple[int, ...], list[int]] = {}
        for group in np.unique(groups).tolist():
            by_could.setdefault(self._could[group], []).append(group)
        for could, these in by_could.items():
            matches = [self._matches[number] for number in could]
            here = np.flatnonzero(np.isin(groups, these)) if len(by_could) > 1 else np.arange(len(groups))
            sizes[here] = self._by_size(matches, row_ids[here])
            ages[here] = self._by_age(matches, row_ids[here])
            paths[here] = self._by_path(matches, row_ids[here])
        return [sizes, ages, paths]

    def _of_classes(self, pause: Pause) -> tuple[list[int], list[bool]]:
        """Return the groups of classes, and whether a rule tells their regions apart."""
        groups, regional = [], []
        for number, (data_type, config_key) in enumerate(self._image.classes):
            if number % _PAUSE_EVERY == 0:
                pause()
            could = tuple(
                at for at, match in enumerate(self._matches)
                if data_type in match.data_types and glob_matches(config_key or "", match.config_key)
            )  # fmt: skip
            groups.append(self._number((data_type, could, None), could))
            regional.append(any(self._matches[at].region != "*" for at in could))
        return groups, regional

    def _number(self, group: Hashable, could: tuple[int, ...]) -> int:
        number = self._groups.get(group)
        if number is None:
            number = self._groups[group] = len(self._could)
            self._could.append(could)
        return number

    def _by_size(self, matches: Sequence[RuleMatch], row_ids: Numbers) -> Numbers | int:
        bounds = {least for m in matches if (least := m.min_size_bytes) is not None}
        bounds |= {most + 1 for m in matches if (most := m.max_size_bytes) is not None}
        edges = sorted(bounds | {room + 1 for room in self._rooms})
        edges = [edge for edge in edges if 0 < edge <= self._image.largest]
        if not edges:
            return 0
        return np.searchsorted(edges, np.frombuffer(self._image.sizes, dtype=np.int64)[row_ids], side="right")

    def _by_age(self, matches: Sequence[RuleMatch], row_ids: Numbers) -> Numbers | int:
        ages = sorted({age for m in matches for age in (m.min_age_seconds, m.max_age_seconds) if age is not None})
        if not ages:
            return 0
        age = self._now - np.frombuffer(self._image.mtimes, dtype=np.float64)[row_ids]
        exactly: Numbers = np.searchsorted(ages, age, side="left") + np.searchsorted(ages, age, side="right")
        return exactly

    def _by_path(self, matches: Sequence[RuleMatch], row_ids: Numbers) -> list[int] | int:
        globs = sorted({m.path for m in matches} - {"*"})
        if not globs:
            return 0
        patterns = [re.compile(fnmatch.translate(glob)).match for glob in globs]
        paths, codes = map(self._image.path, row_ids.tolist()), self._paths
        told = (tuple(match(path) is not None for match in patterns) for path in paths)
        return [codes.setdefault(matched, len(codes)) for matched in told]
