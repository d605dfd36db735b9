"""The panel of disks: bars that carry their thresholds, the trend of the fullest, and who could not be asked."""

from __future__ import annotations

from functools import partial

from widgets.bars import bar, sparkline
from widgets.line_list import Row, Sheet
from widgets.models import GLYPHS, Badge, StorageModel, StorageRow
from widgets.panel import Panel
from widgets.text import Line, Span, Tone, cells, crop, fit, fit_middle

ROLE_WIDTH = 10
PERCENT_WIDTH = 6
LEAST_BAR = 8


class StoragePanel(Panel[StorageModel]):
    """Disks, fullest first; the first row also tells thresholds, trend and when it will be full."""

    TITLE = "Storage"

    def lay_out(self, model: StorageModel, width: int) -> Sheet:
        """Return the disks at this width."""
        rows: tuple[Row, ...]
        if not model.rows:
            rows = (Row(None, ((Span(model.empty, Tone.MUTED),),)),)
        else:
            lead = model.rows[0]
            rows = tuple(
                Row(row.key, _lead(row, width) if row is lead and row.percent is not None else (_line(row, width),))
                for row in model.rows
            )
        return Sheet(rows, foot=partial(_foot, model, width) if model.rows else None)


def _line(row: StorageRow, width: int, second: Badge | None = None) -> Line:
    badge = second or (Badge(row.state, row.tone) if row.state and row.percent is not None else row.role)
    name_width = max(10, min(24, width - ROLE_WIDTH - PERCENT_WIDTH - LEAST_BAR - 3))
    bar_width = max(6, width - name_width - ROLE_WIDTH - PERCENT_WIDTH - 3)
    head = (Span(fit_middle(row.name, name_width), bold=second is not None), Span(" "))
    middle = Span(fit(badge.text, ROLE_WIDTH) + " ", badge.tone)
    if row.percent is None:
        return (*head, middle, Span(fit(row.state, bar_width + PERCENT_WIDTH + 1), row.tone))
    marks = ((row.target, Tone.WARN), (row.maximum, Tone.BAD))
    glyph = GLYPHS.get(row.tone, " ") if row.tone is not Tone.GOOD else " "
    figure = f"{row.percent:.0f} % {glyph}"
    bar_tone = Tone.ACCENT if row.tone in (Tone.GOOD, Tone.TEXT) else row.tone
    text_tone = Tone.TEXT if row.tone in (Tone.GOOD, Tone.TEXT) else row.tone
    return (
        *head,
        middle,
        *bar(row.percent, bar_width, bar_tone, marks),
        Span(fit(figure, PERCENT_WIDTH + 1, "right"), text_tone, bold=bar_tone is not Tone.ACCENT),
    )


def _lead(row: StorageRow, width: int) -> tuple[Line, ...]:
    second: list[Span] = [
        Span("  target ", Tone.MUTED),
        Span(f"{row.target:.0f}", Tone.WARN),
        Span(" max ", Tone.MUTED),
        Span(f"{row.maximum:.0f}", Tone.BAD),
        Span(" %", Tone.MUTED),
    ]
    if row.full_in is not None:
        second += [Span("  full in ", Tone.MUTED), Span(row.full_in.text, row.full_in.tone, bold=True)]
    if row.state:
        second += [Span("  "), Span(row.state, row.tone)]
    used = sum(len(span.text) for span in second)
    room = width - used - 2
    if row.trend and room >= 8:
        second += [Span("  "), Span(sparkline(row.trend, min(room, 24)), Tone.ACCENT)]
    return (_line(row, width, Badge(row.used, Tone.TEXT)), crop(tuple(second), width))


def _foot(model: StorageModel, width: int, hidden: int) -> Line:
    """Return the counts; rows are sorted by fill, so those out of sight are the emptier ones."""
    counts: list[Span] = []
    for badge in model.counts:
        counts += [Span("  "), Span(badge.text, badge.tone)]
    if not hidden:
        return tuple(counts[1:])
    over = max(0, model.over - (len(model.rows) - hidden))
    words = f"{hidden} more, {over} over target" if over else f"{hidden} more {model.calm_below}".rstrip()
    if len(words) + cells(counts) > width:
        words = f"{hidden} more"
    return (Span(words, Tone.WARN if over else Tone.MUTED), *counts)
