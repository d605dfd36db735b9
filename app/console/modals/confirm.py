"""A question before something happens. It starts on Cancel."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Button

from app.console.modals.dialog import Dialog
from widgets.text import Line


class ConfirmScreen(Dialog[bool]):
    """Says what would happen; True only when that is chosen."""

    DANGER = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(False)", "Cancel", show=False),
        Binding("left", "app.focus_previous", "Left", show=False),
        Binding("right", "app.focus_next", "Right", show=False),
    ]
    AUTO_FOCUS = "#cancel"

    def __init__(self, title: str, lines: list[Line], verb: str) -> None:
        super().__init__()
        self.TITLE_TEXT = title
        self._lines_to_show = lines
        self._verb = verb

    def buttons(self) -> list[Button]:
        """Return Cancel and the act."""
        return [Button("Cancel", id="cancel", compact=True), Button(self._verb, id="confirm", compact=True)]

    def on_mount(self) -> None:
        """Show what would happen."""
        self.show_lines(self._lines_to_show)
        self.query_one("#box").border_subtitle = "← → choose · enter · esc cancel"

    @on(Button.Pressed)
    def _chosen(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "confirm")
