"""Screen 2: every file, where each copy is, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from app.console.actions import CATALOG, bindings_for
from app.console.explaining import explain
from app.console.modals.detail import DetailScreen
from app.console.present.details import entry_lines
from app.console.present.tables import CATALOG_COLUMNS, LARGE_FIRST, SORTABLE
from app.console.screens.list_screen import ListScreen
from app.console.sources import CatalogSource
from engine.views import CatalogQuery
from engine.views_keeping import KeepRequest
from widgets.paged_table import PagedTable
from widgets.table_columns import TableRow
from widgets.text import Line, Span, Tone

TYPES = (None, "games", "npz", "models", "checkpoint")
SHOWS = ("all", "missing", "under-replicated", "at-risk", "stale", "diverged")


class CatalogScreen(ListScreen):
    """The catalog as a window onto the engine's store: a million entries open as fast as ten."""

    NAME = CATALOG
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(CATALOG)]
    COLUMNS = CATALOG_COLUMNS

    def __init__(self) -> None:
        super().__init__()
        self._query = CatalogQuery()

    @property
    def query_shown(self) -> CatalogQuery:
        """What the list shows."""
        return self._query

    def narrow_to(self, config_key: str | None) -> None:
        """Show one config key only."""
        self._query = replace(CatalogQuery(), config_key=config_key)
        if self._shown_revision != -1:
            self.apply_query()

    def apply_query(self) -> None:
        """Show the list of the present query."""
        self._query = replace(self._query, text=self.filter_text)
        calm = self._query.show == "all" and not self.filter_text and not self._query.config_key
        self.table.set_empty("No file is known yet." if calm else "Nothing matches. esc shows everything.")
        source = CatalogSource(self.console.client, self._query, self.console.clock.now)
        self.table.set_source(source, self._query.order, self._query.descending)
        self.refresh_title()

    def title_words(self) -> str:
        """Return type, show and config key."""
        query = self._query
        words = [f"type {query.data_type or 'all'}", f"show {query.show}"]
        if query.config_key:
            words.append(f"config {query.config_key.replace('[', '(')}")
        return " · ".join(words)

    async def detail_lines(self, row: TableRow) -> list[Line]:
        """Return where each copy is and why."""
        detail = await self.console.client.entry(row.key)
        if detail is None:
            return [(Span("This file is gone.", Tone.WARN),)]
        return entry_lines(detail, self.console.clock.now(), self.console.state.names)

    @on(PagedTable.Chosen)
    async def _open(self, event: PagedTable.Chosen) -> None:
        lines = await self.console.ask(self.detail_lines(event.row))
        if lines is not None:
            self.console.push_screen(DetailScreen(lambda: lines))

    def do_explain(self) -> None:
        """Say why the file under the cursor is, or is not, at a place of the operator's choice."""
        if self.table.row is not None:
            self.run_worker(explain(self.console, self.table.row.key), group="act", exit_on_error=False)

    def keep_request(self) -> KeepRequest:
        """Return the marked files, else everything."""
        return KeepRequest(keys=tuple(self.table.marked.values()))

    def do_sort(self) -> None:
        """Sort by the next column."""
        order = SORTABLE[(SORTABLE.index(self._query.order) + 1) % len(SORTABLE)]
        self._query = replace(self._query, order=order, descending=order in LARGE_FIRST)
        self.apply_query()

    def do_reverse(self) -> None:
        """Turn the order round."""
        self._query = replace(self._query, descending=not self._query.descending)
        self.apply_query()

    def do_type(self) -> None:
        """Show the next type."""
        data_type = TYPES[(TYPES.index(self._query.data_type) + 1) % len(TYPES)]
        self._query = replace(self._query, data_type=data_type)
        self.apply_query()

    def do_show(self) -> None:
        """Show the next kind of trouble."""
        self._query = replace(self._query, show=SHOWS[(SHOWS.index(self._query.show) + 1) % len(SHOWS)])
        self.apply_query()

    def do_back(self) -> bool:
        """Clear filter or marks, then the switches."""
        if super().do_back():
            return True
        everything = CatalogQuery(order=self._query.order, descending=self._query.descending)
        if self._query != everything:
            self._query = everything
            self.apply_query()
            return True
        return False
