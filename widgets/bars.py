"""Bars and sparklines out of block characters: pure functions from figures to spans."""

from __future__ import annotations

from collections.abc import Sequence

from widgets.text import Line, Span, Tone

_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = "▁▂▃▄▅▆▇█"


def bar(percent: float | None, width: int, tone: Tone, marks: Sequence[tuple[float, Tone]] = ()) -> Line:
    """Return a bar of ``width`` cells with thresholds drawn as marks on it; unknown figures draw an empty track.

    ``marks`` are (percent, tone); on the filled part a mark is cut into the bar so that it stays visible.
    """
    if width <= 0:
        return ()
    eighths = 0 if percent is None else round(min(100.0, max(0.0, percent)) / 100.0 * width * 8)
    full, rest = divmod(eighths, 8)
    at = {min(width - 1, int(value / 100.0 * width)): mark for value, mark in marks}
    spans: list[Span] = []
    for cell in range(width):
        filled = cell < full or (cell == full and rest >= 4)
        if cell in at:
            span = Span("│", at[cell], on=tone if filled else None)
        elif cell < full:
            span = Span("█", tone)
        elif cell == full and rest:
            span = Span(_EIGHTHS[rest], tone)
        else:
            span = Span("─", Tone.TRACK)
        last = spans[-1] if spans else None
        same = last is not None and (last.tone, last.on) == (span.tone, span.on)
        if last is not None and same and cell not in at and last.text[-1] != "│":
            spans[-1] = Span(last.text + span.text, last.tone, on=last.on)
        else:
            spans.append(span)
    return tuple(spans)


def sparkline(values: Sequence[float], width: int, floor: float | None = None, ceiling: float | None = None) -> str:
    """Return the newest ``width`` values as a line of block characters, scaled between floor and ceiling.

    Without bounds the values' own minimum and maximum are used; a flat line is drawn low.
    """
    if width <= 0 or not values:
        return ""
    shown = resample(values, width)
    low = min(shown) if floor is None else floor
    high = max(shown) if ceiling is None else ceiling
    if high <= low:
        return _LEVELS[0] * len(shown)
    steps = len(_LEVELS) - 1
    return "".join(_LEVELS[max(0, min(steps, round((value - low) / (high - low) * steps)))] for value in shown)


def resample(values: Sequence[float], width: int) -> list[float]:
    """Return at most ``width`` values, each the mean of an equal share of ``values``; short series are stretched."""
    count = len(values)
    if count == 0:
        return []
    shown: list[float] = []
    for index in range(width):
        start = index * count // width
        end = max(start + 1, (index + 1) * count // width)
        share = values[start:end]
        shown.append(sum(share) / len(share))
    return shown
