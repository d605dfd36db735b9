"""A table that is a window onto a list of any length: pages are fetched as they come into view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from widgets.line_list import CURSOR_GLYPH, LIST_BINDINGS
from widgets.page_cache import PAGE_ROWS, PageCache
from widgets.table_columns import Column, TableRow, head_line, row_line, widths
from widgets.text import Line, Span, Tone
from widgets.toned import TonedView

MARK_GLYPH = "●"
GUTTERS = 3
"""Cells beside the columns: cursor and mark before them, a gap to the scrollbar or border after them."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows from a position on, and how many there are in all."""

    total: int
    rows: tuple[TableRow, ...]


class RowSource(Protocol):
    """Where rows come from."""

    async def page(self, offset: int, count: int) -> Page:
        """Return up to ``count`` rows from ``offset``."""
        ...

    async def rank(self, row_id: int) -> int | None:
        """Return the position of a row, or None when it is gone or cannot be found."""
        ...


class PagedTable(TonedView, can_focus=True):
    """The table. Cursor and marks belong to rows, not to positions: they stay when the list moves under them."""

    BINDINGS: ClassVar[list[BindingType]] = [*LIST_BINDINGS]

    class Highlighted(Message):
        """Another row is under the cursor, or its content changed; None: the table is empty."""

        def __init__(self, row: TableRow | None) -> None:
            super().__init__()
            self.row = row

    class Chosen(Message):
        """A row was opened."""

        def __init__(self, row: TableRow) -> None:
            super().__init__()
            self.row = row

    class Counted(Message):
        """The number of rows, or of marked rows, changed."""

        def __init__(self, total: int, marked: int) -> None:
            super().__init__()
            self.total = total
            self.marked = marked

    class Failed(Message):
        """Rows could not be fetched; what was there stays."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def __init__(self, columns: Sequence[Column], empty: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._empty = empty
        self._cache = PageCache()
        self._source: RowSource | None = None
        self._order = ("", False)
        self._total: int | None = None
        self._index = 0
        self._row: TableRow | None = None
        self._marks: dict[int, str] = {}
        self._generation = 0
        self._fetching = False
        self._seek = False

    @property
    def total(self) -> int | None:
        """How many rows there are, or None before the first page."""
        return self._total

    @property
    def settled(self) -> bool:
        """Whether nothing is being fetched and the first page has come."""
        return not self._fetching and self._total is not None

    @property
    def row(self) -> TableRow | None:
        """The row under the cursor."""
        return self._row

    @property
    def marked(self) -> dict[int, str]:
        """The marked rows: id to key."""
        return dict(self._marks)

    def set_source(self, source: RowSource, order: str = "", descending: bool = False) -> None:
        """Show another list; the cursor stays on its row if that is in the new list too."""
        self._source = source
        self._order = (order, descending)
        self._generation += 1
        self._cache.mark_stale()
        self._seek = self._row is not None
        self._want()
        self.refresh()

    def invalidate(self) -> None:
        """Fetch again what is in view, drawing only what changed."""
        self._generation += 1
        self._cache.mark_stale()
        self._seek = self._row is not None
        self._want()

    def set_empty(self, text: str) -> None:
        """Say something else when there are no rows."""
        if text != self._empty:
            self._empty = text
            self.refresh()

    def clear_marks(self) -> None:
        """Unmark all rows."""
        if self._marks:
            self._marks.clear()
            self.refresh()
            self._tell_counts()

    # -- fetching ---------------------------------------------------------------------------------

    def _visible(self) -> tuple[int, int]:
        top = self.scroll_offset.y
        return top, top + max(1, self.size.height - 1) - 1

    def _want(self) -> None:
        if self._source is not None and not self._fetching and self.is_attached:
            self._fetching = True
            self.run_worker(self._fetch(self._source), group="pages", exit_on_error=False)

    async def _fetch(self, source: RowSource) -> None:
        """Fetch until everything in view is there; one fetch at a time, the newest wish first."""
        try:
            while self._source is not None:
                source, generation = self._source, self._generation
                if self._seek:
                    await self._follow_row(source, generation)
                first, last = self._visible()
                if self._total is not None:
                    last = min(last, self._total - 1)
                missing = self._cache.missing(first, last)
                if not missing and generation == self._generation:
                    break
                for page in missing:
                    result = await source.page(page * PAGE_ROWS, PAGE_ROWS)
                    if generation != self._generation:
                        break
                    self._take(page, result)
        except Exception as error:  # noqa: BLE001 - handed on to the screen, which shows it
            self.post_message(self.Failed(error))
        finally:
            self._fetching = False

    async def _follow_row(self, source: RowSource, generation: int) -> None:
        row = self._row
        rank = await source.rank(row.id) if row is not None else None
        if generation != self._generation:
            return
        self._seek = False
        if rank is None or rank == self._index:
            return
        shift = rank - self._index
        self._index = rank
        if self._total is not None and rank >= self._total:
            self._set_total(rank + 1)
        self.scroll_to(y=max(0, self.scroll_offset.y + shift), animate=False, force=True)
        self._scroll_to_cursor()
        self.refresh()

    def _take(self, page: int, result: Page) -> None:
        changed = self._cache.put(page, result.rows)
        if result.total != self._total:
            self._set_total(result.total)
            changed = True
            self._tell_counts()
        self._index = max(0, min(self._index, result.total - 1))
        row = self._cache.row(self._index) if result.total else None
        if row != self._row and (row is not None or not result.total):
            self._row = row
            self.post_message(self.Highlighted(row))
        if changed:
            self.refresh()

    def _set_total(self, total: int) -> None:
        self._total = total
        self.virtual_size = Size(0, total + 1)

    def _tell_counts(self) -> None:
        self.post_message(self.Counted(self._total or 0, len(self._marks)))

    # -- drawing ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Return one line: the titles, a row, a placeholder, or what to say when there are no rows."""
        width = self.line_width
        sizes = widths(self._columns, width - GUTTERS)
        if y == 0:
            return self.draw((Span("  "), *head_line(self._columns, sizes, *self._order)), width)
        index = self.scroll_offset.y + y - 1
        if not self._total:
            message = "Loading" if self._total is None else self._empty
            return self.draw((Span("  "), Span(message, Tone.MUTED)) if y == 2 else (), width)
        if index >= self._total:
            return self.draw((), width)
        return self.draw(self._row_line(index, sizes), width, index == self._index and self.has_focus)

    def _row_line(self, index: int, sizes: Sequence[int]) -> Line:
        row = self._cache.row(index)
        cursor = Span(CURSOR_GLYPH if index == self._index else " ", Tone.ACCENT, bold=True)
        if row is None:
            return (cursor, Span(" "), Span("·" * 12, Tone.TRACK))
        mark = Span(MARK_GLYPH if row.id in self._marks else " ", Tone.KEY)
        return (cursor, mark, *row_line(self._columns, sizes, row.cells))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fetch what comes into view."""
        super().watch_scroll_y(old_value, new_value)
        self._want()

    def on_resize(self, _event: events.Resize) -> None:
        """Fetch what comes into view."""
        self._want()

    def on_focus(self) -> None:
        """Draw the cursor line."""
        self._refresh_rows(self._index)

    def on_blur(self) -> None:
        """Draw the cursor line."""
        self._refresh_rows(self._index)

    def _refresh_rows(self, *indexes: int) -> None:
        for index in indexes:
            self.refresh_line(index + 1)

    # -- moving -----------------------------------------------------------------------------------

    def move_to(self, index: int) -> None:
        """Put the cursor on a position."""
        if not self._total:
            return
        old, self._index = self._index, max(0, min(self._total - 1, index))
        self._seek = False
        self._scroll_to_cursor()
        self._refresh_rows(old, self._index)
        row = self._cache.row(self._index)
        if row is not None and row != self._row:
            self._row = row
            self.post_message(self.Highlighted(row))
        self._want()

    def _scroll_to_cursor(self) -> None:
        height = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        if self._index < top:
            self.scroll_to(y=self._index, animate=False, force=True)
        elif self._index >= top + height:
            self.scroll_to(y=self._index - height + 1, animate=False, force=True)

    def action_cursor(self, step: int) -> None:
        """Move by rows."""
        self.move_to(self._index + step)

    def action_page(self, direction: int) -> None:
        """Move by what is visible."""
        self.move_to(self._index + direction * max(1, self.size.height - 2))

    def action_edge(self, direction: int) -> None:
        """Move to the first or the last row."""
        self.move_to(0 if direction < 0 else (self._total or 1) - 1)

    def action_choose(self) -> None:
        """Open the row under the cursor."""
        if self._row is not None:
            self.post_message(self.Chosen(self._row))

    def toggle_mark(self) -> None:
        """Mark or unmark the row under the cursor, and go to the next one."""
        row = self._cache.row(self._index)
        if row is None:
            return
        if row.id in self._marks:
            del self._marks[row.id]
        else:
            self._marks[row.id] = row.key
        self._refresh_rows(self._index)
        self._tell_counts()
        self.move_to(self._index + 1)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row; open it on a double click."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y == 0:
            return
        self.move_to(self.scroll_offset.y + offset.y - 1)
        if event.chain > 1:
            self.action_choose()
