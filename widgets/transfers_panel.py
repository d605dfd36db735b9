"""The panel of running transfers: progress, rate, time left, and what waits and why."""

from __future__ import annotations

from functools import partial

from widgets.bars import bar
from widgets.line_list import Row, Sheet
from widgets.models import TransferRow, TransfersModel
from widgets.panel import Panel
from widgets.text import Line, Span, Tone, crop, fit, fit_middle


class TransfersPanel(Panel[TransfersModel]):
    """Running transfers; the last line says how many wait or are blocked, and why."""

    TITLE = "Transfers"

    def lay_out(self, model: TransfersModel, width: int) -> Sheet:
        """Return the transfers at this width."""
        self.border_title = f"Transfers  {model.title}" if model.title else "Transfers"
        self.border_subtitle = model.rate
        if model.rows:
            rows = tuple(Row(row.key, (_line(row, width),)) for row in model.rows)
        else:
            rows = (Row(None, ((Span(model.empty, Tone.MUTED),),)),)
        return Sheet(rows, foot=partial(_foot, model) if model.waiting else None)


def _line(row: TransferRow, width: int) -> Line:
    wide = width >= 96
    state_width = 16 if wide else 13
    fixed = (7 + 11 if wide else 0) + 6 + 7 + 1 + state_width
    rest = max(30, width - fixed)
    bar_width = max(6, min(26, rest // 5))
    name_width = max(10, (rest - bar_width - 1) * 9 // 20)
    route_width = max(10, rest - bar_width - name_width - 2)
    half = (route_width - 3) // 2
    percent = "" if row.percent is None else f"{row.percent:.0f} %"
    spans = [
        Span(fit_middle(row.name, name_width) + " "),
        Span(fit(row.source, half, "right"), Tone.MUTED),
        Span(" → ", Tone.MUTED),
        Span(fit(row.target, route_width - half - 3) + " ", Tone.MUTED),
    ]
    if wide:
        spans.append(Span(fit(row.transport, 6) + " ", Tone.ACCENT))
    spans += [*bar(row.percent, bar_width, row.tone), Span(fit(percent, 6, "right"), bold=True)]
    if wide:
        spans.append(Span(fit(row.rate, 11, "right")))
    spans += [Span(fit(row.left, 7, "right") + " ", Tone.MUTED), Span(fit(row.state.text, state_width), row.state.tone)]
    return tuple(spans)


def _foot(model: TransfersModel, hidden: int) -> Line:
    more = 0 < hidden < len(model.rows)  # where none is shown, the title has counted them
    spans: list[Span] = [Span(f"{hidden} more running   ", Tone.MUTED)] if more else []
    for badge in model.waiting:
        spans += [Span(badge.text, badge.tone), Span("   ")]
    return crop(tuple(spans[:-1]), 300)
