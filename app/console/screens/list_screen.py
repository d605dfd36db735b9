"""What screens with a long list share: filter as you type, marks, a detail pane, and following the engine gently."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.containers import Container
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import Worker

from app.console.present.state import ConsoleState
from app.console.screens.base import ConsoleScreen
from engine.views import SyncRequest
from widgets.paged_table import PagedTable
from widgets.table_columns import Column, TableRow
from widgets.text import Line
from widgets.text_view import TextView

TYPING_PAUSE_SECONDS = 0.08
"""How long typing or moving must rest before the engine is asked."""


class ListScreen(ConsoleScreen):
    """A table with a filter line above and a detail pane beside (or below, where it is narrow)."""

    AUTO_FOCUS: ClassVar[str | None] = "#table"
    COLUMNS: ClassVar[Sequence[Column]] = ()
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (116, "-wide")]  # noqa: RUF012 - Textual declares it on instances

    DEFAULT_CSS = """
    ListScreen {
        #filter { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
        #filter.-open { display: block; }
        #split { height: 1fr; layout: horizontal; }
        #table { width: 1fr; height: 1fr; border: round $border-blurred; border-title-color: $text-primary;
                 border-title-style: bold; border-subtitle-color: $text-muted; background: $background; }
        #table:focus { border: round $primary; }
        #detail { width: 42; height: 1fr; border: round $border-blurred; border-title-color: $text-primary;
                  border-title-style: bold; padding: 0 1; background: $background; }
        #detail:focus { border: round $primary; }
        &.-narrow #split { layout: vertical; }
        &.-narrow #detail { width: 100%; height: 9; }
        &:ansi #table, &:ansi #detail { border: round ansi_bright_black; border-title-color: ansi_blue; }
        &:ansi #table:focus, &:ansi #detail:focus { border: round ansi_blue; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.filter_text = ""
        self._shown_revision = -1
        self._shown_at = float("-inf")
        self._delays: dict[str, Timer] = {}

    def compose_body(self) -> Iterable[Widget]:
        """Return filter line, table and detail pane."""
        yield Input(id="filter", placeholder="filter, enter keeps it, esc clears it", select_on_focus=False)
        with Container(id="split"):
            yield PagedTable(self.COLUMNS, "Nothing matches.", id="table")
            yield TextView(id="detail")

    @property
    def table(self) -> PagedTable:
        """The list."""
        return self.query_one("#table", PagedTable)

    def on_mount(self) -> None:
        """Set up what cannot be said in the style sheet (the base class's own handler runs after this one)."""
        self.query_one("#filter", Input).cursor_blink = False
        self.query_one("#detail").border_title = "Detail"

    def apply_query(self) -> None:
        """Give the table its rows by filter, order and switches."""
        raise NotImplementedError

    async def detail_lines(self, row: TableRow) -> list[Line]:
        """Return what the detail pane says of a row."""
        raise NotImplementedError

    def title_words(self) -> str:
        """Return what the list's title says after its count."""
        raise NotImplementedError

    def show_state(self, state: ConsoleState) -> None:
        """Fetch again what is in view, at most every ``list_seconds``, when the engine's revision moved."""
        view = state.view
        if view is None or view.revision == self._shown_revision:
            return
        if self._shown_revision == -1:
            self._shown_revision = view.revision
            self._shown_at = self.console.clock.monotonic()
            self.apply_query()
            return
        wait = self._shown_at + self.console.list_seconds - self.console.clock.monotonic()
        if wait <= 0:
            self._follow()
        else:
            self._later("follow", wait, self._follow)

    def _follow(self) -> None:
        view = self.console.state.view
        if view is None or view.revision == self._shown_revision:
            return
        self._shown_revision = view.revision
        self._shown_at = self.console.clock.monotonic()
        self.table.invalidate()
        self._load_detail()

    def _later(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        """Do something when nothing newer of that name came for a while."""
        if (timer := self._delays.pop(name, None)) is not None:
            timer.stop()

        def due() -> None:
            self._delays.pop(name, None)
            act()

        self._delays[name] = self.set_timer(seconds, due)

    @property
    def settled(self) -> bool:
        """Whether everything that was asked for is shown."""
        detail = any(worker.group == "detail" and worker.is_running for worker in self.workers)
        return self.table.settled and not self._delays and not detail

    # -- filter -----------------------------------------------------------------------------------

    def do_filter(self) -> None:
        """Open the filter line."""
        box = self.query_one("#filter", Input)
        box.add_class("-open")
        box.focus()

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        text = event.value
        self._later("filter", TYPING_PAUSE_SECONDS, lambda: self._set_filter(text))

    @on(Input.Submitted, "#filter")
    def _kept(self, event: Input.Submitted) -> None:
        self._set_filter(event.value)
        if not event.value:
            self.query_one("#filter", Input).remove_class("-open")
        self.table.focus()

    def _set_filter(self, text: str) -> None:
        if text != self.filter_text:
            self.filter_text = text
            self.apply_query()

    def do_back(self) -> bool:
        """Clear the filter, then the marks; return whether there was something to clear."""
        box = self.query_one("#filter", Input)
        if box.has_class("-open"):
            box.value = ""
            box.remove_class("-open")
            self._set_filter("")
            self.table.focus()
            return True
        if self.table.marked:
            self.table.clear_marks()
            return True
        return False

    # -- rows -------------------------------------------------------------------------------------

    def do_mark(self) -> None:
        """Select the row, or take it back."""
        self.table.toggle_mark()

    def sync_request(self) -> SyncRequest:
        """Return the files of the marked rows, else everything. A list whose rows are no files says what it means."""
        return SyncRequest(keys=tuple(dict.fromkeys(self.table.marked.values())))

    def copy_text(self) -> str | None:
        """Return the keys of the marked rows, else of the row under the cursor."""
        table = self.table
        if table.marked:
            return "\n".join(table.marked.values())
        return table.row.key if table.row is not None else None

    @on(PagedTable.Counted)
    def _counted(self) -> None:
        self.refresh_title()

    @on(PagedTable.Failed)
    def _failed(self, event: PagedTable.Failed) -> None:
        self.console.report(event.error)

    @on(PagedTable.Highlighted)
    def _highlighted(self) -> None:
        self._later("detail", TYPING_PAUSE_SECONDS, self._load_detail)

    def load(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> None:
        """Fetch something; what was being fetched for the same purpose is given up."""
        _: Worker[None] = self.run_worker(work, group=group, exclusive=True, exit_on_error=False)

    def _load_detail(self) -> None:
        row = self.table.row
        pane = self.query_one("#detail", TextView)
        if row is None:
            pane.show([])
            return
        self.run_worker(self._fill_detail(row), group="detail", exclusive=True, exit_on_error=False)

    async def _fill_detail(self, row: TableRow) -> None:
        lines = await self.console.ask(self.detail_lines(row))
        if lines is not None and self.table.row is not None and self.table.row.id == row.id:
            self.query_one("#detail", TextView).show(lines)

    def refresh_title(self) -> None:
        """Show the counts and the switches in the border."""
        table = self.table
        marked = f" · {len(table.marked)} selected" if table.marked else ""
        table.border_title = f"{self.NAME.capitalize()}  {table.total or 0:,}{marked}"
        table.border_subtitle = self.title_words()
