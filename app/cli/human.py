"""Numbers as people read them: sizes, ages, rates, shares. Pure."""

from __future__ import annotations

import unicodedata

from app.console.present.units import bytes_text

NOTHING = "-"
_AGES = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"))


def size(size_bytes: int | None) -> str:
    """Return bytes as the console shows them, in decimal units: ``1.4 GB``."""
    return NOTHING if size_bytes is None else bytes_text(size_bytes)


def span(seconds: float | None) -> str:
    """Return a length of time in its largest whole unit, with the next one while that is small: ``1h 20m``."""
    if seconds is None:
        return NOTHING
    left = max(seconds, 0.0)
    for index, (length, unit) in enumerate(_AGES):
        if left >= length:
            whole = int(left // length)
            smaller = _AGES[index + 1] if index + 1 < len(_AGES) else (1.0, "s")
            rest = int((left - whole * length) // smaller[0])
            return f"{whole}{unit} {rest}{smaller[1]}" if whole < 10 and rest else f"{whole}{unit}"
    return f"{int(left)}s"


def age(at: float | None, now: float) -> str:
    """Return how long ago a moment was: ``5m ago``, or ``never``."""
    return "never" if at is None else f"{span(now - at)} ago"


def rate(bytes_per_second: float | None) -> str:
    """Return a rate: ``12 MB/s``."""
    return NOTHING if bytes_per_second is None else f"{size(int(bytes_per_second))}/s"


def percent(value: float | None) -> str:
    """Return a share that is already in percent: ``83 %``."""
    return NOTHING if value is None else f"{value:.0f} %"


def yes(value: bool) -> str:
    """Return ``yes`` or ``no``."""
    return "yes" if value else "no"


def count(number: int, word: str) -> str:
    """Return ``1 file``, ``2 files``, ``3 copies``."""
    if number == 1:
        return f"1 {word}"
    return f"{number} {word[:-1]}ies" if word.endswith("y") else f"{number} {word}s"


def clean(text: str) -> str:
    """Return text with every control and format character made visible: a file's name must not drive a terminal."""
    if text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    return f"\\x{ord(character):02x}" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character
