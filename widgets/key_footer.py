"""The line at the bottom of every screen: the keys that work here, and a click on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual import events
from textual.geometry import Size
from textual.strip import Strip

from widgets.models import KeyHint
from widgets.text import Line, Span, Tone, cells, spread
from widgets.toned import TonedView


class KeyFooter(TonedView):
    """Screens at the left, actions at the right; the last actions give way where it is narrow."""

    can_focus = False

    DEFAULT_CSS = """
    KeyFooter {
        dock: bottom;
        height: 1;
        background: $panel;
        scrollbar-size-vertical: 0;
        overflow-y: hidden;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._screens: tuple[KeyHint, ...] = ()
        self._actions: tuple[KeyHint, ...] = ()
        self._line: Line = ()
        self.virtual_size = Size(0, 1)

    def show(self, screens: Sequence[KeyHint], actions: Sequence[KeyHint]) -> None:
        """Show these keys."""
        self._screens, self._actions = tuple(screens), tuple(actions)
        self._lay_out()

    def on_resize(self, _event: events.Resize) -> None:
        """Lay out for the new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        line = footer_line(self._screens, self._actions, self.size.width)
        if line != self._line:
            self._line = line
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the line."""
        return self.draw(self._line if y == 0 else (), self.size.width)


def footer_line(screens: Sequence[KeyHint], actions: Sequence[KeyHint], width: int) -> Line:
    """Return the keys in one line of ``width`` cells. Where not all fits, other screens are shown by their keys
    alone; then what comes last in ``actions`` is left out first, but the very last one (the help, which names all
    others) always stays."""
    left = _hints(screens, gap=2)
    kept = list(actions)
    if cells(left) + cells(_hints(kept, gap=2)) + 4 > width:
        left = _hints([hint if hint.active else replace(hint, label="") for hint in screens], gap=1)
    while len(kept) > 1 and cells(left) + cells(_hints(kept, gap=2)) + 4 > width:
        del kept[-2]
    return spread((Span(" "), *left), (*_hints(kept, gap=2), Span(" ")), width)


def _hints(hints: Sequence[KeyHint], gap: int) -> Line:
    spans: list[Span] = []
    for hint in hints:
        if spans:
            spans.append(Span(" " * gap))
        tone = Tone.STRONG if hint.active else Tone.MUTED
        spans += [
            Span(hint.key, Tone.KEY, action=hint.action),
            Span(f" {hint.label}" if hint.label else "", tone, action=hint.action),
        ]
    return tuple(spans)
