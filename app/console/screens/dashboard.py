"""Screen 1: what needs you, disks beside freshness, what moves, and the last hour."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.message import Message
from textual.widget import Widget

from app.console.actions import BY_ID, DASHBOARD, bindings_for
from app.console.modals.detail import DetailScreen
from app.console.present.details import finding_lines, node_lines, transfer_lines
from app.console.present.findings import CONSOLE_FINDING, action_words, finding_text, findings_model, with_config
from app.console.present.freshness import freshness_model
from app.console.present.state import ConsoleState
from app.console.present.storage import storage_model
from app.console.present.transfers import throughput_model, transfers_model
from app.console.screens.base import ConsoleScreen
from app.console.screens.dashboard_layout import Heights, side_by_side, stacked
from widgets.findings_panel import FindingsPanel
from widgets.freshness_panel import FreshnessPanel
from widgets.line_list import LineList
from widgets.panel import Panel
from widgets.storage_panel import StoragePanel
from widgets.text import Line, Span, Tone
from widgets.throughput_panel import ThroughputPanel
from widgets.transfers_panel import TransfersPanel

PANEL_IDS = ("findings", "storage", "freshness", "transfers", "throughput")


class PanelColumn(VerticalScroll):
    """The scrolling column of panels; says when it has another size, be it that a banner came or went."""

    class Sized(Message):
        """There are more or fewer lines to share."""

    def on_resize(self) -> None:
        """Tell the screen."""
        self.post_message(self.Sized())


class DashboardScreen(ConsoleScreen):
    """The dashboard. Enter opens what the cursor is on; moving past the end of a panel goes to the next."""

    NAME = DASHBOARD
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(DASHBOARD)]
    AUTO_FOCUS: ClassVar[str | None] = "#findings"

    DEFAULT_CSS = """
    DashboardScreen {
        #panels { height: 1fr; scrollbar-size-vertical: 1; }
        #middle { height: auto; layout: horizontal; }
        #storage { width: 42%; }
        #freshness { width: 58%; }
        &.-narrow #middle { layout: vertical; }
        &.-narrow #storage, &.-narrow #freshness { width: 100%; }
    }
    """

    def compose_body(self) -> Iterable[Widget]:
        """Return the panels."""
        with PanelColumn(id="panels", can_focus=False):
            yield FindingsPanel(id="findings")
            with Container(id="middle"):
                yield StoragePanel(id="storage")
                yield FreshnessPanel(id="freshness")
            yield TransfersPanel(id="transfers")
            yield ThroughputPanel(id="throughput")

    def show_state(self, state: ConsoleState) -> None:
        """Fill the panels; each redraws only the lines that changed."""
        self.query_one(FindingsPanel).show(findings_model(state, self.console.clock.now()))
        if state.view is None:
            return
        self.query_one(StoragePanel).show(storage_model(state.view))
        self.query_one(FreshnessPanel).show(freshness_model(state.view))
        self.query_one(TransfersPanel).show(transfers_model(state.view))
        self.query_one(ThroughputPanel).show(throughput_model(state.view))

    def on_descendant_focus(self) -> None:
        """Open the panel that the focus came to, where there is not room for all."""
        if self.has_class("-narrow"):
            self._share_lines()

    @on(Panel.Laid)
    @on(PanelColumn.Sized)
    def _lines_changed(self) -> None:
        self.call_next(self._share_lines)

    def _share_lines(self) -> None:
        panels = {name: self.query_one(f"#{name}", Panel) for name in PANEL_IDS}
        wanted = Heights(**{name: panel.wanted_height() for name, panel in panels.items()})
        available = self.query_one("#panels").size.height
        focused = getattr(self.focused, "id", None) or PANEL_IDS[0]
        narrow = self.has_class("-narrow")
        heights = stacked(available, wanted, focused) if narrow else side_by_side(available, wanted)
        for name, panel in panels.items():
            height = getattr(heights, name)
            panel.display = height > 0
            if panel.styles.height is None or panel.styles.height.cells != height:
                panel.styles.height = height

    @on(LineList.Edge)
    def _cursor_left_panel(self, event: LineList.Edge) -> None:
        if event.direction > 0:
            self.focus_next(LineList)
        else:
            self.focus_previous(LineList)

    @on(LineList.Chosen, "#findings")
    def _open_finding(self, event: LineList.Chosen) -> None:
        self._open(event.key, self._finding_lines, self._finding_action(event.key))

    @on(LineList.Chosen, "#storage")
    def _open_node(self, event: LineList.Chosen) -> None:
        self._open(event.key, self._node_lines)

    @on(LineList.Chosen, "#transfers")
    def _open_transfer(self, event: LineList.Chosen) -> None:
        self._open(event.key, self._transfer_lines)

    @on(LineList.Chosen, "#freshness")
    def _open_config_key(self, event: LineList.Chosen) -> None:
        self.console.open_catalog(config_key=event.key)

    def _open(self, key: str, lines: Callable[[str], list[Line]], action: str | None = None) -> None:
        self.console.push_screen(DetailScreen(lambda: lines(key), action))

    def _finding_action(self, key: str) -> str | None:
        view = self.console.state.view
        finding = next((item for item in view.findings if item.id == key), None) if view else None
        action = BY_ID.get(finding.action or "") if finding is not None else None
        return action.id if action is not None and not self.console.is_refused(action) else None

    def _finding_lines(self, key: str) -> list[Line]:
        state, now = self.console.state, self.console.clock.now()
        if key == CONSOLE_FINDING:
            return [(Span(state.error or "The engine answers again.", Tone.STRONG),), (), (Span(state.remedy),)]
        finding = next((item for item in state.view.findings if item.id == key), None) if state.view else None
        if finding is None:
            return [(Span("✓ This is mended.", Tone.GOOD),)]
        action = self._finding_action(key)
        shown = BY_ID[action] if action else None
        config = state.view.engine.config if state.view else ""
        finding = replace(finding, remedy=with_config(finding.remedy, config))
        return finding_lines(finding, now, f"Press {state.keys.shown(shown)}: {action_words(shown)}." if shown else "")

    def _node_lines(self, key: str) -> list[Line]:
        view = self.console.state.view
        if view is None:
            return []
        disk = next((item for item in view.storage if item.location == key), None)
        name = disk.node if disk is not None else key.removeprefix("node:")
        node = next((item for item in view.nodes if item.node == name), None)
        disks = tuple(item for item in view.storage if item.node == name)
        return node_lines(node, disks, self.console.clock.now(), name)

    def _transfer_lines(self, key: str) -> list[Line]:
        view = self.console.state.view
        item = next((item for item in view.running if str(item.id) == key), None) if view else None
        if item is None:
            return [(Span("This transfer does not run any more; 3 shows it in the history.", Tone.MUTED),)]
        return transfer_lines(item, self.console.clock.now())

    def copy_text(self) -> str | None:
        """Return the finding, node, config key or file under the cursor."""
        panel = self.focused
        view = self.console.state.view
        if not isinstance(panel, LineList) or panel.cursor_key is None or view is None:
            return None
        key = panel.cursor_key
        for finding in view.findings:
            if panel.id == "findings" and finding.id == key:
                return finding_text(finding)
        for item in view.running:
            if panel.id == "transfers" and str(item.id) == key:
                return item.key
        return key.removeprefix("node:")
