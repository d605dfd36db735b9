"""Screen 5: what fills the drives, what could be archived and what may not, and the archives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widget import Widget
from textual.widgets import Input

from app.console.actions import ARCHIVE, BY_ID, bindings_for
from app.console.archiving import Archiving
from app.console.modals.detail import DetailScreen
from app.console.present.archive import (
    ARCHIVE_COLUMNS,
    CANDIDATE_COLUMNS,
    SORTABLE,
    archive_lines,
    candidate_lines,
    policy_lines,
)
from app.console.present.state import ConsoleState
from app.console.present.units import bytes_text
from app.console.screens.drive_tree import LOADING, DriveTree
from app.console.screens.list_screen import TYPING_PAUSE_SECONDS, ListScreen
from app.console.sources_archive import MOST_SORTED, ArchiveSource, CandidateSource, archive_memory, candidate_memory
from engine.views_archive import ArchivePolicyView, ArchiveRow, CandidateRow
from widgets.line_list import LineList
from widgets.paged_table import PagedTable
from widgets.table_columns import TableRow
from widgets.text import Line, Span, Tone
from widgets.text_view import TextView


class ArchiveScreen(ListScreen):
    """The lever on full disks. Marks, copy and detail belong to the list that was used last."""

    NAME = ARCHIVE
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(ARCHIVE)]
    COLUMNS = CANDIDATE_COLUMNS

    DEFAULT_CSS = """
    ArchiveScreen {
        #policy { height: auto; max-height: 4; padding: 0 1; scrollbar-size-vertical: 0; scrollbar-gutter: auto; }
        #usage { width: 42%; height: 1fr; }
        #right { width: 58%; height: 1fr; }
        #detail { width: 100%; height: 9; }
        #archives { height: 11; border: round $border-blurred; border-title-color: $text-primary;
                    border-title-style: bold; border-subtitle-color: $text-muted; background: $background; }
        #archives:focus { border: round $primary; }
        &.-narrow #usage { width: 100%; height: 4; }
        &.-narrow #usage:focus { height: 1fr; }
        &.-narrow #right { width: 100%; height: 1fr; }
        &.-narrow #right #detail { display: none; }
        &.-narrow #archives { height: 5; }
        &.-narrow #archives:focus { height: 1fr; }
        &:ansi #archives { border: round ansi_bright_black; border-title-color: ansi_blue; }
        &:ansi #archives:focus { border: round ansi_blue; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._location: str | None = None
        self._order = ""
        self._candidates: CandidateSource | None = None
        self._known_candidates = candidate_memory()
        self._known_archives = archive_memory()
        self._policy: ArchivePolicyView | None = None
        self._on_archives = False
        self.acts = Archiving(self)

    def compose_body(self) -> Iterable[Widget]:
        """Return policy, filter, usage beside candidates with their detail, and the archives."""
        yield TextView(id="policy", can_focus=False)
        yield Input(id="filter", placeholder="filter, enter keeps it, esc clears it", select_on_focus=False)
        with Container(id="split"):
            yield DriveTree(id="usage")
            with Vertical(id="right"):
                yield PagedTable(CANDIDATE_COLUMNS, "Nothing could be archived.", id="table")
                yield TextView(id="detail", can_focus=False)
        yield PagedTable(ARCHIVE_COLUMNS, "Nothing is archived yet.", id="archives")

    # -- what is shown ----------------------------------------------------------------------------

    @property
    def table(self) -> PagedTable:
        """The list that was used last."""
        return self.query_one("#archives" if self._on_archives else "#table", PagedTable)

    def _both(self) -> tuple[PagedTable, PagedTable]:
        return self.query_one("#table", PagedTable), self.query_one("#archives", PagedTable)

    @property
    def settled(self) -> bool:
        """Whether everything that was asked for is shown."""
        loading = any(worker.group in {LOADING, "policy"} and worker.is_running for worker in self.workers)
        return super().settled and all(table.settled for table in self._both()) and not loading

    @property
    def policy(self) -> ArchivePolicyView | None:
        """The automatic policy as it was last known."""
        return self._policy

    def show_state(self, state: ConsoleState) -> None:
        """Follow the engine; the tree shows the disks of the state at once."""
        first = self._shown_revision == -1
        super().show_state(state)
        if state.view is None:
            return
        drives = self.query_one(DriveTree)
        if first:
            self._load_policy()
            drives.open_first(state.view)
        drives.look()

    def apply_query(self) -> None:
        """Give both lists their rows by filter, location and order."""
        candidates, archives = self._both()
        client, now = self.console.client, self.console.clock.now
        known, text = self._known_candidates, self.filter_text
        names = self.console.state.names
        self._candidates = CandidateSource(client, known, self._location, text, self._order, now, names)
        calm = not self.filter_text and self._location is None
        candidates.set_empty("Nothing could be archived." if calm else "Nothing matches. esc shows everything.")
        archives.set_empty("No archive matches." if self.filter_text else "Nothing is archived yet.")
        candidates.set_source(self._candidates, self._order, self._order in {"size_bytes", "age_seconds"})
        archives.set_source(ArchiveSource(client, self._known_archives, text, now, names))
        self.refresh_title()

    def _follow(self) -> None:
        before = self._shown_revision
        super()._follow()
        if before == self._shown_revision:
            return
        for table in self._both():
            table.invalidate()
        self._load_policy()
        self.query_one(DriveTree).follow()

    def _load_policy(self) -> None:
        self.load(self._fill_policy, "policy")

    async def _fill_policy(self) -> None:
        policy = await self.console.ask(self.console.client.archive_policy())
        if policy is None:
            return
        self._policy = policy
        action = BY_ID["archive_allow"]
        key = "" if self.console.is_refused(action) else self.console.state.keys.shown(action)
        self.query_one("#policy", TextView).show(policy_lines(policy, self.console.clock.now(), key))

    def refresh_title(self) -> None:
        """Show counts, what is narrowed, and what could be freed, in the borders."""
        if not self.ready:
            return
        candidates, archives = self._both()
        at = f" at {self._location}" if self._location else ""
        free = self._candidates.free_bytes if self._candidates is not None else 0
        frees = f", would free {bytes_text(free)}" if free else ""
        for table, name, more in ((candidates, f"Candidates{at}", frees), (archives, "Archives", "")):
            marked = f" · {len(table.marked)} selected" if table.marked else ""
            table.border_title = f"{name}  {table.total or 0:,}{more}{marked}".replace("[", "(")
        candidates.border_subtitle = f"by {self._order.removesuffix('_bytes')}" if self._order else ""

    def title_words(self) -> str:
        """Return nothing: the borders say it."""
        return ""

    # -- detail -----------------------------------------------------------------------------------

    def _lines(self, row: TableRow) -> list[Line]:
        now = self.console.clock.now()
        if self._on_archives:
            archive = self._known_archives.view(row.id)
            return archive_lines(archive, now) if archive else [(Span("This archive is gone.", Tone.WARN),)]
        candidate = self._known_candidates.view(row.id)
        if candidate is None:
            return [(Span("This file is gone.", Tone.WARN),)]
        action = BY_ID["archive"]
        key = "" if self.console.is_refused(action) else self.console.state.keys.shown(action)
        return candidate_lines(candidate, now, key)

    async def detail_lines(self, row: TableRow) -> list[Line]:
        """Return the candidate or archive in full."""
        return self._lines(row)

    @on(PagedTable.Chosen)
    def _open_row(self, event: PagedTable.Chosen) -> None:
        lines = self._lines(event.row)
        self.console.push_screen(DetailScreen(lambda: lines))

    def do_why(self) -> None:
        """Say in full why the row may or may not go."""
        if self.table.row is not None:
            lines = self._lines(self.table.row)
            self.console.push_screen(DetailScreen(lambda: lines))

    def on_descendant_focus(self) -> None:
        """Marks, copy and detail follow the list that has the focus."""
        focused = self.focused
        if isinstance(focused, PagedTable) and self._on_archives != (focused.id == "archives"):
            self._on_archives = focused.id == "archives"
            self._later("detail", TYPING_PAUSE_SECONDS, self._load_detail)

    # -- which location, in which order ----------------------------------------------------------

    @on(DriveTree.Narrowed)
    def _narrowed(self, event: DriveTree.Narrowed) -> None:
        self.narrow_to(event.location)

    @on(LineList.Edge)
    def _left_tree(self, event: LineList.Edge) -> None:
        if event.direction > 0:
            self.query_one("#table").focus()

    def narrow_to(self, location: str | None) -> None:
        """Show the candidates of one location only, or of all."""
        if location != self._location:
            self._location = location
            self.apply_query()

    def do_sort(self) -> None:
        """Sort the candidates by the next column."""
        total = self.query_one("#table", PagedTable).total or 0
        if total > MOST_SORTED:
            self.console.tell(f"{total:,} candidates are too many to sort here: filter first, or open one drive.")
            return
        self._order = SORTABLE[(SORTABLE.index(self._order) + 1) % len(SORTABLE)]
        self.apply_query()

    def do_back(self) -> bool:
        """Clear filter or marks, then show all locations in the engine's order."""
        if super().do_back():
            return True
        if self._location is None and not self._order:
            return False
        self._location, self._order = None, ""
        self.apply_query()
        return True

    # -- what is selected, and what is done with it -----------------------------------------------

    def chosen_candidates(self) -> list[CandidateRow]:
        """Return the marked candidates, else the one under their cursor."""
        table = self.query_one("#table", PagedTable)
        ids = list(table.marked) or ([table.row.id] if table.row is not None else [])
        views = [self._known_candidates.view(number) for number in ids]
        return [view for view in views if view is not None]

    def chosen_archives(self) -> list[ArchiveRow]:
        """Return the marked archives, else the one under the cursor while it is in their list."""
        table = self.query_one("#archives", PagedTable)
        here = [table.row.id] if self._on_archives and table.row is not None else []
        views = [self._known_archives.view(number) for number in (list(table.marked) or here)]
        return [view for view in views if view is not None]

    def clear_all_marks(self) -> None:
        """Unmark everything."""
        for table in self._both():
            table.clear_marks()

    def do_archive(self) -> None:
        """Preview, then archive."""
        self.acts.archive(self.chosen_candidates())

    def do_restore(self) -> None:
        """Ask where to, then restore."""
        self.acts.restore(self.chosen_archives())

    def do_verify(self) -> None:
        """Read archives back in full."""
        self.acts.verify(self.chosen_archives())

    def do_drill(self) -> None:
        """Restore a sample into scratch space."""
        self.acts.drill()

    def do_archive_cancel(self) -> None:
        """Stop what is being written or restored."""
        self.acts.cancel(self.chosen_archives())

    def do_archive_allow(self) -> None:
        """Let the policy act, or take that back."""
        self.acts.allow(self._policy)

    def do_undo(self) -> None:
        """Take the last archiving back."""
        self.acts.undo()
