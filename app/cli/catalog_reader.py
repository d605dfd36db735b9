"""Reads a catalog query page by page, so that a million entries need no more memory than one page."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engine.client import EngineClient
from engine.views import CatalogQuery, CatalogRow, CatalogWindow, EntryDetail

PAGE_ROWS = 500


async def pages(engine: EngineClient, query: CatalogQuery, limit: int | None = None) -> AsyncIterator[CatalogWindow]:
    """Yield the windows of a query, up to ``limit`` rows in all."""
    offset = 0
    while limit is None or offset < limit:
        wanted = PAGE_ROWS if limit is None else min(PAGE_ROWS, limit - offset)
        window = await engine.catalog_window(query, offset, wanted)
        if window.rows:
            yield window
        offset += len(window.rows)
        if not window.rows or offset >= window.total:
            return


async def rows(engine: EngineClient, query: CatalogQuery, limit: int | None = None) -> AsyncIterator[CatalogRow]:
    """Yield the rows of a query."""
    async for window in pages(engine, query, limit):
        for row in window.rows:
            yield row


async def details(engine: EngineClient, query: CatalogQuery, limit: int | None = None) -> AsyncIterator[EntryDetail]:
    """Yield the entries of a query with their copies, in order; one that vanished meanwhile is left out."""
    async for window in pages(engine, query, limit):
        for detail in await engine.catalog_entries(query, window.offset, len(window.rows)):
            yield detail
