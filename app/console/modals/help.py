"""The keys of one screen, from the one table of actions."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from app.console.actions import ANYWHERE, Keys, on_screen
from app.console.modals.dialog import Dialog
from widgets.text import Line, Span, Tone, fit


class HelpScreen(Dialog[None]):
    """Read and close."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,question_mark,q", "dismiss(None)", "Close", show=False)
    ]

    def __init__(self, screen: str) -> None:
        super().__init__()
        self.TITLE_TEXT = f"Keys: {screen}"
        self._of = screen

    def on_mount(self) -> None:
        """Show the keys in force."""
        state = self.console.state
        self.query_one("#box").border_subtitle = "esc close"
        self.show_lines(help_lines(self._of, state.keys, state.read_only))


def help_lines(screen: str, keys: Keys, read_only: bool) -> list[Line]:
    """Return the keys of a screen: its own first, then those that work everywhere."""
    own: list[Line] = []
    common: list[Line] = []
    for action in on_screen(screen, read_only):
        tone = Tone.WARN if action.dangerous else Tone.TEXT
        asks = " It asks first." if action.id in {"run", "cancel"} else ""
        line = (
            Span(fit(keys.all_shown(action), 9), Tone.KEY),
            Span(fit(action.label, 14), tone),
            Span(action.help + asks, Tone.MUTED),
        )
        (common if ANYWHERE in action.screens else own).append(line)
    lines = [*own, (), *common] if own else common
    if read_only:
        notice = "READ ONLY: keys that change something are taken away."
        lines = [(Span(notice, Tone.WARN, bold=True),), (), *lines]
    return lines
