"""Routing rules as an operator reads them: the list, a rule in full, what is wrong, and why a file is where it is."""

from __future__ import annotations

from app.console.present.details import fact, heading
from app.console.present.places import PlaceNames, place_text
from app.console.present.units import age_text, bytes_text, count_text, plural
from engine.views_rules import ExplainView, FixView, RuleNote, RuleRow, RulesView
from widgets.notes_panel import NoteRow, NotesModel
from widgets.table_columns import Column, TableRow
from widgets.text import Line, Span, Tone, plain

RULE_COLUMNS = (
    Column("order", "#", 3, "right"),
    Column("name", "rule", 18, share=3, most=48),
    Column("state", "state", 10),
    Column("match", "matches", 12, share=2, dropped=2),
    Column("place", "places", 12, share=2, dropped=1),
    Column("entries", "files", 7, "right"),
    Column("bytes", "bytes", 8, "right"),
    Column("origin", "from", 10, dropped=3),
)
SEVERITIES = {"error": ("✗", Tone.BAD), "warning": ("!", Tone.WARN), "note": ("·", Tone.MUTED)}
_RANK = {"error": 0, "warning": 1, "note": 2}


def severity_mark(severity: str) -> tuple[str, Tone]:
    """Return glyph and tone of a severity."""
    return SEVERITIES.get(severity, ("·", Tone.MUTED))


def rule_cells(row: RuleRow, number: int, order: int, worst: str) -> TableRow:
    """Return a rule as a row: its lasting number, its place in the order of deciding, and the worst severity of what
    is said of its lines ("" for none)."""
    glyph, tone = severity_mark(worst)
    state = Span("✗ vanished", Tone.BAD, bold=True) if row.vanished else Span(f"{glyph} {worst}" if worst else "", tone)
    calm = Tone.MUTED if row.origin == "built-in" else Tone.TEXT
    origin = (
        row.origin if row.line is None else f"line {row.line}" if row.origin == "file" else f"{row.origin}:{row.line}"
    )
    unused = not row.entries and row.origin != "built-in" and not row.vanished
    return TableRow(
        number,
        row.name,
        (
            Span(str(order), Tone.MUTED),
            Span(plain(row.name), calm, bold=calm is Tone.TEXT),
            state,
            Span(plain(row.match) or "everything", Tone.MUTED),
            Span(plain(row.place), Tone.MUTED),
            Span("none" if unused else count_text(row.entries), Tone.WARN if unused else calm),
            Span(bytes_text(row.bytes), calm),
            Span(plain(origin, 60), Tone.MUTED),
        ),
    )


def worst_of(view: RulesView, position: int) -> str:
    """Return the worst severity of what is said of a rule's lines: those up to the next rule of its file."""
    row = view.rules[position]
    if row.line is None or row.origin != "file":
        return ""
    later = [other.line for other in view.rules if other.origin == "file" and other.line and other.line > row.line]
    height = max(1, len(row.yaml.splitlines()))
    last = min(later, default=row.line + height) - 1
    inside = [note.severity for note in view.notes if row.line <= note.line <= last]
    inside += [fix.severity for fix in view.fixes if any(row.line <= line <= last for line in fix.lines)]
    return min(inside, key=lambda severity: _RANK.get(severity, 3), default="")


def rule_lines(row: RuleRow, restore_key: str) -> list[Line]:
    """Return a rule in full, with its text as it stands in the file."""
    lines: list[Line] = []
    if row.vanished:
        words = "was saved here and is gone from the file: somebody rewrote it."
        lines += [(Span("✗ ", Tone.BAD), Span(words, Tone.BAD)), (Span(f"  {restore_key} puts it back.", Tone.KEY),)]
    via = ", ".join(row.via)
    lines += [
        fact("matches", plain(row.match) or "everything"),
        fact("places", plain(row.place)),
        fact("touches", f"{plural(row.entries, 'file')}, {bytes_text(row.bytes)}"),
        fact("priority", plain(row.priority) or "normal"),
        fact("deadline", age_text(row.deadline_seconds) if row.deadline_seconds is not None else "none"),
        *([fact("via", plain(via))] if via else []),
        fact("from", plain(row.origin) if row.line is None else f"{plain(row.origin)}, line {row.line}"),
    ]
    if row.yaml:
        lines += [(), heading("As it is written"), *yaml_lines(row.yaml)]
    return lines


