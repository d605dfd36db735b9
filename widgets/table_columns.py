"""Columns of a table: how wide each becomes, and how a row's cells become one line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from widgets.text import Line, Span, Tone, fit, fit_middle


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``share`` above zero takes that part of the room left over; ``least_table`` is the width of
    the table below which the column is left out."""

    id: str
    title: str
    width: int
    align: str = "left"
    share: int = 0
    least_table: int = 0


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: an id that stays with it, the key that actions use, and one span per column."""

    id: int
    key: str
    cells: tuple[Span, ...]


def widths(columns: Sequence[Column], width: int) -> list[int]:
    """Return the width of each column in a table of ``width`` cells; 0 for one that is left out."""
    shown = [column.width if width >= column.least_table else 0 for column in columns]
    gaps = max(0, sum(1 for value in shown if value) - 1)
    spare = width - sum(shown) - gaps
    shares = sum(column.share for column, value in zip(columns, shown, strict=True) if value)
    if shares and spare > 0:
        shown = [
            value + spare * column.share // shares if value else 0 for column, value in zip(columns, shown, strict=True)
        ]
    return shown


def row_line(columns: Sequence[Column], sizes: Sequence[int], cells: Sequence[Span]) -> Line:
    """Return a row's cells as one line; what is too long is cut, in the middle where the column stretches."""
    spans: list[Span] = []
    for column, size, cell in zip(columns, sizes, cells, strict=True):
        if not size:
            continue
        if spans:
            spans.append(Span(" "))
        text = fit_middle(cell.text, size) if column.share else fit(cell.text, size, column.align)
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
