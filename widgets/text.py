"""Text as it is drawn: spans with a tone, cut and padded by terminal cells. Pure; knows no colours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len, set_cell_size

LONGEST_TEXT = 400
"""Characters kept of any foreign string: measuring very long ones is what made other consoles freeze."""

_TIED = "\u00a0"
_FIGURE = re.compile(r"(?<=\d) (?=(?:%|[a-zA-Z]{1,3})(?:/s)?\b|%)")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Tone(StrEnum):
    """What a piece of text means. Colour follows from the theme; a glyph or a word always says it as well."""

    TEXT = "text"
    STRONG = "strong"
    MUTED = "muted"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ACCENT = "accent"
    KEY = "key"
    TRACK = "track"


@dataclass(frozen=True, slots=True)
class Span:
    """Some text in one tone; ``on`` draws it as a mark cut into a field of another tone."""

    text: str
    tone: Tone = Tone.TEXT
    bold: bool = False
    on: Tone | None = None
    action: str | None = None


Line = tuple[Span, ...]


def plain(text: str, limit: int = LONGEST_TEXT) -> str:
    """Return ``text`` fit to be drawn: one line, no control or invisible characters, at most ``limit`` long."""
    cut = text[:limit]
    if cut.isascii() and cut.isprintable():
        return cut
    spaced = cut.translate({ord(ch): " " for ch in "\t\n\r"})
    return "".join(ch for ch in spaced if unicodedata.category(ch) not in _UNSAFE_CATEGORIES)


def cells(line: Iterable[Span]) -> int:
    """Return how many terminal cells the spans take."""
    return sum(cell_len(span.text) for span in line)


def fit(text: str, width: int, align: str = "left") -> str:
    """Return ``text`` in exactly ``width`` cells: padded (left, right), or its end cut with an ellipsis."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…"
    padding = " " * (width - length)
    return padding + text if align == "right" else text + padding


def shortened(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` cells, its end cut with an ellipsis."""
    return fit(text, min(width, cell_len(text)))


def fit_middle(text: str, width: int) -> str:
    """Return ``text`` in exactly ``width`` cells, its middle cut: the ends of file names tell them apart."""
    if cell_len(text) <= width or width < 8:
        return fit(text, width)
    tail = (width - 1) // 2
    head = width - 1 - tail
    end = text[-tail:]
    while cell_len(end) > tail:
        end = end[1:]
    return fit(set_cell_size(text, head) + "…" + end, width)


def fit_end(text: str, width: int) -> str:
    """Return ``text`` in exactly ``width`` cells, its start cut: of a path the last part matters."""
    if cell_len(text) <= width or width <= 1:
        return fit(text, width)
    end = text[-(width - 1) :]
    while cell_len(end) > width - 1:
        end = end[1:]
    return fit("…" + end, width)


def crop(line: Line, width: int) -> Line:
    """Return the line in at most ``width`` cells, the cut shown by an ellipsis."""
    if cells(line) <= width:
        return line
    kept: list[Span] = []
    room = max(0, width)
    for span in line:
        length = cell_len(span.text)
        if length < room:
            kept.append(span)
            room -= length
            continue
        text = fit(span.text, room) if length > room else fit(span.text, max(0, room - 1)) + "…" * (room > 0)
        kept.append(Span(text, span.tone, span.bold, span.on, span.action))
        break
    return tuple(kept)


def spread(left: Line, right: Line, width: int, gap: int = 2) -> Line:
    """Return ``left`` and ``right`` at the two ends of ``width`` cells; ``left`` is cut first."""
    right = crop(right, width)
    room = width - cells(right) - (gap if right else 0)
    left = crop(left, max(0, room))
    return (*left, Span(" " * max(0, width - cells(left) - cells(right))), *right)


def wrap(text: str, width: int) -> list[str]:
    """Return ``text`` broken at spaces (else anywhere) into lines of at most ``width`` cells; not between a figure and
    its unit."""
    return [line.replace(_TIED, " ") for line in _broken(_FIGURE.sub(_TIED, " ".join(text.split())).split(" "), width)]


def _broken(words: list[str], width: int) -> list[str]:
    lines: list[str] = []
    current = ""
    for word in words:
        while cell_len(word) > width > 0:
            if current:
                lines.append(current)
                current = ""
            head = set_cell_size(word, width).rstrip()
            lines.append(head)
            word = word[len(head) :]
        joined = f"{current} {word}" if current else word
        if cell_len(joined) <= width:
            current = joined
        else:
            lines.append(current)
            current = word
    if current or not lines:
        lines.append(current)
    return lines
