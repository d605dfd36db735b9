"""A field for YAML: keys, strings and comments in their colours, and lines with mistakes marked."""

from __future__ import annotations

import re

from rich.text import Text
from textual.widgets import TextArea

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$")
_KEY = re.compile(r"^(\s*(?:- )?)([^\s#:{\[\"'][^:{\[#]*):(?=\s|$)")
_INNER_KEY = re.compile(r"(?<=[{,])\s*([\w.-]+):(?=\s)")
_STRING = re.compile(r"\"[^\"]*\"|'[^']*'")


class YamlArea(TextArea):
    """The field. ``mark_lines`` underlines lines (counted from 1) that hold a mistake."""

    COMPONENT_CLASSES = {"yaml--key", "yaml--string", "yaml--comment", "yaml--mistake"}  # noqa: RUF012

    DEFAULT_CSS = """
    YamlArea {
        border: round $border-blurred; border-title-color: $text-primary; border-title-style: bold;
        background: $background; padding: 0;
        &:focus { border: round $primary; }
        & > .yaml--key { color: $text-primary; }
        & > .yaml--string { color: $text-success; }
        & > .yaml--comment { color: $text-muted; }
        & > .yaml--mistake { color: $text-error; text-style: underline; }
        &:ansi { border: round ansi_bright_black; border-title-color: ansi_blue; }
        &:ansi:focus { border: round ansi_blue; }
    }
    """

    def __init__(self, text: str = "", *, id: str | None = None) -> None:
        super().__init__(text, id=id, show_line_numbers=True, tab_behavior="focus", soft_wrap=True)
        self.cursor_blink = False
        self._mistakes: frozenset[int] = frozenset()

    def mark_lines(self, lines: frozenset[int]) -> None:
        """Underline these lines."""
        if lines != self._mistakes:
            self._mistakes = lines
            self._line_cache.clear()
            self.refresh()

    def get_line(self, line_index: int) -> Text:
        """Return a line with its colours."""
        line = super().get_line(line_index)
        if line_index + 1 in self._mistakes:
            line.stylize(self.get_component_rich_style("yaml--mistake", partial=True))
            return line
        for pattern, group, name in ((_KEY, 2, "key"), (_INNER_KEY, 1, "key"), (_STRING, 0, "string")):
            for found in pattern.finditer(line.plain):
                line.stylize(self.get_component_rich_style(f"yaml--{name}", partial=True), *found.span(group))
        for found in _COMMENT.finditer(line.plain):
            line.stylize(self.get_component_rich_style("yaml--comment", partial=True), *found.span())
        return line
