"""The frame of every question that something hangs on: a row of choices that starts on Cancel."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType

from app.console.modals.dialog import Dialog

Result = TypeVar("Result")


class Decision(Dialog[Result]):
    """A dangerous choice. Esc is Cancel and returns None; the arrows go from one choice to the next."""

    DANGER = True
    HINT = "← → choose · enter · esc cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Cancel", show=False),
        Binding("left", "app.focus_previous", "Left", show=False),
        Binding("right", "app.focus_next", "Right", show=False),
    ]
    AUTO_FOCUS: ClassVar[str | None] = "#cancel"

    def on_mount(self) -> None:
        """Say which keys choose."""
        self.query_one("#box").border_subtitle = self.HINT
