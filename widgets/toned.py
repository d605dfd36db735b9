"""The base of everything drawn line by line: tones to styles of the theme, and a view that redraws single lines."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.text import Line, Span, Tone, cells, crop


class TonedView(ScrollView):
    """A line-drawn view whose colours come from component classes ``tone--*`` of the theme's style sheet."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{tone.value}" for tone in Tone} | {
        "line--cursor",
        "line--cursor-blurred",
    }

    DEFAULT_CSS = """
    TonedView {
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .tone--text { color: $foreground; }
        & > .tone--strong { color: $foreground; text-style: bold; }
        & > .tone--muted { color: $text-muted; }
        & > .tone--good { color: $text-success; }
        & > .tone--warn { color: $text-warning; }
        & > .tone--bad { color: $text-error; }
        & > .tone--accent { color: $text-primary; }
        & > .tone--key { color: $text-accent; text-style: bold; }
        & > .tone--track { color: $border-blurred; }
        & > .line--cursor { background: $block-hover-background; }
        & > .line--cursor-blurred { background: transparent; }
        &:ansi { scrollbar-color: ansi_bright_black; scrollbar-color-hover: ansi_bright_black;
                 scrollbar-color-active: ansi_blue; scrollbar-background: ansi_default;
                 scrollbar-background-hover: ansi_default; scrollbar-background-active: ansi_default; }
        &:ansi > .tone--muted { color: ansi_bright_black; }
        &:ansi > .tone--track { color: ansi_bright_black; }
        &:ansi > .tone--accent { color: ansi_blue; }
        &:ansi > .tone--key { color: ansi_cyan; }
        &:ansi > .line--cursor { text-style: reverse; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._styles_of_spans: dict[tuple[Tone, bool, Tone | None, str | None, bool], Style] = {}

    @property
    def line_width(self) -> int:
        """How many cells a line has, beside a scrollbar."""
        return max(0, self.scrollable_content_region.width)

    def notify_style_update(self) -> None:
        """Forget the styles of the former theme."""
        self._styles_of_spans.clear()
        super().notify_style_update()

    def style_of(self, span: Span, cursor: bool = False) -> Style:
        """Return the theme's style for a span, on the cursor line or off it."""
        key = (span.tone, span.bold, span.on, span.action, cursor)
        style = self._styles_of_spans.get(key)
        if style is None:
            style = self._styles_of_spans[key] = self._make_style(span, cursor)
        return style

    def _make_style(self, span: Span, cursor: bool) -> Style:
        toned = self.get_component_rich_style(f"tone--{span.tone.value}")
        style = Style(color=toned.color, bold=toned.bold or span.bold or None)
        base = self.rich_style
        if cursor:
            under = self.get_component_rich_style("line--cursor")
            if under.reverse:  # themes of the terminal's own colours: reversed tones would make a patchwork
                return base + Style(reverse=True, bold=style.bold)
            base += Style(bgcolor=under.bgcolor)
        if span.on is not None:
            field = self.get_component_rich_style(f"tone--{span.on.value}")
            style = Style(color=self.rich_style.bgcolor, bgcolor=field.color, bold=True)
        if span.action is not None:
            style += Style.from_meta({"@click": span.action})
        return base + style

    def draw(self, line: Line, width: int, cursor: bool = False) -> Strip:
        """Return the line as a strip of exactly ``width`` cells."""
        line = crop(line, width)
        segments = [Segment(span.text, self.style_of(span, cursor)) for span in line if span.text]
        length = cells(line)
        if length < width:
            segments.append(Segment(" " * (width - length), self.style_of(Span(""), cursor)))
        return Strip(segments, width)
