"""The panel that says what needs the operator, and which key mends it."""

from __future__ import annotations

from widgets.line_list import Row, Sheet
from widgets.models import FindingRow, FindingsModel
from widgets.panel import Panel
from widgets.text import Line, Span, Tone, fit, wrap

MOST_LINES_OF_A_TEXT = 2


class FindingsPanel(Panel[FindingsModel]):
    """Findings, worst first. With none it says so."""

    TITLE = "Needs you"

    def lay_out(self, model: FindingsModel, width: int) -> Sheet:
        """Return the findings at this width; the keys stand in one column at the right."""
        self.set_tone(model.worst)
        order = "sorted by what would be lost" if len(model.rows) > 1 else ""
        self.border_subtitle = " · ".join(words for words in (model.note, order) if words)
        if not model.rows:
            return Sheet((Row(None, ((Span(model.calm.text, model.calm.tone),),)),))
        actions = max((len(f"{row.action_key} {row.action}") for row in model.rows), default=0)
        actions = min(actions, max(16, width * 3 // 10))
        return Sheet(tuple(Row(row.key, _lines(row, width, actions)) for row in model.rows))


def _lines(row: FindingRow, width: int, actions: int) -> tuple[Line, ...]:
    room = max(10, width - 2 - (actions + 2 if actions else 0))
    texts = wrap(row.text, room)
    if len(texts) > MOST_LINES_OF_A_TEXT:
        rest = " ".join(texts[MOST_LINES_OF_A_TEXT - 1 :])
        texts = [*texts[: MOST_LINES_OF_A_TEXT - 1], fit(rest, room)]
    first: Line = (Span(f"{row.glyph} ", row.tone, bold=True), Span(fit(texts[0], room)))
    if row.action_key:
        click = f"app.do('{row.action_id}')"
        first += (
            Span("  "),
            Span(f"{row.action_key} ", Tone.KEY, action=click),
            Span(fit(row.action, actions - len(row.action_key) - 1), Tone.MUTED, action=click),
        )
    return (first, *((Span("  "), Span(text)) for text in texts[1:]))
