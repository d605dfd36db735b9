"""The frame of everything that opens above a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button

from widgets.text import Line
from widgets.text_view import TextView

if TYPE_CHECKING:
    from app.console.app import SyncdeckApp

Result = TypeVar("Result")

FRAME_LINES = 8
"""Border, padding, buttons and a line of the screen behind above and below."""


class Dialog(ModalScreen[Result]):
    """A titled box with lines to read and, where something is asked, a row of buttons."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;
        & > #box {
            width: 84; max-width: 96%; height: auto; max-height: 100%;
            border: round $primary; border-title-color: $text-primary; border-title-style: bold;
            border-subtitle-color: $text-muted;
            background: $surface; padding: 1 2;
        }
        & > #box.-danger { border: round $warning; border-title-color: $text-warning; }
        #text { height: auto; background: $surface; }
        #buttons { height: 1; margin-top: 1; align-horizontal: right; }
        #buttons Button {
            width: auto; min-width: 10; height: 1; margin-left: 2; border: none; padding: 0 2;
            background: $panel; color: $foreground; text-style: none;
        }
        #buttons Button:focus { background: $primary; color: $background; text-style: bold underline; }
        #buttons Button:disabled { color: $text-muted; }
        &:ansi { background: transparent; }
        &:ansi > #box { border: round ansi_blue; background: ansi_default; }
        &:ansi #buttons Button:focus { background: ansi_blue; color: ansi_bright_white; }
    }
    """

    TITLE_TEXT = ""
    DANGER = False

    @property
    def console(self) -> SyncdeckApp:
        """The app, by its own type."""
        return cast("SyncdeckApp", self.app)

    def compose(self) -> ComposeResult:
        """Return the box with its text and buttons."""
        buttons = self.buttons()
        box = Vertical(id="box", classes="-danger" if self.DANGER else None)
        box.border_title = self.TITLE_TEXT
        with box:
            yield TextView(id="text", can_focus=True)
            yield from self.extra()
            if buttons:
                with Horizontal(id="buttons"):
                    yield from buttons

    def on_resize(self, event: events.Resize) -> None:
        """Leave room for frame and buttons: the text scrolls when it is longer than what remains."""
        self.query_one("#text").styles.max_height = max(3, event.size.height - FRAME_LINES)

    def buttons(self) -> list[Button]:
        """Return the buttons; the first one is Cancel and has the focus."""
        return []

    def extra(self) -> list[Widget]:
        """Return widgets between the text and the buttons."""
        return []

    def show_lines(self, lines: list[Line]) -> None:
        """Show these lines."""
        self.query_one("#text", TextView).show(lines)
