"""What a request would do, said before it is done."""

from __future__ import annotations

from app.console.present.details import fact, heading
from app.console.present.places import PlaceNames, place_text
from app.console.present.units import about_text, bytes_text, plural
from engine.views import SyncPreview
from widgets.text import Line, Span, Tone, plain

MOST_ITEMS = 40


def preview_lines(preview: SyncPreview, names: PlaceNames) -> list[Line]:
    """Return files, bytes, targets and time, then what moves where, then every refusal with its remedy."""
    targets = ", ".join(place_text(target, names) for target in preview.targets) or "none"
    moves = preview.files > 0
    lines = [
        fact("would move", f"{plural(preview.files, 'file')}, {bytes_text(preview.bytes)}", _calm(moves)),
        fact("to", targets),
        fact("takes", about_text(preview.seconds) if moves else "no time: there is nothing to move"),
        fact("copies left", "all: a sync only adds copies"),
    ]
    if preview.request.emergency:
        lines.append(_limit(preview.request.allow_fill))
    if preview.items:
        lines += [(), heading("What moves")]
        for item in preview.items[:MOST_ITEMS]:
            route = f"{place_text(item.source, names)} → {', '.join(place_text(at, names) for at in item.targets)}"
            size = f"{plural(len(item.entries), 'file')}, {bytes_text(item.bytes)}"
            lines.append((Span("→ ", Tone.ACCENT), Span(f"{size}  ", bold=True), Span(route)))
        if len(preview.items) > MOST_ITEMS:
            lines.append((Span(f"and {len(preview.items) - MOST_ITEMS} more", Tone.MUTED),))
    if preview.refused:
        lines += [(), heading(f"Refused: {plural(len(preview.refused), 'copy', 'copies')}")]
        for refusal in preview.refused[:MOST_ITEMS]:
            lines.append(
                (Span("✗ ", Tone.BAD), Span(f"{plain(refusal.key, 120)} to {place_text(refusal.node, names)}"))
            )
            lines.append((Span("  "), Span(plain(refusal.reason), Tone.WARN)))
            if refusal.remedy:
                lines.append((Span("  "), Span(plain(refusal.remedy), Tone.MUTED)))
        if len(preview.refused) > MOST_ITEMS:
            lines.append((Span(f"and {len(preview.refused) - MOST_ITEMS} more", Tone.MUTED),))
    return lines


def _calm(moves: bool) -> Tone:
    return Tone.STRONG if moves else Tone.MUTED


def _limit(allow_fill: bool) -> Line:
    if allow_fill:
        return fact("disk limit", "! targets may fill past max, down to the free-space floor", Tone.WARN)
    return fact("disk limit", "targets stay below max")
