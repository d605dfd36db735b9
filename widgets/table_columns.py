"""Columns of a table: how wide each becomes, and how a row's cells become one line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from widgets.text import Line, Span, Tone, fit, fit_end, fit_middle

_CUTS = {"start": fit_end, "middle": fit_middle}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``share`` above zero takes that part of the room left over, up to ``most`` cells in all where that
    is set: names need no more than they are long. Where it is narrow the columns with the highest ``dropped`` go
    first, those with 0 stay. ``cut`` says which end of a long text is left out."""

    id: str
    title: str
    width: int
    align: str = "left"
    share: int = 0
    dropped: int = 0
    cut: str = "end"
    most: int = 0


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
    return _grown(columns, shown, width - _taken(shown))


def _grown(columns: Sequence[Column], shown: list[int], spare: int) -> list[int]:
    """Return the widths with the spare room shared out; what one column may not take goes to the others."""
    growing = [index for index, column in enumerate(columns) if column.share and shown[index]]
    while growing and spare > 0:
        shares = sum(columns[index].share for index in growing)
        wanted = {index: shown[index] + spare * columns[index].share // shares for index in growing}
        full = [index for index in growing if columns[index].most and wanted[index] >= columns[index].most]
        if not full:
            return [wanted.get(index, value) for index, value in enumerate(shown)]
        for index in full:
            taken = max(0, columns[index].most - shown[index])
            shown[index] += taken
            spare -= taken
            growing.remove(index)
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
