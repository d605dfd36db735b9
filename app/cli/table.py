"""Aligned plain-text tables that fit the terminal. Pure: the width is given."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.cli.human import clean

GAP = "  "
ELLIPSIS = "\u2026"
_LEAST_FLEXIBLE_CELLS = 8


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading; ``right`` aligns numbers, ``flexible`` ones give way where the terminal is narrow."""

    title: str
    right: bool = False
    flexible: bool = False


def render(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int | None) -> list[str]:
    """Return the table's lines, heading first; none is wider than ``width`` cells where flexible columns allow it.

    ``width`` None means that nothing reads this by eye: nothing is cut.
    """
    cleaned = [tuple(clean(cell) for cell in row) for row in rows]
    titles = tuple(column.title for column in columns)
    natural = [max(map(cells, column)) for column in zip(titles, *cleaned, strict=True)]
    widths = _fit(columns, natural, width)
    return [_line(columns, widths, row) for row in (titles, *cleaned)]


def cells(text: str) -> int:
    """Return how many terminal cells a text takes: wide East Asian characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def shorten(text: str, width: int) -> str:
    """Return a text of at most ``width`` cells; what was cut shows as an ellipsis."""
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += cells(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + ELLIPSIS


def _fit(columns: Sequence[Column], natural: list[int], width: int | None) -> list[int]:
    """Take what is too much from the widest flexible column, again and again."""
    widths = list(natural)
    if width is None:
        return widths
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    flexible = [index for index, column in enumerate(columns) if column.flexible]
    while excess > 0 and flexible:
        widest = max(flexible, key=lambda index: widths[index])
        if widths[widest] <= _LEAST_FLEXIBLE_CELLS:
            break
        widths[widest] -= 1
        excess -= 1
    return widths


def _line(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> str:
    parts = []
    for column, width, cell in zip(columns, widths, row, strict=True):
        text = shorten(cell, width)
        padding = " " * (width - cells(text))
        parts.append(padding + text if column.right else text + padding)
    return GAP.join(parts).rstrip()
