"""Sets of chunk numbers as sorted, disjoint, never touching spans [first, past): pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import Dict, Iterable, List, Tuple

Span = Tuple[int, int]
Spans = List[Span]


def normal(spans: Iterable[Iterable[int]]) -> Spans:
    """Return any spans sorted and joined; empty ones are left out."""
    joined: Spans = []
    for first, past in sorted((first, past) for first, past in spans):
        if past <= first:
            continue
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(past, joined[-1][1]))
        else:
            joined.append((first, past))
    return joined


def union(one: Spans, other: Spans) -> Spans:
    """Return what is in either."""
    return normal([*one, *other])


def common(one: Spans, other: Spans) -> Spans:
    """Return what is in both."""
    found: Spans = []
    i = j = 0
    while i < len(one) and j < len(other):
        first, past = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if first < past:
            found.append((first, past))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return found


def without(one: Spans, other: Spans) -> Spans:
    """Return what is in ``one`` and not in ``other``."""
    found: Spans = []
    j = 0
    for first, past in one:
        while j < len(other) and other[j][1] <= first:
            j += 1
        k = j
        while k < len(other) and other[k][0] < past:
            if first < other[k][0]:
                found.append((first, other[k][0]))
            first = max(first, other[k][1])
            k += 1
        if first < past:
            found.append((first, past))
    return found


def count(spans: Spans) -> int:
    """Return how many chunks there are."""
    return sum(past - first for first, past in spans)


def holds(spans: Spans, number: int) -> bool:
    """Return whether a chunk is in there."""
    index = bisect_right(spans, (number, float("inf"))) - 1
    return index >= 0 and spans[index][0] <= number < spans[index][1]


def rarest(wanted: Spans, holders: List[Spans], start: int) -> Span:
    """Return the first span of ``wanted`` that the fewest of ``holders`` have, looking from ``start`` on and then
    from the beginning; ``wanted`` is not empty."""
    changes: Dict[int, int] = {start: 0}
    for held in holders:
        for first, past in common(held, wanted):
            changes[first] = changes.get(first, 0) + 1
            changes[past] = changes.get(past, 0) - 1
    edges = sorted(changes)
    levels = list(accumulate(changes[edge] for edge in edges))
    ranked = []
    for first, past in wanted:
        cuts = [first, *edges[bisect_right(edges, first) : bisect_left(edges, past)], past]
        for at, until in zip(cuts, cuts[1:]):  # noqa: RUF007 - Python 3.8 has no pairwise
            level = bisect_right(edges, at) - 1
            ranked.append((levels[level] if level >= 0 else 0, at < start, at, until))
    return min(ranked)[2:]
