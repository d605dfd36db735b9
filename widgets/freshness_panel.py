"""The panel of config keys: how old the newest data is, how many copies it has, and what would be lost."""

from __future__ import annotations

from functools import partial

from widgets.line_list import Row, Sheet
from widgets.models import Badge, FreshnessModel, FreshnessRow
from widgets.panel import Panel
from widgets.text import Line, Span, Tone, fit

_COLUMNS: tuple[tuple[str, str, int, str], ...] = (
    ("games", "games", 7, "right"),
    ("npz", "npz", 7, "right"),
    ("model", "model", 7, "right"),
    ("copies", "copies", 7, "right"),
    ("off_site", "off-site", 9, "right"),
    ("trainers", "trainer", 8, "right"),
    ("risk", "at risk", 8, "right"),
)
_DROPPED_FIRST = ("off_site", "trainers")
NAME_WIDTH = 12
MOST_SPREAD = 5


class FreshnessPanel(Panel[FreshnessModel]):
    """Config keys, worst first."""

    TITLE = "Freshness"

    def lay_out(self, model: FreshnessModel, width: int) -> Sheet:
        """Return the config keys at this width; the least needed columns go first where it is narrow."""
        self.border_subtitle = "worst first" if len(model.rows) > 1 else ""
        if not model.rows:
            return Sheet((Row(None, ((Span(model.empty, Tone.MUTED),),)),))
        columns = list(_COLUMNS)
        for name in _DROPPED_FIRST:
            if sum(column[2] for column in columns) + NAME_WIDTH > width:
                columns = [column for column in columns if column[0] != name]
        spare = (width - NAME_WIDTH - sum(column[2] for column in columns)) // (len(columns) + 1)
        wider = max(0, min(MOST_SPREAD, spare))
        columns = [(name, title, size + wider, align) for name, title, size, align in columns]
        name_width = min(24, max(NAME_WIDTH, width - sum(column[2] for column in columns)))
        head = (
            Span(fit("config", name_width), Tone.MUTED),
            *(Span(fit(_heading(column), column[2], column[3]), Tone.MUTED) for column in columns),
        )
        rows = tuple(Row(row.key, (_line(row, columns, name_width),)) for row in model.rows)
        return Sheet(rows, head, partial(_foot, model))


def _heading(column: tuple[str, str, int, str]) -> str:
    return column[1] + ("  " if column[0] in ("games", "npz", "model") else "")


def _line(row: FreshnessRow, columns: list[tuple[str, str, int, str]], name_width: int) -> Line:
    spans = [Span(fit(row.name, name_width), bold=True)]
    for name, _, width, align in columns:
        badge: Badge = getattr(row, name)
        spans.append(Span(fit(badge.text, width, align), badge.tone))
    return tuple(spans)


def _foot(model: FreshnessModel, hidden: int) -> Line:
    if not hidden:
        mark = "✓ " if model.fresh == len(model.rows) else ""
        return (Span(f"{mark}{model.fresh} of {len(model.rows)} without fault", Tone.MUTED),)
    fault = max(0, hidden - model.fresh)
    words = "all fresh" if fault == 0 else f"{fault} of them with faults"
    return (Span(f"{hidden} more, {words}", Tone.MUTED if fault == 0 else Tone.WARN),)
