"""What keeping both would do, said before it is done: which copies, how large, and what each is called then."""

from __future__ import annotations

from app.console.present.details import fact, heading
from app.console.present.places import PlaceNames, place_text
from app.console.present.units import bytes_text, plural
from engine.views_keeping import KeepPreview, KeepStep
from widgets.text import Line, Span, Tone, plain

MOST_ITEMS = 40
_WHY = {
    "smaller": "larger than the new version",
    "diverged": "never was a version of it",
    "begun-anew": "from before the file began anew",
}


def keep_lines(preview: KeepPreview, names: PlaceNames) -> list[Line]:
    """Return files, bytes and what goes on, then each copy with its new name, then every refusal with its remedy."""
    goes = preview.files > 0
    size = f"{plural(preview.files, 'copy', 'copies')}, {bytes_text(preview.bytes)}"
    lines: list[Line] = [
        fact("renames", size, Tone.STRONG if goes else Tone.MUTED),
        fact("goes on", f"{plural(preview.transfers, 'blocked transfer')}"),
        fact("copies left", "all: no content is overwritten or removed"),
    ]
    if preview.steps:
        lines.append(fact("later", "kept ones are files of their own: copied, counted"))
        lines += [(), heading("What gets a name of its own")]
        for step in preview.steps[:MOST_ITEMS]:
            lines += _step(step, names)
        lines += _more(len(preview.steps) - MOST_ITEMS)
    if preview.refused:
        lines += [(), heading(f"Left as it is: {plural(len(preview.refused), 'copy', 'copies')}")]
        for refusal in preview.refused[:MOST_ITEMS]:
            at = f" on {place_text(refusal.node, names)}" if refusal.node else ""
            lines.append((Span("✗ ", Tone.BAD), Span(f"{plain(refusal.key, 120)}{at}")))
            lines.append((Span("  "), Span(plain(refusal.reason), Tone.WARN)))
            if refusal.remedy:
                lines.append((Span("  "), Span(plain(refusal.remedy), Tone.MUTED)))
        lines += _more(len(preview.refused) - MOST_ITEMS)
    if preview.more:
        lines += [(), (Span(f"{plural(preview.more, 'copy', 'copies')} more: ask again after these", Tone.WARN),)]
    if not (preview.steps or preview.refused):
        lines += [(), (Span("No copy stands in the way of a new version.", Tone.MUTED),)]
    return lines


def _step(step: KeepStep, names: PlaceNames) -> list[Line]:
    where = f"{plain(step.path.rpartition('/')[2], 120)} on {place_text(step.location, names)}"
    coming = "" if step.coming_bytes is None else f"; {bytes_text(step.coming_bytes)} come in its place"
    return [
        (Span("→ ", Tone.ACCENT), Span(f"{bytes_text(step.size_bytes)}  ", bold=True), Span(where)),
        (Span("  becomes ", Tone.MUTED), Span(plain(step.kept_path.rpartition("/")[2], 200))),
        (Span("  "), Span(f"{_WHY.get(step.code, plain(step.code))}{coming}", Tone.MUTED)),
    ]


def _more(count: int) -> list[Line]:
    return [(Span(f"and {count} more", Tone.MUTED),)] if count > 0 else []
