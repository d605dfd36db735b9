"""Transports in words: a node's open breakers, and the attempts at a transfer."""

from __future__ import annotations

from collections.abc import Sequence

from app.console.present.units import MINUTE, age_text, ago_text, bytes_text, rate_text
from engine.transport_views import AttemptView, BreakerView
from engine.views import NodeView
from widgets.text import Line, Span, Tone, plain

ATTEMPTS_SHOWN = 8


def breaker_word(node: NodeView, now: float) -> str:
    """Return what is left alone at a node, compactly: ``http open 42 s``, ``2 ways open 5 m``; else nothing."""
    if not node.breakers:
        return ""
    who = plain(node.breakers[0].transport, 10) if len(node.breakers) == 1 else f"{len(node.breakers)} ways"
    return f"{who} {_left(min(node.breakers, key=lambda one: one.until or 0.0), now)}"


def breaker_lines(node: NodeView, now: float) -> list[Line]:
    """Return each transport that is left alone at a node, and why."""
    return [
        (
            Span(f"{plain(one.transport, 10)} {_left(one, now)}", Tone.WARN),
            Span(f": {plain(one.reason)}", Tone.MUTED),
        )
        for one in node.breakers
    ]


def _left(breaker: BreakerView, now: float) -> str:
    seconds = 0.0 if breaker.until is None else breaker.until - now
    if seconds <= 0:
        return "probed"
    return f"open {seconds:.0f} s" if seconds < MINUTE else f"open {age_text(seconds)}"


def attempt_lines(attempts: Sequence[AttemptView], now: float) -> list[Line]:
    """Return the newest attempts first: by what, how fast, what was sent again, and every transport that failed."""
    if not attempts:
        return []
    lines: list[Line] = [(), (Span("Attempts", Tone.ACCENT, bold=True),)]
    for attempt in list(reversed(attempts))[:ATTEMPTS_SHOWN]:
        mark, tone = ("✓", Tone.GOOD) if attempt.success else ("✗", Tone.BAD)
        facts = [ago_text(attempt.finished_at, now), bytes_text(attempt.bytes_on_wire) + " on the wire"]
        if attempt.bytes_per_second is not None:
            facts.append(rate_text(attempt.bytes_per_second))
        if attempt.bytes_resent:
            facts.append(f"{bytes_text(attempt.bytes_resent)} sent again")
        lines.append(
            (Span(f"{mark} {attempt.number} by {plain(attempt.transport, 10)} ", tone), Span(", ".join(facts)))
        )
        lines += [
            (Span("  "), Span(f"{plain(failed.transport, 10)}: {plain(failed.error)}", Tone.WARN))
            for failed in attempt.failures
        ]
        if attempt.error and not attempt.failures:
            lines.append((Span("  "), Span(plain(attempt.error), Tone.BAD)))
    if len(attempts) > ATTEMPTS_SHOWN:
        lines.append((Span(f"  {len(attempts) - ATTEMPTS_SHOWN} earlier ones", Tone.MUTED),))
    return lines
