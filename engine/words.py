"""Numbers as an operator reads them in a reason or a finding: sizes, spans of time, counts."""

from __future__ import annotations

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def size_text(size_bytes: float) -> str:
    """Return a size in decimal units, three digits at most: ``0 B``, ``950 kB``, ``1.2 GB``."""
    value, unit = float(size_bytes), "B"
    for larger in _UNITS:
        if value < 999.5:
            break
        value, unit = value / 1000.0, larger
    if unit == "B" or value >= 99.95:
        return f"{value:.0f} {unit}"
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def span_text(seconds: float) -> str:
    """Return a span of time in its largest sensible unit: ``40 s``, ``12 min``, ``5 h``, ``3 days``."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.0f} h"
    return counted(round(seconds / 86_400), "day")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun in the right number: ``1 file``, ``1,234 files``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
