"""Lists whose rows have no number of their own: each view is given one, which stays with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from app.console.sources import MOST_VIEWS, SEARCHED_PAGES
from widgets.page_cache import PAGE_ROWS
from widgets.paged_table import Page
from widgets.table_columns import TableRow

View = TypeVar("View")


class Numbers:
    """Numbers by name. A screen keeps them through all filters and orders: cursor and marks are numbers."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._next = 1

    def of(self, name: Hashable) -> int:
        """Return the number of a name, a new one for a new name."""
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = self._next
            self._next += 1
        return number

    def forget(self, name: Hashable) -> None:
        """Give a name a new number when it comes again; its old one is never used again."""
        self._numbers.pop(name, None)


class Memory(Generic[View]):
    """The newest views of a list, by their numbers; bounded. ``name`` tells one from all others."""

    def __init__(self, name: Callable[[View], Hashable]) -> None:
        self.name = name
        self._numbers = Numbers()
        self._views: OrderedDict[int, View] = OrderedDict()

    def keep(self, view: View) -> int:
        """Keep a view and return its number."""
        number = self._numbers.of(self.name(view))
        self._views[number] = view
        self._views.move_to_end(number)
        while len(self._views) > MOST_VIEWS:
            _, dropped = self._views.popitem(last=False)
            self._numbers.forget(self.name(dropped))
        return number

    def view(self, number: int) -> View | None:
        """Return the view under a number, as it was last seen."""
        return self._views.get(number)


class RememberingSource(ABC, Generic[View]):
    """A list under one filter, whose views are kept in a memory that outlives it."""

    def __init__(self, memory: Memory[View], now: Callable[[], float]) -> None:
        self._memory = memory
        self._now = now

    @abstractmethod
    async def _window(self, offset: int, count: int) -> tuple[int, tuple[View, ...]]:
        """Return how many there are, and some of them."""

    @abstractmethod
    def _cells(self, view: View, number: int) -> TableRow:
        """Return it as a row."""

    async def page(self, offset: int, count: int) -> Page:
        """Return a window of rows. Raises what the client raises."""
        total, views = await self._window(offset, count)
        return Page(total, tuple(self._cells(view, self._memory.keep(view)) for view in views))

    async def rank(self, row_id: int) -> int | None:
        """Return where a row is now, or None when it is not among the first pages."""
        kept = self._memory.view(row_id)
        if kept is None:
            return None
        for page in range(SEARCHED_PAGES):
            total, views = await self._window(page * PAGE_ROWS, PAGE_ROWS)
            for position, view in enumerate(views):
                if self._memory.name(view) == self._memory.name(kept):
                    return page * PAGE_ROWS + position
            if (page + 1) * PAGE_ROWS >= total:
                break
        return None
