"""Lines to read: a scrolling view of headed text, redrawn only where it changed."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Size
from textual.strip import Strip

from widgets.text import Line, Span, wrap
from widgets.toned import TonedView


class TextView(TonedView, can_focus=True):
    """Read-only lines; a line of one span is wrapped, all others are cut at the edge."""

    DEFAULT_CSS = """
    TextView { scrollbar-gutter: stable; }
    """

    def __init__(self, *, id: str | None = None, can_focus: bool = True) -> None:
        super().__init__(id=id)
        self.can_focus = can_focus
        self._source: tuple[Line, ...] = ()
        self._lines: tuple[Line, ...] = ()

    @property
    def plain_text(self) -> str:
        """Everything shown, without tones."""
        return "\n".join("".join(span.text for span in line) for line in self._source)

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; the position stays."""
        if tuple(lines) != self._source:
            self._source = tuple(lines)
            self._lay_out()

    def on_resize(self, _event: events.Resize) -> None:
        """Wrap for the new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.line_width - 1  # a gap to the scrollbar
        before = self._lines
        lines: list[Line] = []
        for line in self._source:
            if width > 4:
                lines += wrapped(line, width)
            else:
                lines.append(line)
        self._lines = tuple(lines)
        if len(before) != len(lines):
            self.virtual_size = Size(0, len(lines))
            self.refresh(layout=self.styles.height is not None and self.styles.height.is_auto)
            return
        for y, (old, new) in enumerate(zip(before, lines, strict=True)):
            if old != new:
                self.refresh_line(y)

    def render_line(self, y: int) -> Strip:
        """Return one line."""
        position = self.scroll_offset.y + y
        return self.draw(self._lines[position] if position < len(self._lines) else (), self.line_width)


def wrapped(line: Line, width: int) -> list[Line]:
    """Return the line in as many lines as it needs: its last span is wrapped under where it begins."""
    if not line:
        return [line]
    *head, last = line
    indent = sum(len(span.text) for span in head)
    if indent + len(last.text) <= width or width - indent < 12:
        return [line]
    texts = wrap(last.text, width - indent)
    first: Line = (*head, Span(texts[0], last.tone, last.bold))
    return [first, *((Span(" " * indent), Span(text, last.tone, last.bold)) for text in texts[1:])]
