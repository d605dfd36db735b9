"""Where the lists of candidates and archives get their rows, and the views behind them."""

from __future__ import annotations

from collections.abc import Callable

from app.console.present.archive import archive_cells, candidate_cells
from app.console.present.places import PlaceNames
from app.console.remembering import Memory, RememberingSource
from engine.client_levers import ArchiveClient
from engine.views_archive import ArchiveRow, CandidatePage, CandidateRow
from widgets.table_columns import TableRow

MOST_SORTED = 2000
"""Candidates that the console sorts by itself; longer lists keep the engine's order."""


def candidate_memory() -> Memory[CandidateRow]:
    """Return a memory of candidates: one is a file at a location."""
    return Memory(lambda row: (row.location, row.key))


def archive_memory() -> Memory[ArchiveRow]:
    """Return a memory of archives."""
    return Memory(lambda row: row.id)


class CandidateSource(RememberingSource[CandidateRow]):
    """The candidates of one location, or of all. ``order`` "" is the engine's own."""

    def __init__(
        self,
        client: ArchiveClient,
        memory: Memory[CandidateRow],
        location: str | None,
        text: str,
        order: str,
        now: Callable[[], float],
        names: PlaceNames,
    ) -> None:
        super().__init__(memory, now)
        self._client = client
        self._location = location
        self._text = text
        self._names = names
        self.order = order
        self.free_bytes = 0
        """What archiving all that may go would free; known after the first page."""
        self.is_sorted = True

    def _cells(self, view: CandidateRow, number: int) -> TableRow:
        return candidate_cells(view, number, self._names)

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
    """The archives, those being worked on first."""

    def __init__(
        self,
        client: ArchiveClient,
        memory: Memory[ArchiveRow],
        text: str,
        now: Callable[[], float],
        names: PlaceNames,
    ) -> None:
        super().__init__(memory, now)
        self._client = client
        self._text = text
        self._names = names

    def _cells(self, view: ArchiveRow, number: int) -> TableRow:
        return archive_cells(view, number, self._now(), self._names)

    async def _window(self, offset: int, count: int) -> tuple[int, tuple[ArchiveRow, ...]]:
        page = await self._client.archives(offset, count, self._text)
        return page.total, page.rows
