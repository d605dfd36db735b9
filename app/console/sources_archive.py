"""Where the lists of candidates and archives get their rows, and the views behind them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from app.console.present.archive import archive_cells, candidate_cells
from app.console.sources import MOST_VIEWS, SEARCHED_PAGES
from engine.client_levers import ArchiveClient
from engine.views_archive import ArchiveRow, CandidatePage, CandidateRow
from widgets.page_cache import PAGE_ROWS
from widgets.paged_table import Page
from widgets.table_columns import TableRow

MOST_SORTED = 2000
"""Candidates that the console sorts by itself; longer lists keep the engine's order."""

View = TypeVar("View")


class RememberingSource(ABC, Generic[View]):
    """A list whose views are kept for a while, each under a number that stays with it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._views: OrderedDict[int, View] = OrderedDict()
        self._numbers: dict[Hashable, int] = {}
        self._next = 1

    @abstractmethod
    async def _window(self, offset: int, count: int) -> tuple[int, tuple[View, ...]]:
        """Return how many there are, and some of them."""

    @abstractmethod
    def _name(self, view: View) -> Hashable:
        """Return what tells it from all others."""

    @abstractmethod
    def _cells(self, view: View, number: int) -> TableRow:
        """Return it as a row."""

    def view(self, number: int) -> View | None:
        """Return what was in a page fetched before."""
        return self._views.get(number)

    async def page(self, offset: int, count: int) -> Page:
        """Return a window of rows. Raises what the client raises."""
        total, views = await self._window(offset, count)
        return Page(total, tuple(self._cells(view, self._keep(view)) for view in views))

    async def rank(self, row_id: int) -> int | None:
        """Return where a row is now, or None when it is not among the first pages."""
        kept = self._views.get(row_id)
        if kept is None:
            return None
        for page in range(SEARCHED_PAGES):
            total, views = await self._window(page * PAGE_ROWS, PAGE_ROWS)
            for position, view in enumerate(views):
                if self._name(view) == self._name(kept):
                    return page * PAGE_ROWS + position
            if (page + 1) * PAGE_ROWS >= total:
                break
        return None

    def _keep(self, view: View) -> int:
        name = self._name(view)
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = self._next
            self._next += 1
        self._views[number] = view
        self._views.move_to_end(number)
        while len(self._views) > MOST_VIEWS:
            _, dropped = self._views.popitem(last=False)
            del self._numbers[self._name(dropped)]
        return number


class CandidateSource(RememberingSource[CandidateRow]):
    """The candidates of one location, or of all. ``order`` "" is the engine's own."""

    def __init__(
        self, client: ArchiveClient, location: str | None, text: str, order: str, now: Callable[[], float]
    ) -> None:
        super().__init__(now)
        self._client = client
        self._location = location
        self._text = text
        self.order = order
        self.free_bytes = 0
        """What archiving all that may go would free; known after the first page."""
        self.is_sorted = True

    def _name(self, view: CandidateRow) -> Hashable:
        return view.location, view.key

    def _cells(self, view: CandidateRow, number: int) -> TableRow:
        return candidate_cells(view, number)

    async def _window(self, offset: int, count: int) -> tuple[int, tuple[CandidateRow, ...]]:
        if self.order:
            whole = await self._fetch(0, MOST_SORTED)
            self.is_sorted = whole.total <= MOST_SORTED
            if self.is_sorted:
                rows = sorted(whole.rows, key=self._sort_key)
                return whole.total, tuple(rows[offset : offset + count])
        page = await self._fetch(offset, count)
        return page.total, page.rows

    async def _fetch(self, offset: int, count: int) -> CandidatePage:
        page = await self._client.candidates(self._location, offset, count, self._text)
        self.free_bytes = page.free_bytes
        return page

    def _sort_key(self, row: CandidateRow) -> tuple[float, str]:
        value = getattr(row, self.order)
        if isinstance(value, str):
            return 0.0, value
        return (float(value) if self.order == "durable_copies" else -float(value)), row.path


class ArchiveSource(RememberingSource[ArchiveRow]):
    """The archives, those being worked on first. A row's id is the archive's own."""

    def __init__(self, client: ArchiveClient, text: str, now: Callable[[], float]) -> None:
        super().__init__(now)
        self._client = client
        self._text = text

    def _name(self, view: ArchiveRow) -> Hashable:
        return view.id

    def _keep(self, view: ArchiveRow) -> int:
        self._views[view.id] = view
        self._views.move_to_end(view.id)
        while len(self._views) > MOST_VIEWS:
            self._views.popitem(last=False)
        return view.id

    def _cells(self, view: ArchiveRow, number: int) -> TableRow:
        return archive_cells(view, self._now())

    async def _window(self, offset: int, count: int) -> tuple[int, tuple[ArchiveRow, ...]]:
        page = await self._client.archives(offset, count, self._text)
        return page.total, page.rows
