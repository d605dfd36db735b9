"""The reading half of the in-process client: every question is passed on to the part that knows."""

from __future__ import annotations

from abc import ABC, abstractmethod

from engine.catalog.keys import parse_key
from engine.parts import Parts
from engine.transport_views import AttemptView, TransportsView
from engine.views import (
    CatalogQuery,
    CatalogWindow,
    EntryDetail,
    PlanView,
    StatusView,
    TransferPage,
    TransferView,
)
from engine.views_archive import GamesView


class Shown(ABC):
    """What an engine shows. Every method raises SyncdeckError while it is not open."""

    @abstractmethod
    def _need(self) -> Parts:
        """Return the parts of the open engine; raises SyncdeckError when it is not open."""

    async def wait_for_change(self, revision: int, timeout_seconds: float) -> int:
        """Return the revision as soon as it differs from ``revision``, or after the timeout."""
        return await self._need().board.wait_for_change(revision, timeout_seconds)

    async def status(self) -> StatusView:
        """Return the newest status view."""
        return await self._need().board.status()

    async def transfers(self, offset: int, count: int, text: str = "", history: bool = True) -> TransferPage:
        """Return a window onto queue and history."""
        parts = self._need()
        revision = (await parts.board.status()).revision
        return await parts.shelf.transfers(offset, count, text, history, revision)

    async def plan(self) -> PlanView:
        """Return what would move now and what would not."""
        return await self._need().requests.plan_view()

    async def transports(self) -> TransportsView:
        """Return every transport at every node, and what each link may carry."""
        return await self._need().transports.view()

    async def transfer(self, transfer_id: int) -> TransferView | None:
        """Return one transfer, or None."""
        return await self._need().shelf.transfer(transfer_id)

    async def attempts(self, transfer_id: int) -> tuple[AttemptView, ...]:
        """Return every attempt at a transfer, oldest first."""
        return await self._need().transports.attempts(transfer_id)

    async def catalog_window(self, query: CatalogQuery, offset: int, count: int) -> CatalogWindow:
        """Return a window onto the entries that match."""
        return await self._need().shelf.window(query, offset, count)

    async def catalog_rank(self, query: CatalogQuery, entry_id: int) -> int | None:
        """Return the position of an entry in a query."""
        return await self._need().shelf.rank(query, entry_id)

    async def catalog_entries(self, query: CatalogQuery, offset: int, count: int) -> tuple[EntryDetail, ...]:
        """Return a window's entries with their copies."""
        return await self._need().shelf.entries(query, offset, count)

    async def entry(self, key: str) -> EntryDetail | None:
        """Return one entry with its copies and why it is where it is."""
        return await self._need().shelf.entry(key)

    async def games(self, key: str) -> GamesView | None:
        """Return what is known of the games of a database, as of now; raises KeyMapError for a text that is no key."""
        parts, parsed = self._need(), parse_key(key)
        await parts.games.refresh()
        return parts.games.proof(parsed)

    async def health_check(self) -> StatusView:
        """Return a status made now rather than the newest one."""
        return await self._need().board.refresh()
