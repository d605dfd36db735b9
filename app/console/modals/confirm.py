"""A question before something happens."""

from __future__ import annotations

from textual import on
from textual.widgets import Button

from app.console.modals.decision import Decision
from widgets.text import Line


class ConfirmScreen(Decision[bool]):
    """Says what would happen; True only when that is chosen."""

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

    @on(Button.Pressed)
    def _chosen(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "confirm")