def yaml_lines(text: str) -> list[Line]:
    """Return YAML to read."""
    lines: list[Line] = []
    for line in text.splitlines():
        shown = plain(line)
        indent = " " * (len(shown) - len(shown.lstrip()))
        key, colon, rest = shown.lstrip().partition(":")
        if key.startswith("#"):
            lines.append((Span(indent), Span(shown.lstrip(), Tone.MUTED)))
        elif colon and not {"{", '"', "'"} & set(key):
            lines.append((Span(indent), Span(f"{key}: ", Tone.ACCENT), Span(rest.strip())))
        else:
            lines.append((Span(indent), Span(shown.lstrip())))
    return lines


def notes_model(view: RulesView, fix_key: str) -> NotesModel:
    """Return what is wrong, worst first; what can be mended comes before what cannot and names its key."""
    rows = [_fix_row(fix, fix_key) for fix in view.fixes]
    rows += [_note_row(index, note) for index, note in enumerate(view.notes) if not _is_mended(note, view.fixes)]
    rows.sort(key=lambda row: (row.rank, not row.key.startswith("fix:")))
    worst = min((row.rank for row in rows), default=3)
    tone = {0: Tone.BAD, 1: Tone.WARN}.get(worst, Tone.MUTED)
    return NotesModel(tuple(rows), "✓ nothing contradicts itself: the file is sane", tone)


def _is_mended(note: RuleNote, fixes: tuple[FixView, ...]) -> bool:
    return any(note.message in (fix.message, *fix.others) for fix in fixes)


def _fix_row(fix: FixView, fix_key: str) -> NoteRow:
    glyph, tone = severity_mark(fix.severity)
    lines = ", ".join(str(line) for line in fix.lines)
    return NoteRow(
        f"fix:{fix.id}", _RANK.get(fix.severity, 3), glyph, tone, f"line {lines}" if fix.lines else "",
        plain(fix.message), plain(fix.description), fix_key,
    )  # fmt: skip


def _note_row(index: int, note: RuleNote) -> NoteRow:
    glyph, tone = severity_mark(note.severity)
    return NoteRow(
        f"note:{index}", _RANK.get(note.severity, 3), glyph, tone, f"line {note.line}", plain(note.message),
        plain(note.remedy), "",
    )  # fmt: skip


def explain_lines(view: ExplainView, names: PlaceNames) -> list[Line]:
    """Return why a file is, or is not, to be at a node."""
    wanted = "wanted" if view.wanted else "not wanted"
    held = "held" if view.held else "not held"
    tone = Tone.GOOD if view.wanted == view.held and not view.in_the_way else Tone.WARN
    glyph = "✓" if tone is Tone.GOOD else "!"
    lines: list[Line] = [
        fact("file", plain(view.key)),
        fact("at", place_text(view.node, names)),
        (Span(f"{glyph} ", tone), Span(f"{wanted}, {held}", tone, bold=True)),
        (Span(plain(view.verdict, 1000), Tone.STRONG),),
        (),
        heading("What had a say, in order"),
    ]
    for number, (words, line) in enumerate(view.because, start=1):
        where = "" if line is None else f"line {line}"
        lines.append((Span(f"{number:>2}  ", Tone.MUTED), Span(f"{where:<10}", Tone.ACCENT), Span(plain(words, 1000))))
    if not view.because:
        lines.append((Span("nothing: no rule and no key names it", Tone.MUTED),))
    if view.in_the_way:
        lines += [(), heading("In the way")]
        lines += [(Span("✗ ", Tone.BAD), Span(plain(words, 1000), Tone.BAD)) for words in view.in_the_way]
    if view.remedy:
        lines += [(), heading("What to do"), (Span(plain(view.remedy, 1000), Tone.WARN),)]
    return lines
