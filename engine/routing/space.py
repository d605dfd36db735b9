"""Whether a location has room: the one place where disk limits are applied. Pure."""

from __future__ import annotations

from config.types import Thresholds
from engine.model import LocationView


def limit_percent(thresholds: Thresholds, allow_fill: bool = False) -> float:
    """Return how full a location may become, in percent: the maximum, or down to the floor of free space."""
    floor = 100.0 - thresholds.disk_min_free_percent
    return max(floor, thresholds.disk_max_percent) if allow_fill else thresholds.disk_max_percent


def room_bytes(view: LocationView, reserved_bytes: int, percent: float) -> int | None:
    """Return how many more bytes fit below ``percent``, or below what an operator allows there for a time.

    None while the file system was never measured.
    """
    percent = max(percent, view.allowed_percent or 0.0)
    if view.total_bytes is None or view.used_bytes is None:
        return None
    return int(view.total_bytes * percent / 100.0) - view.used_bytes - reserved_bytes
