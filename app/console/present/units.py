"""Figures as people read them: bytes, rates, ages, durations. Decimal units, as disks and links are sold."""

from __future__ import annotations

MINUTE = 60
HOUR = 3600
DAY = 86400

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def bytes_text(count: float) -> str:
    """Return bytes in few figures: ``1.2 GB``, ``31 MB``."""
    value = float(count)
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1000.0
    digits = 0 if unit == "B" or value >= 9.95 else 1
    return f"{value:.{digits}f} {unit}"


def used_text(used: int, total: int) -> str:
    """Return ``6.0/7.3 TB``: both in the unit of the total."""
    for power in range(len(_UNITS) - 1, 0, -1):
        if total >= 1000**power:
            scale = 1000.0**power
            digits = 0 if total / scale >= 100 else 1
            return f"{used / scale:.{digits}f}/{total / scale:.{digits}f} {_UNITS[power]}"
    return f"{used}/{total} B"


def rate_text(bytes_per_second: float | None) -> str:
    """Return ``18.2 MB/s``, or nothing when it is not known."""
    if bytes_per_second is None:
        return ""
    for scale, unit in ((1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s")):
        if bytes_per_second >= scale:
            return f"{bytes_per_second / scale:.1f}".removesuffix(".0") + f" {unit}"
    return f"{bytes_per_second:.0f} B/s"


def age_text(seconds: float) -> str:
    """Return an age in its largest unit: ``41 m``, ``3 h``, ``5 d``; below a minute ``<1 m``."""
    if seconds < MINUTE:
        return "<1 m"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} m"
    if seconds < 2 * DAY:
        return f"{int(seconds // HOUR)} h"
    return f"{int(seconds // DAY)} d"


def coarse_age(seconds: float) -> str:
    """Return an age that changes rarely, so that an idle console writes next to nothing: steps of 5 s, then
    of a minute."""
    if seconds < 5:
        return "now"
    if seconds < MINUTE:
        return f"{int(seconds // 5) * 5} s ago"
    return f"{age_text(seconds)} ago"


def ago_text(at: float | None, now: float) -> str:
    """Return ``12 m ago`` for a time, or ``never``."""
    return "never" if at is None else f"{age_text(max(0.0, now - at))} ago"


def left_text(seconds: float | None) -> str:
    """Return the time left as ``0:41`` or ``1:02:03``, or nothing when it is not known."""
    if seconds is None:
        return ""
    whole = int(seconds)
    if whole >= DAY:
        return f"{whole // DAY} d"
    hours, rest = divmod(whole, HOUR)
    minutes, second = divmod(rest, MINUTE)
    return f"{hours}:{minutes:02d}:{second:02d}" if hours else f"{minutes}:{second:02d}"


def about_text(seconds: float | None) -> str:
    """Return an estimate as people say it: ``about 2 min``; ``unknown`` when there is none."""
    if seconds is None:
        return "unknown"
    if seconds < 45:
        return "under a minute"
    if seconds < 90 * MINUTE:
        return f"about {max(1, round(seconds / MINUTE))} min"
    if seconds < 2 * DAY:
        return f"about {round(seconds / HOUR)} h"
    return f"about {round(seconds / DAY)} days"


def count_text(count: int) -> str:
    """Return a count with thousands separated."""
    return f"{count:,}"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """Return ``1 file``, ``2 files``."""
    return f"{count_text(count)} {noun if count == 1 else nouns or noun + 's'}"
