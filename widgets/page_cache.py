"""Pages of a list too long to hold: which are loaded, which are out of date, which to drop. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from widgets.table_columns import TableRow

PAGE_ROWS = 128
MOST_PAGES = 64


class PageCache:
    """Rows by position, in pages of ``PAGE_ROWS``; the least recently seen pages are dropped first."""

    def __init__(self) -> None:
        self._pages: OrderedDict[int, tuple[TableRow, ...]] = OrderedDict()
        self._fresh: set[int] = set()

    def clear(self) -> None:
        """Forget everything: the list is another one now."""
        self._pages.clear()
        self._fresh.clear()

    def mark_stale(self) -> None:
        """Keep what is there for drawing, and want all of it again."""
        self._fresh.clear()

    def put(self, page: int, rows: Sequence[TableRow]) -> bool:
        """Keep a page; return whether it differs from what was there."""
        changed = self._pages.get(page) != tuple(rows)
        self._pages[page] = tuple(rows)
        self._pages.move_to_end(page)
        self._fresh.add(page)
        while len(self._pages) > MOST_PAGES:
            dropped, _ = self._pages.popitem(last=False)
            self._fresh.discard(dropped)
        return changed

    def row(self, index: int) -> TableRow | None:
        """Return the row at a position, or None while it is not loaded."""
        page, within = divmod(index, PAGE_ROWS)
        rows = self._pages.get(page)
        return rows[within] if rows is not None and within < len(rows) else None

    def find(self, row_id: int) -> int | None:
        """Return the position of a row among the loaded ones."""
        for page, rows in self._pages.items():
            for within, row in enumerate(rows):
                if row.id == row_id:
                    return page * PAGE_ROWS + within
        return None

    def missing(self, first: int, last: int) -> list[int]:
        """Return the pages between two positions that are not loaded or out of date."""
        pages = range(max(0, first) // PAGE_ROWS, max(0, last) // PAGE_ROWS + 1)
        return [page for page in pages if page not in self._fresh]
