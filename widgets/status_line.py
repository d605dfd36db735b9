"""The line at the top of every screen: who, how many, how old, how bad."""

from __future__ import annotations

from itertools import zip_longest

from textual import events
from textual.geometry import Size
from textual.strip import Strip

from widgets.models import StatusModel
from widgets.text import Line, Span, Tone, cells, fit, spread
from widgets.toned import TonedView


class StatusLine(TonedView):
    """One line, and a second one while there is a notice that must not be missed."""

    can_focus = False

    DEFAULT_CSS = """
    StatusLine {
        height: auto;
        background: $panel;
        scrollbar-size-vertical: 0;
        overflow-y: hidden;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = StatusModel()
        self._lines: tuple[Line, ...] = ((),)
        self.virtual_size = Size(0, 1)

    def show(self, model: StatusModel) -> None:
        """Show a model; only lines that changed are drawn again."""
        if model == self._model:
            return
        self._model = model
        height = 1 if model.notice is None else 2
        if height != self.virtual_size.height:
            # Here and not once the width is known: a layout that a screen's first one asks for does not come.
            self.virtual_size = Size(0, height)
            self.refresh(layout=True)
        self._lay_out()

    def on_resize(self, _event: events.Resize) -> None:
        """Lay out for the new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.size.width
        if width <= 0:
            return
        before = self._lines
        self._lines = tuple(status_lines(self._model, width))
        for y, (old, new) in enumerate(zip_longest(before, self._lines)):
            if old != new:
                self.refresh_line(y)

    def render_line(self, y: int) -> Strip:
        """Return one of the lines."""
        return self.draw(self._lines[y] if y < len(self._lines) else (), self.size.width)


def status_lines(model: StatusModel, width: int) -> list[Line]:
    """Return the one or two lines of the status at this width; facts give way to counts where it is narrow."""
    right: list[Span] = []
    for badge in (*model.flags, *model.counts):
        right += [Span(badge.text, badge.tone, bold=True), Span("  ")]
    left: list[Span] = [Span(" syncdeck ", Tone.ACCENT, on=Tone.ACCENT), Span(" "), Span(model.node, bold=True)]
    room = width - cells(right) - cells(left) - len(model.age.text) - 4
    if room < 0:
        left = left[:1]  # How old all this is comes before what the engine is called.
    for badge in model.facts:
        room -= len(badge.text) + 2
        if room < 0:
            break
        left += [Span("  "), Span(badge.text, badge.tone)]
    left += [Span("  "), Span(model.age.text, model.age.tone)]
    lines = [spread(tuple(left), tuple(right), width)]
    if model.notice is not None:
        lines.append((Span(fit(f" {model.notice.text}", width), model.notice.tone, on=model.notice.tone),))
    return lines
