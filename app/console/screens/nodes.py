"""Screen 4: the nodes, what would be lost with each, and the levers that save it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Input

from app.console.actions import NODES, bindings_for
from app.console.explaining import explain
from app.console.modals.confirm import ConfirmScreen
from app.console.modals.detail import DetailScreen
from app.console.modals.drain import DrainScreen
from app.console.present.details import entry_lines
from app.console.present.nodes import ENTRY_COLUMNS, NODE_COLUMNS, detail_lines, risk_lines
from app.console.present.rescues import panel_lines
from app.console.present.state import ConsoleState
from app.console.remembering import Numbers
from app.console.screens.list_screen import ListScreen
from app.console.sources_nodes import EntrySource, NodeSource, is_draining
from engine.views import NodeView, StatusView, SyncRequest
from widgets.paged_table import PagedTable
from widgets.table_columns import TableRow
from widgets.text import Line, Span, Tone, plain
from widgets.text_view import TextView


class NodesScreen(ListScreen):
    """The nodes; enter lists what only the node under the cursor holds, esc leads back."""

    NAME = NODES
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(NODES)]
    COLUMNS = NODE_COLUMNS

    DEFAULT_CSS = """
    NodesScreen {
        #entries { display: none; width: 1fr; height: 1fr; border: round $border-blurred;
                   border-title-color: $text-primary; border-title-style: bold; border-subtitle-color: $text-muted;
                   background: $background; }
        #entries:focus { border: round $primary; }
        &.-drilled #entries { display: block; }
        &.-drilled #table { display: none; }
        #rescues { display: none; height: auto; max-height: 6; border: round $border-blurred; padding: 0 1;
                   border-title-color: $text-primary; border-title-style: bold; background: $background; }
        &.-rescues #rescues { display: block; }
        &:ansi #entries, &:ansi #rescues { border: round ansi_bright_black; border-title-color: ansi_blue; }
        &:ansi #entries:focus { border: round ansi_blue; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._source: NodeSource | None = None
        self._numbers = Numbers()
        self._node: str | None = None

    def compose_body(self) -> Iterable[Widget]:
        """Return filter, the rescues, the list of nodes, that of a node's files, and the detail."""
        yield Input(id="filter", placeholder="filter, enter keeps it, esc clears it", select_on_focus=False)
        yield TextView(id="rescues", can_focus=False)
        with Container(id="split"):
            yield PagedTable(NODE_COLUMNS, "No node is known yet.", id="table")
            yield PagedTable(ENTRY_COLUMNS, "Nothing: all has a durable verified copy elsewhere.", id="entries")
            yield TextView(id="detail")

    def on_mount(self) -> None:
        """Title the panel of rescues."""
        self.query_one("#rescues").border_title = "Emergencies and drains"

    # -- what is shown ----------------------------------------------------------------------------

    @property
    def table(self) -> PagedTable:
        """The list that is shown: the nodes, or what one of them alone holds."""
        return self.query_one("#table" if self._node is None else "#entries", PagedTable)

    def _view(self) -> StatusView | None:
        return self.console.state.view

    def apply_query(self) -> None:
        """Show the nodes, or one node's files."""
        if self._node is not None:
            self.table.set_source(EntrySource(self.console.client, self._node))
        else:
            self._source = NodeSource(self.console.client, self._numbers, self._view, self.filter_text)
            empty = "No node matches. esc shows everything." if self.filter_text else "No node is known yet."
            self.table.set_empty(empty)
            self.table.set_source(self._source)
        self.refresh_title()

    def sync_request(self) -> SyncRequest:
        """Return the marked files of one node, else everything: nodes are no files."""
        return SyncRequest() if self._node is None else super().sync_request()

    def title_words(self) -> str:
        """Return in which order the rows stand."""
        return "most to lose first" if self._node is None else "smallest first, as an emergency saves them"

    def refresh_title(self) -> None:
        """Show the counts, or whose files these are."""
        super().refresh_title()
        if self._node is not None:
            self.table.border_title = f"Only on {plain(self._node, 60)}  {self.table.total or 0:,}"

    def show_state(self, state: ConsoleState) -> None:
        """Follow the engine; the rescues go on between its revisions."""
        super().show_state(state)
        if state.view is not None and not state.error:
            self.load(self._load_rescues, "rescues")

    async def _load_rescues(self) -> None:
        rescues = await self.console.ask(self.console.client.rescues())
        if rescues is not None and self.is_attached:
            lines = panel_lines(rescues, self.console.clock.now())
            self.set_class(bool(lines), "-rescues")
            self.query_one("#rescues", TextView).show(lines)

    @property
    def settled(self) -> bool:
        """Whether everything that was asked for is shown."""
        loading = any(worker.group == "rescues" and worker.is_running for worker in self.workers)
        return super().settled and not loading

    async def detail_lines(self, row: TableRow) -> list[Line]:
        """Return the node, or the file, under the cursor."""
        client, now = self.console.client, self.console.clock.now()
        if self._node is not None:
            entry = await client.entry(row.key)
            return [*risk_lines(row), *(entry_lines(entry, now, self.console.state.names) if entry is not None else [])]
        node = self._node_of(row.key)
        view = self._view()
        if node is None or view is None:
            return [(Span("This node is gone.", Tone.WARN),)]
        disks = tuple(item for item in view.storage if item.node == node.node)
        detail = await client.node_detail(node.node)
        ways = [item for item in (await client.transports()).transports if item.node == node.node]
        return detail_lines(node, disks, detail, ways, now)

    def _node_of(self, name: str) -> NodeView | None:
        view = self._view()
        return next((node for node in view.nodes if node.node == name), None) if view is not None else None

    # -- drilling down ----------------------------------------------------------------------------

    @on(PagedTable.Chosen)
    async def _open(self, event: PagedTable.Chosen) -> None:
        if self._node is None:
            self._show_node(event.row.key)
            return
        lines = await self.console.ask(self.detail_lines(event.row))
        if lines is not None:
            self.console.push_screen(DetailScreen(lambda: lines))

    def _show_node(self, name: str | None) -> None:
        self._node = name
        self.set_class(name is not None, "-drilled")
        self.apply_query()
        self.table.focus()
        self._load_detail()

    def do_filter(self) -> None:
        """Filter the nodes; a node's files are not filtered."""
        if self._node is None:
            super().do_filter()
        else:
            self.console.tell("esc leads back to the nodes; their list can be filtered.")

    def do_back(self) -> bool:
        """Leave the node's files, else clear filter and marks."""
        if self._node is not None:
            self._show_node(None)
            return True
        return super().do_back()

    # -- levers -----------------------------------------------------------------------------------

    def chosen_nodes(self) -> tuple[str, ...]:
        """Return the node whose files are shown, else the marked nodes, else the one under the cursor."""
        if self._node is not None:
            return (self._node,)
        table = self.table
        if table.marked:
            return tuple(table.marked.values())
        return (table.row.key,) if table.row is not None else ()

    def do_mark(self) -> None:
        """Select the node, or take it back; single files are not selected here."""
        if self._node is None:
            self.table.toggle_mark()

    def do_emergency(self) -> None:
        """Preview, then save what only the chosen nodes hold."""
        request = SyncRequest(emergency=True, nodes=self.chosen_nodes())
        self.run_worker(self.console.commands.previewed(request), group="act", exit_on_error=False)

    def do_drain(self) -> None:
        """Show what a drain would do, then begin it; on a node that is being drained, take that back."""
        nodes = self.chosen_nodes()
        if len(nodes) != 1:
            self.console.tell("Choose one node to drain." if nodes else "There is no node to drain.")
            return
        self.run_worker(self._drain(nodes[0]), group="act", exit_on_error=False)

    async def _drain(self, node: str) -> None:
        rescues = await self.console.ask(self.console.client.rescues())
        if rescues is None:
            return
        running = any(is_draining(view) and node in view.nodes for view in rescues)
        asked = _stopping(node) if running else DrainScreen(node)
        if await self.console.push_screen_wait(asked):
            await self.console.commands.drain(node, running)

    def do_explain(self) -> None:
        """Say why a file is, or is not, on the node: the file under the cursor, else one that is asked for."""
        row = self.table.row
        if row is None:
            self.console.tell("There is no node to explain.")
            return
        key, node = (None, row.key) if self._node is None else (row.key, self._node)
        self.run_worker(explain(self.console, key, node), group="act", exit_on_error=False)

    def do_pause_node(self) -> None:
        """Pause the chosen nodes, or let them go on when all of them are paused."""
        nodes = [node for name in self.chosen_nodes() if (node := self._node_of(name)) is not None]
        if not nodes:
            self.console.tell("There is no node to pause.")
            return
        paused = all(node.paused for node in nodes)
        names = tuple(node.node for node in nodes)
        self.run_worker(self.console.commands.pause_nodes(names, paused), group="act", exit_on_error=False)


def _stopping(node: str) -> ConfirmScreen:
    lines: list[Line] = [
        (Span(f"{plain(node, 60)} takes copies again.", bold=True),),
        (Span("What was copied stays; what waits is planned anew.", Tone.MUTED),),
    ]
    return ConfirmScreen(f"Stop draining {plain(node, 40)}", lines, "Stop draining")
