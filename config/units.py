"""Quantities with their units, as an operator writes them: ``6h``, ``10 GiB``, ``20MB/s``, ``>100MB``.

Decimal units are powers of 1,000 and binary ones (KiB) of 1,024, as IEC 80000-13 has it. A rate in bits is
written ``Mbit/s``: ``Mb`` and ``mb`` are refused, because half of the world reads them the other way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "minutes": 60.0,
    "h": 3_600.0,
    "hour": 3_600.0,
    "hours": 3_600.0,
    "d": 86_400.0,
    "day": 86_400.0,
    "days": 86_400.0,
    "w": 604_800.0,
    "week": 604_800.0,
    "weeks": 604_800.0,
}
_PREFIXES: dict[str, int] = {"": 1, "k": 1_000, "K": 1_000, "M": 1_000**2, "G": 1_000**3, "T": 1_000**4, "P": 1_000**5}
_BYTES: dict[str, int] = {f"{prefix}B": factor for prefix, factor in _PREFIXES.items()} | {
    f"{prefix}iB": 1 << (10 * power) for power, prefix in enumerate("KMGTP", start=1)
}
_BITS: dict[str, int] = {f"{prefix}bit": factor for prefix, factor in _PREFIXES.items()}

MOST_BYTES = 1_000**6
"""The largest size and rate that is read (an exabyte): what is more was mistyped."""

_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)")
_OPEN_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt])(?:|b|bp|ps|bps|/s|b/s|p/s|bits?)", re.IGNORECASE)
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


def parse_duration(text: str) -> float:
    """Return seconds for ``90s``, ``6h`` or ``1h 30m``; raises ValueError with an example."""
    total, position = 0.0, 0
    stripped = text.strip()
    while position < len(stripped):
        match = _PART.match(stripped, position)
        if match is None or match[2].lower() not in _SECONDS:
            raise ValueError(f"{text!r} is not a duration; write a number and a unit, such as 90s, 6h or 2d")
        total += float(match[1]) * _SECONDS[match[2].lower()]
        position = match.end()
    if not stripped:
        raise ValueError("a duration is empty; write a number and a unit, such as 90s, 6h or 2d")
    return total


def parse_size(text: str) -> int:
    """Return bytes for ``10 GiB`` or ``500MB``; raises ValueError with an example."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or match[2] not in _BYTES:
        raise ValueError(f"{text!r} is not a size; write a number and a unit, such as 500MB or 10 GiB")
    return _count(text, float(match[1]) * _BYTES[match[2]])


def parse_rate(text: str) -> int:
    """Return bytes per second for ``20MB/s`` or ``100 Mbit/s``; raises ValueError with an example."""
    amount, _, per = text.strip().partition("/")
    match = _AMOUNT.fullmatch(amount.strip())
    if per.strip() not in {"s", "sec", "second"} or match is None or match[2] not in _BYTES | _BITS:
        if readings := _two_readings(text):
            raise ValueError(f"{text!r} can be read in two ways; write {readings[0]} or {readings[1]}")
        raise ValueError(f"{text!r} is not a rate; write a number and a unit, such as 20MB/s or 100Mbit/s")
    if match[2] in _BITS:
        return _count(text, float(match[1]) * _BITS[match[2]] / 8)
    return _count(text, float(match[1]) * _BYTES[match[2]])


def rate_text(bytes_per_second: float) -> str:
    """Return a rate as an operator writes it, in the largest decimal unit: ``20MB/s``."""
    for prefix, factor in reversed(_PREFIXES.items()):
        if bytes_per_second >= factor and prefix != "K":
            return f"{bytes_per_second / factor:.4g}{prefix}B/s"
    return f"{bytes_per_second:.0f}B/s"


def _count(text: str, amount: float) -> int:
    """Return an amount in whole bytes; raises ValueError for more than anything stores or carries."""
    if amount > MOST_BYTES:
        raise ValueError(f"{text!r} is more than there can be; the largest that is read is {MOST_BYTES // 1_000**5}PB")
    return round(amount)


def _two_readings(text: str) -> tuple[str, str] | None:
    """Return what a rate that leaves bits or bytes open may mean: as bytes with the bits, as bits with the bytes."""
    match = _OPEN_RATE.fullmatch(text.strip())
    if match is None:
        return None
    amount, prefix = float(match[1]), match[2].upper().replace("K", "k")
    in_bits, in_bytes = f"{amount * 8:g}{prefix}bit/s", f"{amount / 8:g}{prefix}B/s"
    return f"{amount:g}{prefix}B/s (bytes; {in_bits})", f"{amount:g}{prefix}bit/s (bits; {in_bytes})"


@dataclass(frozen=True, slots=True)
class Bounds:
    """A lower and an upper bound in text, either may be absent: ``>100MB``, ``<6h``, ``1GB..10GB``."""

    lower: str | None
    upper: str | None


def parse_bounds(text: str) -> Bounds:
    """Return the bounds written in ``text``; raises ValueError. The amounts are still text."""
    stripped = text.strip()
    if ".." in stripped:
        lower, _, upper = stripped.partition("..")
        return Bounds(lower.strip() or None, upper.strip() or None)
    amount = stripped.lstrip("<>=").strip()
    if stripped.startswith(">") and amount:
        return Bounds(amount, None)
    if stripped.startswith("<") and amount:
        return Bounds(None, amount)
    raise ValueError(f"{text!r} is not a bound; write >100MB, <6h or 1GB..10GB")
