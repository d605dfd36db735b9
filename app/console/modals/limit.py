"""A small question: how fast may the fleet's transfers go."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button, Input

from app.console.modals.dialog import Dialog
from app.console.present.units import rate_text
from config.units import parse_rate
from engine.views_bandwidth import BandwidthChange, LimitView
from widgets.text import Line, Span, Tone, plain

NONE = "none"


def change_of(text: str) -> BandwidthChange:
    """Return what was typed as a change of the fleet's limit: a rate, ``none``, or nothing for the file's own word.

    Raises ValueError with an example.
    """
    words = text.strip()
    if not words:
        return BandwidthChange(clear=True)
    if words.lower() == NONE:
        return BandwidthChange(limit_bytes_per_second=None)
    rate = parse_rate(words)
    if rate <= 0:
        raise ValueError("a limit is larger than nothing; pause the engine to stop transfers")
    return BandwidthChange(limit_bytes_per_second=rate)


class LimitScreen(Dialog[BandwidthChange | None]):
    """Shows the limit in force and takes another; None when nothing is to change."""

    TITLE_TEXT = "Bandwidth of the fleet"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", show=False)]
    AUTO_FOCUS = "#rate"
    DEFAULT_CSS = """
    LimitScreen #rate { height: 1; border: none; padding: 0 1; margin-top: 1; background: $panel; }
    """

    def __init__(self, limit: LimitView, at: float) -> None:
        super().__init__()
        self._limit = limit
        self._at = at

    def extra(self) -> list[Widget]:
        """Return the field to write in."""
        return [Input(placeholder="20MB/s, 160Mbit/s, none; empty: as the file says", id="rate", compact=True)]

    def buttons(self) -> list[Button]:
        """Return Cancel and the act."""
        return [Button("Cancel", id="cancel", compact=True), Button("Set", id="confirm", compact=True)]

    def on_mount(self) -> None:
        """Show what holds now."""
        self._show("")
        self.query_one("#box").border_subtitle = "enter sets · esc cancels"

    def _show(self, problem: str) -> None:
        limit = self._limit.limit_bytes_per_second
        now = "no limit" if limit is None else rate_text(limit)
        line = "" if self._limit.line is None else f", line {self._limit.line}"
        lines: list[Line] = [
            (Span(f"Now {now}", bold=True), Span(f" ({plain(self._limit.because)}{line})", Tone.MUTED)),
            (Span(f"{rate_text(self._limit.used_bytes_per_second)} move now.", Tone.MUTED),),
        ]
        if problem:
            lines.append((Span(plain(problem), Tone.WARN),))
        self.show_lines(lines)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._decide(event.value)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "confirm":
            self._decide(self.query_one("#rate", Input).value)
        else:
            self.dismiss(None)

    def _decide(self, text: str) -> None:
        try:
            self.dismiss(change_of(text))
        except ValueError as error:
            self._show(str(error))
