"""One thing in full, kept current while it is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from app.console.actions import BY_ID
from app.console.modals.dialog import Dialog
from app.console.present.state import ConsoleState
from widgets.text import Line
from widgets.text_view import TextView


class DetailScreen(Dialog[None]):
    """Lines to read; esc or enter closes, ``y`` copies, and the key that mends the thing works here too."""

    TITLE_TEXT = "Detail"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss(None)", "Close", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]

    def __init__(self, lines: Callable[[], list[Line]], action: str | None = None) -> None:
        super().__init__()
        self._lines = lines
        self._action = action

    def on_mount(self) -> None:
        """Show the lines."""
        keys = self.console.state.keys
        mend = f"{keys.shown(BY_ID[self._action])} {BY_ID[self._action].label} · " if self._action else ""
        self.query_one("#box").border_subtitle = f"{mend}y copy · esc close"
        self.show_lines(self._lines())

    def show_state(self, _state: ConsoleState) -> None:
        """Show what became of it."""
        self.show_lines(self._lines())

    def action_copy(self) -> None:
        """Copy everything shown."""
        self.console.copy(self.query_one("#text", TextView).plain_text)

    def on_key(self, event: events.Key) -> None:
        """Close and do what mends it, when its key is pressed."""
        if self._action is not None and event.key in self.console.state.keys.of(BY_ID[self._action]):
            event.stop()
            action = self._action
            self.dismiss(None)
            self.console.call_later(self.console.action_do, action)
