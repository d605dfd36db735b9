"""Columns of a table: how wide each becomes, and how a row's cells become one line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from widgets.text import Line, Span, Tone, fit, fit_end, fit_middle

_CUTS = {"start": fit_end, "middle": fit_middle}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``share`` above zero takes that part of the room left over. Where it is narrow the columns with
    the highest ``dropped`` go first, those with 0 stay. ``cut`` says which end of a long text is left out."""

    id: str
    title: str
    width: int
    align: str = "left"
    share: int = 0
    dropped: int = 0
    cut: str = "end"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: an id that stays with it, the key that actions use, and one span per column."""

    id: int
    key: str
    cells: tuple[Span, ...]


def widths(columns: Sequence[Column], width: int) -> list[int]:
    """Return the width of each column in a table of ``width`` cells; 0 for one that is left out."""
    shown = [column.width for column in columns]
    for column in sorted((item for item in columns if item.dropped), key=lambda item: -item.dropped):
        if _taken(shown) <= width:
            break
        shown[columns.index(column)] = 0
    spare = width - _taken(shown)
    shares = sum(column.share for column, value in zip(columns, shown, strict=True) if value)
    if shares and spare > 0:
        shown = [
            value + spare * column.share // shares if value else 0 for column, value in zip(columns, shown, strict=True)
        ]
    return shown


def _taken(shown: Sequence[int]) -> int:
    return sum(shown) + max(0, sum(1 for value in shown if value) - 1)


def row_line(columns: Sequence[Column], sizes: Sequence[int], cells: Sequence[Span]) -> Line:
    """Return a row's cells as one line, what is too long cut."""
    spans: list[Span] = []
    for column, size, cell in zip(columns, sizes, cells, strict=True):
        if not size:
            continue
        if spans:
            spans.append(Span(" "))
        text = _CUTS[column.cut](cell.text, size) if column.cut in _CUTS else fit(cell.text, size, column.align)
        spans.append(Span(text, cell.tone, cell.bold))
    return tuple(spans)


def head_line(columns: Sequence[Column], sizes: Sequence[int], order: str, descending: bool) -> Line:
    """Return the titles, the sorted column with an arrow."""
    cells = []
    for column in columns:
        sorted_by = column.id == order
        arrow = ("↓" if descending else "↑") if sorted_by else ""
        cells.append(Span(column.title + arrow, Tone.ACCENT if sorted_by else Tone.MUTED, bold=sorted_by))
    return row_line(columns, sizes, cells)
