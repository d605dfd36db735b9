"""A list of rows between a pinned head and foot: a cursor kept by key, and only changed lines redrawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from widgets.text import Line, Span, Tone
from widgets.toned import TonedView

CURSOR_GLYPH = "▸"
LIST_BINDINGS = (
    Binding("up,k", "cursor(-1)", "Up", show=False),
    Binding("down,j", "cursor(1)", "Down", show=False),
    Binding("pageup", "page(-1)", "Page up", show=False),
    Binding("pagedown", "page(1)", "Page down", show=False),
    Binding("home,g", "edge(-1)", "First", show=False),
    Binding("end,G", "edge(1)", "Last", show=False),
    Binding("enter", "choose", "Open", show=False),
)
"""The keys of everything that has a cursor."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of one or more lines; a row without a key cannot be chosen."""

    key: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a list shows. ``foot`` gets the number of rows below the visible part."""

    rows: tuple[Row, ...] = ()
    head: Line | None = None
    foot: Callable[[int], Line] | None = None
    body: tuple[tuple[Line, int], ...] = field(init=False, default=(), repr=False)

    def __post_init__(self) -> None:
        body = tuple((line, index) for index, row in enumerate(self.rows) for line in row.lines)
        object.__setattr__(self, "body", body)

    @property
    def height(self) -> int:
        """How many lines it takes to show everything."""
        return len(self.body) + (self.head is not None) + (self.foot is not None)


class LineList(TonedView, can_focus=True):
    """A list of rows. Posts ``Chosen`` on enter or a second click, ``Edge`` when the cursor leaves at an end."""

    DEFAULT_CSS = """
    LineList { scrollbar-size-vertical: 0; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*LIST_BINDINGS]

    class Chosen(Message):
        """A row was opened."""

        def __init__(self, sender: LineList, key: str) -> None:
            super().__init__()
            self.sender = sender
            self.key = key

        @property
        def control(self) -> LineList:
            """The list it happened in."""
            return self.sender

    class Edge(Message):
        """The cursor was moved past the first (-1) or the last (1) row."""

        def __init__(self, sender: LineList, direction: int) -> None:
            super().__init__()
            self.sender = sender
            self.direction = direction

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._sheet = Sheet()
        self._cursor_key: str | None = None
        self._cursor_index = 0
        self._moved = False

    @property
    def sheet(self) -> Sheet:
        """What is shown."""
        return self._sheet

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor, or None when there is none."""
        return self._cursor_key

    def set_sheet(self, sheet: Sheet) -> None:
        """Show a sheet; lines that did not change are not drawn again.

        The cursor stays on its row, once somebody has moved it; until then it is on the first, the worst one.
        """
        before = self._visible_lines()
        old_cursor = self._cursor_index
        self._sheet = sheet
        self._keep_cursor()
        size = Size(0, sheet.height)
        if size != self.virtual_size:
            self.virtual_size = size
        after = self._visible_lines()
        if old_cursor != self._cursor_index or len(before) != len(after):
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new:
                self.refresh_line(self.scroll_offset.y + y)

    def _keep_cursor(self) -> None:
        keys = [row.key for row in self._sheet.rows]
        if self._moved and self._cursor_key is not None and self._cursor_key in keys:
            self._cursor_index = keys.index(self._cursor_key)
            return
        choosable = [index for index, key in enumerate(keys) if key is not None]
        wanted = self._cursor_index if self._moved else 0
        nearest = min(choosable, key=lambda index: abs(index - wanted), default=None)
        self._cursor_index = nearest or 0
        self._cursor_key = keys[nearest] if nearest is not None else None

    def _body_height(self) -> int:
        return max(0, self.size.height - (self._sheet.head is not None) - (self._sheet.foot is not None))

    def _line_at(self, y: int) -> tuple[Line, int]:
        """Return what stands at line ``y`` of the view, with the index of its row (-1: none)."""
        sheet = self._sheet
        if sheet.head is not None and y == 0:
            return sheet.head, -1
        below_body = (1 if sheet.head is not None else 0) + self._body_height()
        if sheet.foot is not None and y == min(below_body, sheet.height - 1):
            last = min(len(sheet.body), self.scroll_offset.y + self._body_height())
            hidden = len({index for _, index in sheet.body[last:]} - {i for _, i in sheet.body[:last]})
            return sheet.foot(hidden), -1
        position = y - (1 if sheet.head is not None else 0) + self.scroll_offset.y
        if 0 <= position < len(sheet.body):
            return sheet.body[position]
        return (), -1

    def _visible_lines(self) -> list[tuple[Line, int]]:
        return [self._line_at(y) for y in range(self.size.height)]

    def render_line(self, y: int) -> Strip:
        """Return one line of the view."""
        line, index = self._line_at(y)
        width = self.line_width
        row = self._sheet.rows[index] if 0 <= index < len(self._sheet.rows) else None
        cursor = self.has_focus and row is not None and row.key is not None and index == self._cursor_index
        first = cursor and row is not None and line is row.lines[0]
        gutter = Span(CURSOR_GLYPH if first else " ", Tone.ACCENT, bold=True)
        return self.draw((gutter, *line), width, cursor)

    def move_cursor(self, index: int) -> None:
        """Put the cursor on a row and scroll it into view."""
        rows = self._sheet.rows
        if not 0 <= index < len(rows) or rows[index].key is None:
            return
        self._moved = True
        self._cursor_index = index
        self._cursor_key = rows[index].key
        first = next(position for position, (_, owner) in enumerate(self._sheet.body) if owner == index)
        last = first + len(rows[index].lines) - 1
        top, height = self.scroll_offset.y, self._body_height()
        if first < top:
            self.scroll_to(y=first, animate=False)
        elif last >= top + height:
            self.scroll_to(y=last - height + 1, animate=False)
        self.refresh()

    def action_cursor(self, step: int) -> None:
        """Move by one row that can be chosen; past an end tell the parent."""
        index = self._cursor_index + step
        while 0 <= index < len(self._sheet.rows) and self._sheet.rows[index].key is None:
            index += step
        if 0 <= index < len(self._sheet.rows):
            self.move_cursor(index)
        else:
            self.post_message(self.Edge(self, step))

    def action_page(self, direction: int) -> None:
        """Move by as many rows as are visible."""
        self._move_to_choosable(self._cursor_index + direction * max(1, self._body_height() - 1), -direction)

    def action_edge(self, direction: int) -> None:
        """Move to the first or the last row."""
        self._move_to_choosable(0 if direction < 0 else len(self._sheet.rows) - 1, -direction)

    def _move_to_choosable(self, index: int, step: int) -> None:
        rows: Sequence[Row] = self._sheet.rows
        index = max(0, min(len(rows) - 1, index))
        while 0 <= index < len(rows) and rows[index].key is None:
            index += step
        self.move_cursor(index)

    def action_choose(self) -> None:
        """Open the row under the cursor."""
        if self._cursor_key is not None:
            self.post_message(self.Chosen(self, self._cursor_key))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row; open it when it was there already."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        _, index = self._line_at(offset.y)
        if index < 0 or self._sheet.rows[index].key is None:
            return
        if index == self._cursor_index and event.chain > 1:
            self.action_choose()
        else:
            self.move_cursor(index)

    def on_focus(self) -> None:
        """Draw the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Take the cursor away."""
        self.refresh()
