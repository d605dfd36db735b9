"""The panel of what is wrong in the rules: place, fault and remedy, and the key where one mends it."""

from __future__ import annotations

from dataclasses import dataclass

from widgets.line_list import Row, Sheet
from widgets.panel import Panel
from widgets.text import Line, Span, Tone, cells, fit, wrap

PLACE_WIDTH = 12


@dataclass(frozen=True, slots=True)
class NoteRow:
    """One fault. ``action_key`` is the key that mends it ("" where it has to be edited)."""

    key: str
    rank: int
    glyph: str
    tone: Tone
    place: str
    text: str
    remedy: str
    action_key: str


@dataclass(frozen=True, slots=True)
class NotesModel:
    """All faults, worst first; ``calm`` is what to say when there are none."""

    rows: tuple[NoteRow, ...] = ()
    calm: str = ""
    worst: Tone = Tone.MUTED


class NotesPanel(Panel[NotesModel]):
    """Faults, each with its remedy in the line below."""

    TITLE = "What is wrong"

    def lay_out(self, model: NotesModel, width: int) -> Sheet:
        """Return the faults at this width."""
        self.set_tone(model.worst if model.rows else Tone.MUTED)
        self.border_title = f"{self.TITLE}  {len(model.rows)}" if model.rows else "Nothing is wrong"
        if not model.rows:
            return Sheet((Row(None, ((Span(model.calm, Tone.GOOD),),)),))
        return Sheet(tuple(Row(row.key, _lines(row, width)) for row in model.rows))


def _lines(row: NoteRow, width: int) -> tuple[Line, ...]:
    head: Line = (Span(f"{row.glyph} ", row.tone), Span(fit(row.place, PLACE_WIDTH), Tone.ACCENT))
    texts = wrap(row.text, max(20, width - cells(head)))
    lines: list[Line] = [(*head, Span(texts[0], row.tone))]
    lines += [(Span(" " * cells(head)), Span(text, row.tone)) for text in texts[1:]]
    mend: Line = (Span(row.action_key, Tone.KEY), Span(" ")) if row.action_key else ()
    lines.append((Span(" " * cells(head)), *mend, Span(row.remedy, Tone.MUTED)))
    return tuple(lines)
