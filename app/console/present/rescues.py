"""Emergencies and drains in words: how far each is, what it needs, and what could not be saved."""

from __future__ import annotations

from collections.abc import Sequence

from app.console.present.units import HOUR, ago_text, bytes_text, left_text, plural
from engine.views_nodes import RescueView
from widgets.text import Line, Span, Tone, plain

MOST_SHOWN = 4
MOST_UNSAVED = 5
_MARKS = {"done": ("✓", Tone.GOOD), "stuck": ("✗", Tone.BAD)}


def shown_rescues(rescues: Sequence[RescueView], now: float) -> list[RescueView]:
    """Return what belongs on the screen: what goes on, is stuck, or is a node that may be switched off; then what
    ended within the hour."""
    kept = [view for view in rescues if not _over(view) or now - (view.finished_at or now) < HOUR]
    order = ("stuck", "running", "done")
    return sorted(kept, key=lambda view: order.index(view.state) if view.state in order else len(order))[:MOST_SHOWN]


def _over(view: RescueView) -> bool:
    return view.state == "done" and (view.kind == "emergency" or view.cancelled)


def rescue_line(view: RescueView, now: float) -> Line:
    """Return one rescue in one line: while it runs how far an emergency is, or what a drain waits for; else what it
    came to."""
    mark, tone = _MARKS.get(view.state, ("→", Tone.ACCENT))
    who = Span(f"{mark} {plain(view.kind, 20)} ", tone, bold=True)
    if _moves(view):
        said = plain(view.sentence) if view.kind == "drain" else _progress(view)
        left = left_text(view.seconds_left) if (view.seconds_left or 0.0) >= 1.0 else ""
        return (who, Span(said + (f", {left} left" if left else "")))
    ended = f" ({ago_text(view.finished_at, now)})" if _over(view) and view.finished_at is not None else ""
    return (who, Span(plain(view.sentence) + ended, tone if view.state == "stuck" else Tone.TEXT))


def _moves(view: RescueView) -> bool:
    return view.state == "running" and view.files_total > 0


def _progress(view: RescueView) -> str:
    files = f"{view.files_done} of {plural(view.files_total, 'file')}"
    saved = f"{bytes_text(view.bytes_done)} of {bytes_text(view.bytes_total)}"
    return f"{plain(', '.join(view.nodes), 60)}: {files}, {saved} saved"


def rescue_lines(view: RescueView, now: float) -> list[Line]:
    """Return one rescue with the first files that could not be saved, and why."""
    lines = [rescue_line(view, now)]
    if _moves(view):
        rest = _progress(view) if view.kind == "drain" else plain(view.sentence)
        lines.append((Span(rest, Tone.MUTED),))
    for key, why in view.unsaved[:MOST_UNSAVED]:
        lines.append((Span("  ✗ ", Tone.BAD), Span(plain(key, 120))))
        lines.append((Span("    "), Span(plain(why), Tone.WARN)))
    more = view.unsaved_total - min(len(view.unsaved), MOST_UNSAVED)
    if more > 0:
        lines.append((Span(f"  and {more} more that cannot be saved now", Tone.MUTED),))
    return lines


def panel_lines(rescues: Sequence[RescueView], now: float) -> list[Line]:
    """Return the panel of rescues; empty when there is nothing to say."""
    return [rescue_line(view, now) for view in shown_rescues(rescues, now)]
