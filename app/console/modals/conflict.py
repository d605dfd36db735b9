"""Two people changed the same rule: both versions, and a choice that loses neither by accident."""

from __future__ import annotations

from textual import on
from textual.widgets import Button

from app.console.modals.decision import Decision
from widgets.text import Line

THEIRS = "theirs"
OURS = "ours"


class ConflictScreen(Decision[str | None]):
    """Returns ``THEIRS``, ``OURS``, or None to go on editing, on which it starts."""

    TITLE_TEXT = "Somebody else changed this rule meanwhile"
    HINT = "← → choose · enter · esc goes on editing"

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self._lines_to_show = lines

    def buttons(self) -> list[Button]:
        """Return going on, and each version."""
        return [
            Button("Go on editing", id="cancel", compact=True),
            Button("Keep theirs", id=THEIRS, compact=True),
            Button("Write mine over it", id=OURS, compact=True),
        ]

    def on_mount(self) -> None:
        """Show both versions."""
        self.show_lines(self._lines_to_show)

    @on(Button.Pressed)
    def _chosen(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id if event.button.id in (THEIRS, OURS) else None)
