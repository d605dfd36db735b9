"""Where the long lists get their rows: windows of an engine client, worded for the table."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from app.console.present.tables import catalog_cells, transfer_cells
from engine.client import EngineClient
from engine.views import CatalogQuery, TransferView
from widgets.page_cache import MOST_PAGES, PAGE_ROWS
from widgets.paged_table import Page

MOST_VIEWS = MOST_PAGES * PAGE_ROWS
SEARCHED_PAGES = 4
"""Pages looked through for a transfer that moved in its list; beyond, the cursor keeps its position."""


class CatalogSource:
    """The entries of one query."""

    def __init__(self, client: EngineClient, query: CatalogQuery, now: Callable[[], float]) -> None:
        self._client = client
        self._query = query
        self._now = now

    async def page(self, offset: int, count: int) -> Page:
        """Return a window of entries. Raises what the client raises."""
        window = await self._client.catalog_window(self._query, offset, count)
        now = self._now()
        return Page(window.total, tuple(catalog_cells(row, now) for row in window.rows))

    async def rank(self, row_id: int) -> int | None:
        """Return where an entry is in the query. Raises what the client raises."""
        return await self._client.catalog_rank(self._query, row_id)


class TransferSource:
    """Queue and history under one filter; keeps the views behind the rows for their details."""

    def __init__(self, client: EngineClient, text: str, history: bool, now: Callable[[], float]) -> None:
        self._client = client
        self._text = text
        self._history = history
        self._now = now
        self._views: OrderedDict[int, TransferView] = OrderedDict()

    def view(self, transfer_id: int) -> TransferView | None:
        """Return a transfer that was in a page fetched before."""
        return self._views.get(transfer_id)

    async def page(self, offset: int, count: int) -> Page:
        """Return a window of transfers. Raises what the client raises."""
        window = await self._client.transfers(offset, count, self._text, self._history)
        now = self._now()
        for item in window.rows:
            self._views[item.id] = item
            self._views.move_to_end(item.id)
        while len(self._views) > MOST_VIEWS:
            self._views.popitem(last=False)
        return Page(window.total, tuple(transfer_cells(item, now) for item in window.rows))

    async def rank(self, row_id: int) -> int | None:
        """Return where a transfer is now, or None when it is not among the first pages."""
        for page in range(SEARCHED_PAGES):
            window = await self._client.transfers(page * PAGE_ROWS, PAGE_ROWS, self._text, self._history)
            for position, item in enumerate(window.rows):
                if item.id == row_id:
                    return page * PAGE_ROWS + position
            if (page + 1) * PAGE_ROWS >= window.total:
                break
        return None
