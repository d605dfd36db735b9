"""Screen 3: what moves, what waits and why, and what is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from app.console.actions import BY_ID, TRANSFERS, bindings_for
from app.console.modals.confirm import ConfirmScreen
from app.console.modals.detail import DetailScreen
from app.console.present.details import transfer_lines
from app.console.present.tables import TRANSFER_COLUMNS
from app.console.present.transfers import OVER, name_of
from app.console.present.units import bytes_text, plural
from app.console.screens.list_screen import ListScreen
from app.console.sources import TransferSource
from engine.transport_views import AttemptView
from engine.views import TransferView
from engine.views_keeping import KeepRequest
from widgets.paged_table import PagedTable
from widgets.table_columns import TableRow
from widgets.text import Line, Span, Tone, plain

WIDE_COLUMNS = 160
"""From here on there is room beside the list for the detail; below, the columns say more of each transfer."""


class TransfersScreen(ListScreen):
    """Queue and history. ``x`` cancels and ``t`` retries the marked transfers, else the one under the cursor."""

    NAME = TRANSFERS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(TRANSFERS)]
    COLUMNS = TRANSFER_COLUMNS
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE_COLUMNS, "-wide")]  # noqa: RUF012 - Textual declares it so

    DEFAULT_CSS = """
    TransfersScreen {
        &.-narrow #detail { height: 30%; min-height: 9; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._history = True
        self._source: TransferSource | None = None
        self._attempts: dict[int, Sequence[AttemptView]] = {}
        """Those of the transfer under the cursor."""

    def apply_query(self) -> None:
        """Show the list under the present filter."""
        self._source = TransferSource(self.console.client, self.filter_text, self._history, self.console.clock.now)
        empty = "No transfer matches. esc shows everything." if self.filter_text else "No transfer yet."
        self.table.set_empty(empty)
        self.table.set_source(self._source)
        self.refresh_title()

    def title_words(self) -> str:
        """Return whether finished transfers are shown."""
        return "with history" if self._history else "without history"

    def do_history(self) -> None:
        """Show or hide what is over."""
        self._history = not self._history
        self.apply_query()

    def _view(self, transfer_id: int) -> TransferView | None:
        return self._source.view(transfer_id) if self._source is not None else None

    async def detail_lines(self, row: TableRow) -> list[Line]:
        """Return how far it is, why it waits, what went wrong."""
        self._attempts = {row.id: await self.console.client.attempts(row.id)}
        return self._lines(row.id)

    def _lines(self, transfer_id: int) -> list[Line]:
        item = self._view(transfer_id)
        if item is None:
            return [(Span("This transfer is gone.", Tone.WARN),)]
        return transfer_lines(item, self.console.clock.now(), self._attempts.get(transfer_id, ()))

    @on(PagedTable.Chosen)
    def _open(self, event: PagedTable.Chosen) -> None:
        self.console.push_screen(DetailScreen(lambda: self._lines(event.row.id)))

    def _chosen(self, over: bool | None) -> list[TransferView]:
        """Return the marked transfers, else the one under the cursor; ``over`` keeps those that are, or are not."""
        row = self.table.row
        ids = list(self.table.marked) or ([row.id] if row is not None else [])
        views = [view for view in map(self._view, ids) if view is not None]
        return [view for view in views if over is None or (view.state in OVER) == over]

    def keep_request(self) -> KeepRequest | None:
        """Return what blocks the marked transfers, else everything; None when none of the marked ones is blocked."""
        if not self.table.marked:
            return KeepRequest()
        blocked = [view for view in self._chosen(over=False) if view.state == "blocked"]
        return KeepRequest(places=tuple((view.key, view.target) for view in blocked)) if blocked else None

    def do_cancel(self) -> None:
        """Ask, then cancel."""
        chosen = self._chosen(over=False)
        if not chosen:
            self.console.tell("Nothing to cancel: what is selected is over already.")
            return
        self.run_worker(self._cancel(chosen), group="act", exit_on_error=False)

    async def _cancel(self, chosen: list[TransferView]) -> None:
        total = sum(item.bytes_total for item in chosen)
        undo = self.console.state.keys.shown(BY_ID["undo"])
        lines: list[Line] = [
            (Span(f"{plural(len(chosen), 'transfer')}, {bytes_text(total)}, stop. Nothing of them stays behind."),),
            (Span(f"No copy is lost; the files stay where they are. {undo} takes it back.", Tone.MUTED),),
            (),
        ]
        lines += [(Span("✗ ", Tone.WARN), Span(f"{name_of(item)} → {plain(item.target)}")) for item in chosen[:20]]
        title = f"Cancel {plural(len(chosen), 'transfer')}"
        agreed = await self.console.push_screen_wait(ConfirmScreen(title, lines, "Stop them"))
        if agreed and await self.console.commands.cancel(chosen):
            self.table.clear_marks()

    def do_hold(self) -> None:
        """Pause, or let go on when all that is selected is paused."""
        chosen = [item for item in self._chosen(over=False) if item.state != "blocked"]
        if not chosen:
            self.console.tell("Nothing to pause: what is selected is over or blocked.")
            return
        self.run_worker(self.console.commands.hold(chosen), group="act", exit_on_error=False)

    def do_retry(self) -> None:
        """Try again now."""
        chosen = [item for item in self._chosen(over=None) if item.state not in {"done", "cancelled"}]
        if not chosen:
            self.console.tell("Nothing to retry: what is selected is done or cancelled.")
            return
        self.run_worker(self.console.commands.retry(chosen), group="act", exit_on_error=False)
