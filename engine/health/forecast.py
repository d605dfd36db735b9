"""When a disk will be full: a robust straight line through what was measured. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median

from engine.model import StorageSample

LEAST_SAMPLES = 5
LEAST_SPAN_SECONDS = 600.0
"""With less to go by there is no forecast."""
MOST_SAMPLES = 13
"""Evenly chosen among more: 78 slopes per disk cost a fleet of fifty about a millisecond."""
FARTHEST_SECONDS = 365 * 86_400.0
"""Beyond a year a straight line says nothing."""


def full_in_seconds(samples: Sequence[StorageSample], max_percent: float) -> float | None:
    """Return in how many seconds after the last sample ``max_percent`` is reached.

    0 when it is reached already, None when it is not in sight. ``samples`` are oldest first. The slope is the
    Theil-Sen estimator, the median of the slopes of all pairs (Theil 1950; Sen 1968): a burst of writing or a
    clean-up among the samples hardly bends it.
    """
    points = [(s.at, 100.0 * s.used_bytes / s.total_bytes) for s in _thinned(samples) if s.total_bytes > 0]
    if not points:
        return None
    missing = max_percent - points[-1][1]
    if missing <= 0:
        return 0.0
    slope = theil_sen_slope(points)
    if slope is None or slope <= 0:
        return None
    seconds = missing / slope
    return seconds if seconds <= FARTHEST_SECONDS else None


def theil_sen_slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Return the median slope of all pairs of points, per unit of x; None with too few points or too short a span."""
    if len(points) < LEAST_SAMPLES or points[-1][0] - points[0][0] < LEAST_SPAN_SECONDS:
        return None
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] != a[0]]
    return median(slopes) if slopes else None


def _thinned(samples: Sequence[StorageSample]) -> Sequence[StorageSample]:
    """Return at most ``MOST_SAMPLES``, evenly chosen, with the first and the last."""
    if len(samples) <= MOST_SAMPLES:
        return samples
    step = (len(samples) - 1) / (MOST_SAMPLES - 1)
    return [samples[round(index * step)] for index in range(MOST_SAMPLES)]
